"""odd_layers.py DIR EXCEPT: layers with everything that a tar can say and few say.

EXCEPT gets options for compare_trees: what umoci takes from the clock. Left out is what umoci 0.4.7
does otherwise than tar(1) would: empty extended attributes and the texts of ACLs are dropped, user
attributes of symlinks and GNU's first form of sparse files are an error.
"""

import os
import struct
import subprocess
import sys
import tarfile

from tars import Layer, TIME

ACL = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", *entry)
    for entry in [(1, 6, 0xFFFFFFFF), (2, 6, 1000), (4, 4, 0xFFFFFFFF), (16, 6, 0xFFFFFFFF),
                  (32, 0, 0xFFFFFFFF)])
CAPABILITY = struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0)


def xattrs(**values):
    """Names with '_' for '.'; values are bytes, which tarfile takes as text."""
    return {"SCHILY.xattr." + name.replace("__", "."): value.decode("utf-8", "surrogateescape")
            for name, value in values.items()}


def bytes_name(raw):
    return raw.decode("utf-8", "surrogateescape")


def lower(layer):
    layer.directory("./", mode=0o755)
    layer.directory("types")
    layer.file("types/file", b"content\n")
    layer.symlink("types/symlink", "file", uid=5, gid=6)
    layer.add("types/character", tarfile.CHRTYPE, device=(1, 3), mode=0o666)
    layer.add("types/block", tarfile.BLKTYPE, device=(259, 70000), mode=0o660)
    layer.add("types/fifo", tarfile.FIFOTYPE, mode=0o600)
    layer.directory("types/sticky", mode=0o1777)
    layer.file("types/setuid", b"x", mode=0o6755, uid=1, gid=2)
    layer.file("types/none", b"x", mode=0)
    layer.file("types/ids", b"x", uid=4000000000, gid=3000000)
    layer.directory("times")
    for name, pax in [("before-1970", "-1.5"), ("just-before-1970", "-0.25"), ("1902", "-2145916800"),
                      ("nanoseconds", "1234567890.123456789"), ("2040", "2208988800.5"),
                      ("2200", "7258118400")]:
        layer.file("times/" + name, b"t", pax={"mtime": pax})
        layer.directory("times/d-" + name, pax={"mtime": pax})
    layer.directory("names")
    layer.file("names/new\nline", b"1")
    layer.file("names/ \t*?[\\'\"", b"2")
    layer.file("names/" + bytes_name("größe-日本-🙂".encode()), b"3")
    layer.file("names/" + "l" * 255, b"5")
    deep = "names"
    for level in range(14):
        deep += f"/{level:02}" + "d" * 240
        layer.directory(deep)
    layer.file(deep + "/file", b"6")
    layer.symlink("names/long-target", "t" * 4000)
    layer.directory("xattrs")
    layer.file("xattrs/capability", b"x", mode=0o755, pax=xattrs(security__capability=CAPABILITY))
    layer.file("xattrs/user", b"x", pax=xattrs(user__text=b"value", user__binary=b"a=b\n\x01\x7f"))
    layer.file("xattrs/trusted", b"x", pax=xattrs(trusted__x=b"value"))
    layer.file("xattrs/large", b"x", pax=xattrs(user__large=b"v" * 3000))
    layer.file("xattrs/acl", b"x", mode=0o660, pax=xattrs(system__posix_acl_access=ACL))
    layer.directory("xattrs/acl-directory", mode=0o760,
                    pax=xattrs(system__posix_acl_access=ACL, system__posix_acl_default=ACL))
    layer.directory("links")
    layer.file("links/one", b"linked\n")
    layer.link("links/two", "links/one")
    layer.link("links/three", "./links/one")
    layer.link("links/symlink", "types/symlink")
    layer.link("links/character", "/types/character")
    layer.directory("real")
    layer.symlink("absolute", "/real")
    layer.symlink("out", "../../../real")
    layer.file("absolute/by-absolute", b"1")
    layer.file("out/by-out", b"2")
    layer.file("implicit/parent/file", b"x")
    for name in ["whited", "opaque", "opaque-late", "partly"]:
        layer.directory(name)
        layer.directory(name + "/sub")
        layer.file(name + "/lower", b"lower")
        layer.file(name + "/sub/lower", b"lower")
    layer.file("to-directory", b"x")
    layer.directory("to-file")
    layer.file("to-file/x", b"x")
    layer.symlink("to-real", "real")
    layer.file("duplicate", b"first")
    layer.file("duplicate", b"second and last")
    layer.directory("metadata", mode=0o700, pax=xattrs(user__old=b"1"))
    layer.file("metadata/child", b"x")
    layer.file("/leading/slash", b"x")
    layer.file("./dot//slashes/./x", b"x")


