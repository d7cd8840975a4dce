"""damage_layer.py whiteout|byte TAR LOWER OUT: a layer's tar without one whiteout, or with another byte in a file.

The whiteout is one of something that LOWER, the parent's tree, has. Ends with 1 where there is none.
"""

import os
import sys
import tarfile


def hides(member, lower):
    folder, name = os.path.split(member.name)
    return name.startswith(".wh.") and os.path.lexists(os.path.join(lower, folder, name[4:]))


def main(damage, path, lower, out):
    with tarfile.open(path, encoding="utf-8", errors="surrogateescape") as tar:
        members = tar.getmembers()
    with open(path, "rb") as file:
        content = bytearray(file.read())
    for member, following in zip(members, members[1:]):
        if damage == "whiteout" and hides(member, lower):
            del content[member.offset:following.offset]
            break
        if damage == "byte" and member.isreg() and not member.issparse() and member.size > 0:
            content[member.offset_data + member.size // 2] ^= 1
            break
    else:
        sys.exit(f"no {damage} to damage in {path}")
    with open(out, "wb") as file:
        file.write(content)


main(*sys.argv[1:])
