"""uncompress.py LAYOUT TAR: puts TAR, uncompressed, in the place of the image's only layer."""

import hashlib
import json
import os
import shutil
import sys


def blob(layout, digest):
    return os.path.join(layout, "blobs", *digest.split(":"))


def put_json(layout, value):
    data = json.dumps(value).encode()
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    with open(blob(layout, digest), "wb") as out:
        out.write(data)
    return {"digest": digest, "size": len(data)}


def main(layout, tar):
    with open(os.path.join(layout, "index.json"), encoding="utf-8") as file:
        index = json.load(file)
    with open(blob(layout, index["manifests"][0]["digest"]), encoding="utf-8") as file:
        manifest = json.load(file)
    with open(tar, "rb") as file:
        digest = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    os.remove(blob(layout, manifest["layers"][0]["digest"]))
    shutil.copyfile(tar, blob(layout, digest))
    manifest["layers"][0] = {
        "mediaType": "application/vnd.oci.image.layer.v1.tar",
        "digest": digest,
        "size": os.path.getsize(tar),
    }
    os.remove(blob(layout, index["manifests"][0]["digest"]))
    index["manifests"][0].update(put_json(layout, manifest))
    with open(os.path.join(layout, "index.json"), "w", encoding="utf-8") as file:
        json.dump(index, file)


main(*sys.argv[1:])
