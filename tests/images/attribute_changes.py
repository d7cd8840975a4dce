"""Operations of random_changes.py that change modes, owners, times, extended attributes and ACLs."""

import errno
import os
import struct

TIMES = [-2**31 * 10**9, -1500000000, -1, 0, 1, 10**18 + 123456789, 2**31 * 10**9, 2**32 * 10**9 + 5,
         7258118400 * 10**9, 15032385535 * 10**9 + 999999999, 2**63 - 1]


def acl(random):
    """The value of an access or default ACL, with users and groups or without."""
    entries = [(1, random.randrange(8), 2**32 - 1)]
    entries += [(2, random.randrange(8), uid) for uid in sorted(random.sample(range(9), random.randrange(3)))]
    entries += [(4, random.randrange(8), 2**32 - 1)]
    entries += [(8, random.randrange(8), gid) for gid in sorted(random.sample(range(9), random.randrange(3)))]
    if len(entries) > 2:
        entries.append((16, random.randrange(8), 2**32 - 1))
    entries.append((32, random.randrange(8), 2**32 - 1))
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


class AttributeChanges:
    def do_chmod(self):
        node = self.nodes.pick("file", "dir", "device", "fifo", "socket")
        if node:
            os.chmod(node.path(), self.random.randrange(0o10000))
        return bool(node)

    def do_chown(self):
        node = self.nodes.pick()
        if node:
            ids = [self.random.choice([-1, 0, 1, 1000, 65536, 2**32 - 2]) for _ in range(2)]
            os.chown(node.path(), *ids, follow_symlinks=False)
        return bool(node)

    def do_utime(self):
        node = self.nodes.pick() if self.random.random() < 0.95 else self.nodes.root
        if node:
            os.utime(node.path(), ns=(0, self.random.choice(TIMES)), follow_symlinks=False)
        return bool(node)

    def do_set_attribute(self):
        node = self.nodes.pick()
        if not node:
            return False
        names = ["trusted.t%d" % self.random.randrange(9)]
        if node.kind in ("file", "dir"):
            names += ["user.u%d" % self.random.randrange(9), "user.größe"]
        if node.kind == "file":
            names.append("security.capability")
        name = self.random.choice(names)
        # A symlink's must fit beside its inode: where the kernel makes an inode of one, e2fsck 1.47.0
        # takes a short target for block numbers.
        limit = 60 if node.kind == "symlink" else 10000
        value = self.random.randbytes(int(limit ** self.random.random()) - 1)
        if name == "security.capability":
            value = struct.pack("<5I", 0x02000001, self.random.randrange(2**20), 0, 0, 0)
        try:
            os.setxattr(node.path(), name, value, follow_symlinks=False)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.E2BIG):
                raise
            return False
        return True

    def do_remove_attribute(self):
        node = self.nodes.pick()
        names = os.listxattr(node.path(), follow_symlinks=False) if node else []
        if not names:
            return False
        os.removexattr(node.path(), self.random.choice(names), follow_symlinks=False)
        return True

    def do_set_acl(self):
        node = self.nodes.pick("file", "dir", "device", "fifo")
        if not node:
            return False
        default = node.kind == "dir" and self.random.random() < 0.5
        try:
            os.setxattr(node.path(), "system.posix_acl_" + ("default" if default else "access"), acl(self.random))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            return False
        return True
