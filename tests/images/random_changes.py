"""random_changes.py DIR SEED COUNT: changes a tree by COUNT random operations, as root.

What it does depends on the seed and the tree alone, but for the times that the kernel gives. No name
begins with '.wh.': no layer can hold one.
"""

import os
import random
import shutil
import stat
import sys

from attribute_changes import AttributeChanges
from content_changes import ContentChanges
from name_changes import NameChanges
from tree_nodes import Nodes

NAMES = [b"new\nline", "größe-日本-🙂".encode(), b"\xff\xfe no text", b" blank ", b"back\\slash", b"-rf",
         b".wh", b".whx", b"...", b"wh.x", b"12 path=x\n", b"\x01\x7f", b"'\"$(x)", b"l" * 255]
MAX_NODES = 6000


class Changes(ContentChanges, NameChanges, AttributeChanges):
    """Each method whose name begins with do_ is an operation; it says False when it found nothing to do."""

    WEIGHTS = {"create": 16, "rewrite": 8, "append": 5, "write_within": 5, "truncate": 4, "sparse": 3,
               "same_again": 4, "same_copy": 3, "rename": 10, "rename_over": 3, "unlink": 6, "remove_tree": 1,
               "mkdir": 8, "symlink": 5, "link": 8, "device": 3, "fifo": 2, "socket": 2, "chmod": 6,
               "chown": 5, "set_attribute": 8, "remove_attribute": 3, "set_acl": 4, "utime": 6,
               "change_type": 4, "rebuild": 3, "file_and_back": 2, "many": 0.2}

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.nodes = Nodes(self.random)
        self.count = 0

    def run(self, count):
        names = list(self.WEIGHTS)
        weights = list(self.WEIGHTS.values())
        done = 0
        while done < count:
            name = self.random.choices(names, weights)[0]
            if len(self.nodes.all) > MAX_NODES:
                name = "remove_tree"
            if getattr(self, "do_" + name)() is not False:
                done += 1

    # What operations are made of.

    def new_name(self, parent):
        while True:
            self.count += 1
            name = b"n%d" % self.count
            choice = self.random.random()
            if choice < 0.15:
                name = self.random.choice(NAMES)
            elif choice < 0.3:
                name += b"x" * self.random.randrange(1, 250)
            if name not in parent.children:
                return name

    def place(self):
        parent = self.nodes.directory()
        name = self.new_name(parent)
        if not self.nodes.fits(parent, name):
            parent = self.nodes.root
            name = self.new_name(parent)
        return parent, name

    def content(self, limit=200000):
        size = int(limit ** self.random.random())
        return self.random.randbytes(size) if self.random.random() < 0.7 else b"z" * size

    def open(self, node, flags):
        return open(os.open(node.path(), flags | os.O_NOFOLLOW), "r+b", buffering=0)

    def make(self, parent, name, kind):
        path = b"/".join([parent.path(), name])
        if kind == "file":
            with open(path, "xb") as file:
                file.write(self.content())
        elif kind == "dir":
            os.mkdir(path)
        elif kind == "symlink":
            os.symlink(self.target(), path)
        elif kind == "fifo":
            os.mkfifo(path)
        elif kind == "socket":
            os.mknod(path, stat.S_IFSOCK | 0o755)
        else:
            number = os.makedev(self.random.randrange(4096), self.random.randrange(2**20))
            os.mknod(path, self.random.choice([stat.S_IFCHR, stat.S_IFBLK]) | 0o600, number)
        return self.nodes.add(parent, name, kind)

    def target(self):
        other = self.nodes.pick()
        return self.random.choice([b"dangling", b"/", b"../../..", b"new\nline", b"t" * 4000, b"t" * 59,
                                   b"t" * 60, other.path() if other else b"x"])

    def remove(self, node):
        if node.kind == "dir":
            shutil.rmtree(node.path())
        else:
            os.unlink(node.path())
        self.nodes.forget(node)


def main(directory, seed, count):
    os.chdir(directory)
    Changes(seed).run(int(count))


main(*sys.argv[1:])
