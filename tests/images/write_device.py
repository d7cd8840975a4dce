"""write_device.py THINSNAP DEVICE OLD NEW: makes of a thin device with the content of the file OLD one with that of NEW.

Only chunks that differ are written, as a mounted device would have it.
"""

import errno
import os
import subprocess
import sys

CHUNK = 65536


def data_chunks(file):
    """The numbers of the chunks in which the file has data."""
    chunks, at = set(), 0
    while True:
        try:
            at = os.lseek(file.fileno(), at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return chunks
            raise
        end = os.lseek(file.fileno(), at, os.SEEK_HOLE)
        chunks.update(range(at // CHUNK, (end + CHUNK - 1) // CHUNK))
        at = end


def main(thinsnap, device, old_path, new_path):
    with open(old_path, "rb") as old, open(new_path, "rb") as new:
        def same(chunk):
            at = chunk * CHUNK
            return os.pread(old.fileno(), CHUNK, at) == os.pread(new.fileno(), CHUNK, at)

        changed = sorted(chunk for chunk in data_chunks(old) | data_chunks(new) if not same(chunk))
        while changed:
            length = next((i for i, chunk in enumerate(changed) if chunk != changed[0] + i), len(changed))
            at = changed[0] * CHUNK
            subprocess.run([thinsnap, "device", "write", device, "--offset", str(at)], check=True,
                           input=os.pread(new.fileno(), length * CHUNK, at), stdout=subprocess.DEVNULL)
            changed = changed[length:]


main(*sys.argv[1:])
