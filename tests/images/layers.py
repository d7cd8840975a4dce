"""layers.py DIR: the tars of 200 layers that change each other's files."""

import os
import sys

from tars import Layer


def main(folder):
    os.makedirs(folder)
    there = set()  # names of files in the tree so far
    for number in range(200):
        layer = Layer(os.path.join(folder, f"{number:03}.tar"))
        if number == 0:
            layer.directory("./")
            for name in range(20):
                layer.directory(f"d{name:02}")
        mine = f"d{number % 20:02}"
        layer.directory(mine, mtime=1000000000 + number)
        own = f"{mine}/own{number:03}"
        layer.file(own, b"%d\n" % number * (number % 50 * 40 + 1))
        layer.file("counter", b"%d\n" % number, mtime=1000000000 + number)
        old = f"{mine}/own{number - 20:03}"
        if old in there:
            layer.link(f"{mine}/link{number:03}", old)
        older = f"{mine}/own{number - 40:03}"
        if older in there and number % 3 == 0:
            layer.whiteout(older)
            there.discard(older)
        if number % 50 == 49:
            hidden = f"d{(number + 7) % 20:02}"
            layer.opaque(hidden)
            there = {name for name in there if not name.startswith(hidden + "/")}
        there.add(own)
        layer.close()


main(sys.argv[1])