def upper(layer):
    layer.directory("metadata", mode=0o711, uid=7, mtime=TIME + 5, pax=xattrs(user__new=b"2"))
    layer.link("links/from-above", "links/one")
    layer.link("links/symlink-from-above", "links/symlink")
    layer.link("links/block-from-above", "types/block")
    layer.whiteout("whited")
    layer.whiteout("never-was")
    layer.whiteout("types/fifo")
    layer.opaque("opaque")
    layer.file("opaque/upper", b"upper")
    layer.file("opaque-late/upper", b"upper")
    layer.file("opaque-late/sub/upper", b"upper")
    layer.opaque("opaque-late")
    layer.file("partly/lower", b"replaced")
    layer.whiteout("partly/lower")
    layer.whiteout("partly/sub")
    layer.directory("to-directory")
    layer.file("to-directory/x", b"x")
    layer.file("to-file", b"now a file")
    layer.directory("to-real")
    layer.file("to-real/own", b"x")
    layer.file("links/two", b"no longer linked")


def gnu_layer(folder, path):
    """What only GNU tar writes: sparse files and long names in its own format."""
    tree = os.path.join(folder, "tree")
    os.makedirs(os.path.join(tree, "gnu", "n" * 150))
    with open(os.path.join(tree, "gnu", "sparse"), "wb") as file:
        for at in range(0, 3000000, 300000):
            file.seek(at)
            file.write(b"data at %d" % at)
        file.truncate(5000000)
    with open(os.path.join(tree, "gnu", "n" * 150, "m" * 150), "wb") as file:
        file.write(b"long")
    os.symlink("t" * 300, os.path.join(tree, "gnu", "long-target"))
    for number, options in enumerate([["--format=gnu"],
                                      ["--format=posix", "--sparse", "--sparse-version=0.0"],
                                      ["--format=posix", "--sparse", "--sparse-version=0.1"],
                                      ["--format=posix", "--sparse", "--sparse-version=1.0"]]):
        os.rename(os.path.join(tree, "gnu" if number == 0 else f"gnu{number - 1}"),
                  os.path.join(tree, f"gnu{number}"))
        subprocess.run(["tar", *options, "--sort=name", "--owner=0", "--group=0", "--numeric-owner",
                        f"--mtime=@{TIME}", "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,"
                        "delete=ctime" if "posix" in options[0] else "--no-acls",
                        "-C", tree, "-cf", f"{path}-{number}.tar", f"gnu{number}"], check=True)
    subprocess.run(["rm", "-r", tree], check=True)


def main(folder, exceptions):
    os.makedirs(folder)
    for name, fill in [("1-lower", lower), ("3-upper", upper)]:
        layer = Layer(os.path.join(folder, name + ".tar"))
        fill(layer)
        layer.close()
    gnu_layer(folder, os.path.join(folder, "2-gnu"))
    with open(exceptions, "w", encoding="utf-8") as file:
        # Directories made on the way have the time of the clock, and so has what they are made in, and
        # a directory below an opaque one in which something is hidden.
        for path in [".", "implicit", "implicit/parent", "leading", "dot", "dot/slashes",
                     "opaque-late/sub"]:
            file.write(f"--ignore-mtime={path}\n")


main(*sys.argv[1:])
