"""A directory tree as it is in memory, kept in step with one on disk: what random_changes.py picks from."""

import os
import stat

MAX_PATH = 3800  # bytes; what compares the tree puts its own path in front


class Node:
    def __init__(self, parent, name, kind):
        self.parent, self.name, self.kind = parent, name, kind
        self.children = {} if kind == "dir" else None

    def path(self):
        names = []
        node = self
        while node.parent:
            names.append(node.name)
            node = node.parent
        return b"/".join(reversed(names)) or b"."

    def is_below(self, other):
        node = self
        while node and node is not other:
            node = node.parent
        return node is other

    def depth(self):
        """Bytes of the longest path from here down."""
        below = max((child.depth() for child in self.children.values()), default=0) if self.children else 0
        return len(self.name) + 1 + below


def kind_of(mode):
    return {stat.S_IFDIR: "dir", stat.S_IFREG: "file", stat.S_IFLNK: "symlink", stat.S_IFSOCK: "socket",
            stat.S_IFIFO: "fifo"}.get(stat.S_IFMT(mode), "device")


class Nodes:
    """All nodes below the current directory, to pick from at random."""

    def __init__(self, random):
        self.random = random
        self.root = Node(None, b"", "dir")
        self.all = []
        self.places = {}
        stack = [self.root]
        while stack:
            directory = stack.pop()
            for entry in sorted(os.scandir(directory.path()), key=lambda e: e.name):
                node = self.add(directory, entry.name, kind_of(entry.stat(follow_symlinks=False).st_mode))
                if node.kind == "dir":
                    stack.append(node)

    def add(self, parent, name, kind):
        node = Node(parent, name, kind)
        parent.children[name] = node
        self.places[node] = len(self.all)
        self.all.append(node)
        return node

    def forget(self, node):
        """Takes the node and all below it out."""
        del node.parent.children[node.name]
        gone = [node]
        while gone:
            node = gone.pop()
            gone.extend((node.children or {}).values())
            at, last = self.places.pop(node), self.all.pop()
            if last is not node:
                self.all[at] = last
                self.places[last] = at

    def move(self, node, parent, name):
        del node.parent.children[node.name]
        node.parent, node.name = parent, name
        parent.children[name] = node

    def pick(self, *kinds):
        """One of these kinds, or None: what is rare is not searched for."""
        for _ in range(50):
            node = self.random.choice(self.all) if self.all else None
            if node and (not kinds or node.kind in kinds):
                return node
        return None

    def directory(self):
        return self.pick("dir") or self.root if self.random.random() < 0.9 else self.root

    def fits(self, parent, name, below=0):
        return len(parent.path()) + 1 + len(name) + below <= MAX_PATH
