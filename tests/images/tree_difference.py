"""tree_difference.py LOWER UPPER: what `thinsnap diff` is to say, found by walking both trees.

LOWER and UPPER are mounts of two file systems, of which UPPER began as a copy of LOWER: inode numbers
mean the same in both.
"""

import filecmp
import os
import stat
import sys

PRINTABLE = {"\n": "\\n", "\t": "\\t", "\\": "\\\\"}


def printable(path):
    """As thinsnap shows names."""
    text = ""
    for c in path.decode("utf-8", "surrogateescape"):
        if c in PRINTABLE:
            text += PRINTABLE[c]
        elif ord(c) < 32 or ord(c) == 127:
            text += "\\x%02x" % ord(c)
        elif 128 <= ord(c) < 160:
            text += "".join("\\x%02x" % byte for byte in c.encode())
        elif "\udc80" <= c <= "\udcff":
            text += "\\x%02x" % (ord(c) - 0xdc00)
        else:
            text += c
    return text


class Walk:
    def __init__(self, lower, upper):
        self.tops = os.fsencode(lower), os.fsencode(upper)
        self.changes = []

    def paths(self, path):
        return [top + path for top in self.tops]

    def directory(self, path):
        """Compares what is in a directory of both. Says whether anything differs."""
        before, now = [set(os.listdir(name)) for name in self.paths(path)]
        self.changes += [("D", path + b"/" + name) for name in before - now]
        changed = bool(before - now)
        for name in now:
            entry = path + b"/" + name
            changed |= self.added(entry) if name not in before else self.entry(entry)
        return changed

    def added(self, path):
        self.changes.append(("A", path))
        self.below_added(path)
        return True

    def below_added(self, path):
        top = self.tops[1] + path
        if stat.S_ISDIR(os.lstat(top).st_mode):
            for name in os.listdir(top):
                self.added(path + b"/" + name)

    def entry(self, path):
        before, now = [os.lstat(name) for name in self.paths(path)]
        if not stat.S_ISDIR(now.st_mode):
            changed = self.file_changed(path, before, now)
        elif not stat.S_ISDIR(before.st_mode):
            changed = True
            self.below_added(path)
        else:
            changed = self.directory(path)
            changed |= self.attributes_changed(path, before, now)
        if changed:
            self.changes.append(("C", path))
        return changed

    def attributes_changed(self, path, before, now):
        if any(getattr(before, f) != getattr(now, f) for f in ["st_mode", "st_uid", "st_gid", "st_mtime_ns"]):
            return True
        attributes = [{key: os.getxattr(name, key, follow_symlinks=False)
                       for key in os.listxattr(name, follow_symlinks=False)} for name in self.paths(path)]
        return attributes[0] != attributes[1]

    def file_changed(self, path, before, now):
        if stat.S_ISDIR(before.st_mode) or self.attributes_changed(path, before, now):
            return True
        # Names of one file: another file in its place is no longer the other name's.
        if before.st_ino != now.st_ino and (before.st_nlink > 1 or now.st_nlink > 1):
            return True
        names = self.paths(path)
        if stat.S_ISREG(now.st_mode):
            return before.st_size != now.st_size or not filecmp.cmp(*names, shallow=False)
        if stat.S_ISLNK(now.st_mode):
            return os.readlink(names[0]) != os.readlink(names[1])
        return before.st_rdev != now.st_rdev


def main(lower, upper):
    walk = Walk(lower, upper)
    walk.directory(b"")
    for change, path in sorted(walk.changes, key=lambda entry: entry[1].split(b"/")):
        sys.stdout.buffer.write(f"{change} {printable(path)}\n".encode())


main(*sys.argv[1:])
