"""Operations of random_changes.py that make, move and remove files of all types."""

import os


class NameChanges:
    def do_rename(self):
        node = self.nodes.pick()
        parent, name = self.place()
        if not node or parent.is_below(node) or not self.nodes.fits(parent, name, node.depth()):
            return False
        os.rename(node.path(), b"/".join([parent.path(), name]))
        self.nodes.move(node, parent, name)
        return True

    def do_rename_over(self):
        node, other = self.nodes.pick(), self.nodes.pick()
        if not node or node is other or other.is_below(node) or node.is_below(other):
            return False
        if not self.nodes.fits(other.parent, other.name, node.depth()):
            return False
        if node.kind == "dir" or other.kind == "dir":
            if node.kind != other.kind or other.children:
                return False
        a, b = os.lstat(node.path()), os.lstat(other.path())
        if a.st_ino == b.st_ino:  # rename(2) of one name of a file to another does nothing
            return False
        os.rename(node.path(), other.path())
        parent, name = other.parent, other.name
        self.nodes.forget(other)
        self.nodes.move(node, parent, name)
        return True

    def do_unlink(self):
        node = self.nodes.pick("file", "symlink", "device", "fifo", "socket")
        return bool(node) and self.remove(node)

    def do_remove_tree(self):
        node = self.nodes.pick("dir")
        # A tree that loses a tenth at once would soon be empty.
        limit = max(20, len(self.nodes.all) // 20)
        return bool(node) and self.size(node) <= limit and self.remove(node)

    def size(self, node):
        return 1 + sum(self.size(child) for child in (node.children or {}).values())

    def do_mkdir(self):
        self.make(*self.place(), "dir")

    def do_symlink(self):
        self.make(*self.place(), "symlink")

    def do_link(self):
        node = self.nodes.pick("file", "symlink", "device", "fifo", "socket")
        parent, name = self.place()
        if not node:
            return False
        os.link(node.path(), b"/".join([parent.path(), name]), follow_symlinks=False)
        self.nodes.add(parent, name, node.kind)
        return True

    def do_device(self):
        self.make(*self.place(), "device")

    def do_fifo(self):
        self.make(*self.place(), "fifo")

    def do_socket(self):
        self.make(*self.place(), "socket")

    def do_change_type(self):
        node = self.nodes.pick()
        if not node or self.size(node) > 6:
            return False
        parent, name = node.parent, node.name
        self.remove(node)
        self.make(parent, name, self.random.choice(["file", "dir", "symlink", "device", "fifo", "socket"]))
        return True

    def do_file_and_back(self):
        """A directory is replaced by a file, and that by a directory again, with some of its old names."""
        return self.replace_directory(lambda path: (open(path, "xb").close(), os.unlink(path)))

    def do_rebuild(self):
        return self.replace_directory(lambda path: None)

    def replace_directory(self, between):
        node = self.nodes.pick("dir")
        if not node or self.size(node) > 12:
            return False
        parent, name, path = node.parent, node.name, node.path()
        kept = [(child.name, child.kind) for child in node.children.values() if self.random.random() < 0.5]
        self.remove(node)
        between(path)
        node = self.make(parent, name, "dir")
        for child, kind in kept:
            self.make(node, child, kind)
        return True

    def do_many(self):
        """A directory that the kernel indexes."""
        parent = self.nodes.directory()
        if not self.nodes.fits(parent, b"", 260):
            return False
        for _ in range(self.random.randrange(30, 300)):
            self.make(parent, self.new_name(parent), "file" if self.random.random() < 0.2 else "symlink")
        return True
