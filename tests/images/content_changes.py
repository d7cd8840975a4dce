"""Operations of random_changes.py that change the content of files."""

import os
import shutil
import stat


class ContentChanges:
    def do_create(self):
        self.make(*self.place(), "file")

    def do_rewrite(self):
        return self.write(lambda file: (file.truncate(0), file.write(self.content())))

    def do_append(self):
        return self.write(lambda file: (file.seek(0, 2), file.write(self.content())))

    def do_write_within(self):
        def change(file):
            file.seek(self.random.randrange(os.fstat(file.fileno()).st_size + 1))
            file.write(self.content(5000))
        return self.write(change)

    def do_truncate(self):
        return self.write(lambda file: file.truncate(int(500000 ** self.random.random())))

    def do_sparse(self):
        def change(file):
            for _ in range(self.random.randrange(1, 8)):
                file.seek(int(20000000 ** self.random.random()))
                file.write(self.content(9000))
            if self.random.random() < 0.3:
                os.posix_fallocate(file.fileno(), self.random.randrange(10**6), self.random.randrange(1, 10**6))
            if self.random.random() < 0.5:
                file.truncate(os.fstat(file.fileno()).st_size + self.random.randrange(300000))
        return self.write(change)

    def write(self, change):
        node = self.nodes.pick("file")
        if not node:
            return False
        with self.open(node, os.O_RDWR) as file:
            change(file)
        return True

    def do_same_again(self):
        """Writes what is there and restores the time: nothing has changed."""
        node = self.nodes.pick("file")
        if not node:
            return False
        status = os.lstat(node.path())
        with self.open(node, os.O_RDWR) as file:
            content = file.read(1 << 20)
            file.seek(0)
            file.write(content)
        os.utime(node.path(), ns=(0, status.st_mtime_ns))
        os.chown(node.path(), status.st_uid, status.st_gid)
        os.chmod(node.path(), stat.S_IMODE(status.st_mode))
        return True

    def do_same_copy(self):
        """Another file just like it takes its place."""
        node = self.nodes.pick("file")
        if not node or not self.nodes.fits(node.parent, self.new_name(node.parent)):
            return False
        path, status = node.path(), os.lstat(node.path())
        copy = b"/".join([node.parent.path(), b"copy"])
        if os.path.lexists(copy):
            return False
        shutil.copyfile(path, copy)
        os.chown(copy, status.st_uid, status.st_gid)
        os.chmod(copy, stat.S_IMODE(status.st_mode))
        for name in os.listxattr(path):
            os.setxattr(copy, name, os.getxattr(path, name))
        os.utime(copy, ns=(0, status.st_mtime_ns))
        os.rename(copy, path)
        return True
