"""files.py TAR: 70,000 small files in one layer."""

import random
import sys

from tars import Layer


def main(path):
    chance = random.Random(70000)
    layer = Layer(path)
    layer.directory("./")
    made = 0
    for top in range(35):
        layer.directory(f"pkg{top:02}")
        for sub in range(20):
            folder = f"pkg{top:02}/mod{sub:02}"
            layer.directory(folder)
            for number in range(100):
                size = min(int(chance.lognormvariate(7.3, 1.2)), 200000)
                layer.file(f"{folder}/file{number:03}.py", chance.randbytes(size),
                           mtime=1000000000 + made)
                made += 1
    layer.close()


main(sys.argv[1])
