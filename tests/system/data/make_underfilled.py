#!/usr/bin/env python3
"""Writes pool metadata whose details tree is one delete away from an under-filled node.

make_underfilled.py FILE

The details tree is root -> one internal child -> 84 leaves of 42 entries, the least a leaf may hold. A kernel that
deletes a device first folds the root into its child and then does not look at the leaf, which keeps 41 entries
(thinsnap-format(5)). By messages alone the shape takes ten thousand deletes, so it is built by hand here. All 3528
devices share one empty mapping tree.
"""

import struct
import sys

BLOCK = 4096
BLOCKS = 512
LEAVES, LEAF_ENTRIES = 84, 42
DATA_BLOCKS = 256
SUPERBLOCK, NODE, BITMAP, INDEX = 160774, 121107, 240779, 160478

TABLE = []
for byte in range(256):
    for _ in range(8):
        byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
    TABLE.append(byte)


def checksum(block, salt):
    crc = 0xFFFFFFFF
    for byte in block[4:]:
        crc = (crc >> 8) ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ salt


class Image:
    def __init__(self):
        self.blocks = [bytes(BLOCK)]
        self.counts = {0: 1}

    def reserve(self):
        self.blocks.append(bytes(BLOCK))
        self.counts[len(self.blocks) - 1] = 1
        return len(self.blocks) - 1

    def put(self, number, content, salt):
        block = bytearray(content.ljust(BLOCK, b"\0"))
        struct.pack_into("<Q", block, 8, number)
        struct.pack_into("<I", block, 0, checksum(block, salt))
        self.blocks[number] = bytes(block)
        return number

    def node(self, leaf, entries, value_size=8):
        """entries: (key, packed value)"""
        room = (BLOCK - 32) // (8 + value_size) // 3 * 3
        keys = b"".join(struct.pack("<Q", key) for key, _ in entries)
        values = b"".join(value for _, value in entries)
        header = struct.pack("<IIQIIII", 0, 2 if leaf else 1, 0, len(entries), room, value_size, 0)
        return self.put(self.reserve(), header + keys.ljust(8 * room, b"\0") + values, NODE)

    def internal(self, children):
        return self.node(False, [(key, struct.pack("<Q", child)) for key, child in children])

    def tree(self, entries, per_leaf, value_size):
        return [
            (entries[i][0], self.node(True, entries[i:i + per_leaf], value_size))
            for i in range(0, len(entries), per_leaf)
        ]


def bitmap(counts, size):
    content = bytearray(BLOCK)
    for entry in range(size):
        field = {0: 0, 1: 2, 2: 1}.get(counts.get(entry, 0), 3)
        content[16 + entry // 4] |= field << 2 * (entry % 4)
    return bytes(content)


def index_entry(block, counts):
    return struct.pack("<QII", block, 16320 - len(counts), 0)


def build():
    image = Image()
    devices = range(LEAVES * LEAF_ENTRIES)
    mapping = image.node(True, [])
    image.counts[mapping] = len(devices)

    top = image.internal(image.tree([(d, struct.pack("<Q", mapping)) for d in devices], 252, 8))
    no_details = struct.pack("<QQII", 0, 0, 0, 0)
    leaves = image.tree([(d, no_details) for d in devices], LEAF_ENTRIES, 24)
    details = image.internal([(0, image.internal(leaves))])

    data_bitmap = image.put(image.reserve(), bitmap({}, DATA_BLOCKS), BITMAP)
    data_index = image.node(True, [(0, index_entry(data_bitmap, {}))], 16)
    data_overflow = image.node(True, [], 4)
    overflow = image.node(True, [(mapping, struct.pack("<I", len(devices)))], 4)
    own_bitmap, own_index = image.reserve(), image.reserve()
    image.put(own_bitmap, bitmap(image.counts, BLOCKS), BITMAP)
    image.put(own_index, bytes(16) + index_entry(own_bitmap, image.counts), INDEX)

    superblock = bytearray(BLOCK)
    struct.pack_into("<QII", superblock, 32, 27022010, 2, 0)
    struct.pack_into("<QQQQ", superblock, 64, DATA_BLOCKS, 0, data_index, data_overflow)
    struct.pack_into("<QQQQ", superblock, 192, BLOCKS, len(image.counts), own_index, overflow)
    struct.pack_into("<QQIIQ", superblock, 320, top, details, 128, 8, BLOCKS)
    image.put(0, bytes(superblock), SUPERBLOCK)
    return b"".join(image.blocks).ljust(BLOCKS * BLOCK, b"\0")


if __name__ == "__main__":
    with open(sys.argv[1], "wb") as file:
        file.write(build())
