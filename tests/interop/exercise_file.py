"""exercise_file.py FILE MODEL SEED COUNT: COUNT random operations on FILE, each also on a model of it.

Writes, mapped writes, reads, truncations, holes, flushes, dropped caches, another descriptor. What is read is
compared with the model at once; at the end the model is written to the file MODEL. Status 1: FILE is not as
the model.
"""

import ctypes
import mmap
import os
import random
import sys

LARGEST = 8 << 20
PUNCH_HOLE_KEEP_SIZE = 3  # linux/falloc.h
libc = ctypes.CDLL(None, use_errno=True)


class File:
    def __init__(self, path, seed):
        self.path = path
        self.random = random.Random(seed)
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT)
        self.model = bytearray()

    def some_range(self, limit):
        begin = self.random.randrange(limit)
        return begin, min(begin + self.random.choice((1, 100, 4096, 65536, 300_000)), limit)

    def fill(self, begin, end):
        self.model.extend(bytes(max(0, end - len(self.model))))
        self.model[begin:end] = self.random.randbytes(end - begin)
        return memoryview(self.model)[begin:end]

    def write(self):
        begin, end = self.some_range(LARGEST)
        os.pwrite(self.fd, bytes(self.fill(begin, end)), begin)

    def write_mapped(self):
        if self.model:
            begin, end = self.some_range(len(self.model))
            with mmap.mmap(self.fd, len(self.model)) as mapped:
                mapped[begin:end] = bytes(self.fill(begin, end))

    def read(self):
        begin, end = self.some_range(LARGEST)
        if os.pread(self.fd, end - begin, begin) != self.model[begin:end]:
            sys.exit(f"exercise_file.py: {self.path}: bytes {begin} to {end} are wrong")

    def truncate(self):
        size = self.random.randrange(LARGEST)
        os.truncate(self.fd, size)
        self.model.extend(bytes(max(0, size - len(self.model))))
        del self.model[size:]

    def punch(self):
        if self.model:
            begin, end = self.some_range(len(self.model))
            if libc.fallocate64(self.fd, PUNCH_HOLE_KEEP_SIZE, ctypes.c_int64(begin),
                                ctypes.c_int64(end - begin)) != 0:
                sys.exit(f"exercise_file.py: a hole in {self.path}: {os.strerror(ctypes.get_errno())}")
            self.model[begin:end] = bytes(end - begin)

    def flush(self):
        os.fsync(self.fd)

    def drop_cache(self):
        os.fsync(self.fd)
        os.posix_fadvise(self.fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def reopen(self):
        os.close(self.fd)
        self.fd = os.open(self.path, os.O_RDWR)


def main(path, model, seed, count):
    file = File(path, seed)
    operations = {file.write: 30, file.write_mapped: 15, file.read: 30, file.truncate: 2, file.punch: 8,
                  file.flush: 3, file.drop_cache: 5, file.reopen: 3}
    for operation in file.random.choices(list(operations), list(operations.values()), k=int(count)):
        operation()
    if os.fstat(file.fd).st_size != len(file.model):
        sys.exit(f"exercise_file.py: {path}: size {os.fstat(file.fd).st_size}, not {len(file.model)}")
    with open(model, "wb") as out:
        out.write(file.model)


main(*sys.argv[1:])
