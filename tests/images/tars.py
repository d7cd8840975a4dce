"""Tars with bytes that do not depend on the day: what the generators of images share."""

import io
import tarfile

TIME = 1000000000


class Layer:
    """One layer's tar. Every method adds an entry; `pax` holds records of its extended header."""

    def __init__(self, path, format=tarfile.PAX_FORMAT):
        self.tar = tarfile.open(path, "w", format=format, encoding="utf-8", errors="surrogateescape")

    def add(self, name, type=tarfile.REGTYPE, content=b"", link="", mode=0o644, uid=0, gid=0,
            mtime=TIME, device=(0, 0), pax=None):
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.mode, info.mtime = type, link, mode, mtime
        info.uid, info.gid, info.size = uid, gid, len(content)
        info.devmajor, info.devminor = device
        info.pax_headers = dict(pax or {})
        self.tar.addfile(info, io.BytesIO(content))

    def file(self, name, content=b"", **more):
        self.add(name, content=content, **more)

    def directory(self, name, **more):
        self.add(name, tarfile.DIRTYPE, **{"mode": 0o755, **more})

    def symlink(self, name, target, **more):
        self.add(name, tarfile.SYMTYPE, link=target, **more)

    def link(self, name, target, **more):
        self.add(name, tarfile.LNKTYPE, link=target, **more)

    def whiteout(self, name):
        folder, _, base = name.rpartition("/")
        self.file((folder + "/" if folder else "") + ".wh." + base)

    def opaque(self, folder):
        self.file((folder + "/" if folder else "") + ".wh..wh..opq")

    def close(self):
        self.tar.close()
