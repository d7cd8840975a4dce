"""promises.py write DIR RECORD [--changes N] [--no-sync]    changes files below DIR
promises.py check DIR PROMISED [TRIED]                 whether DIR holds what was promised

The writer tells RECORD, a file outside DIR, of each change before it begins ("try") and when fsync has
promised it ("done"), and goes on where a record ends. Without --changes it writes until that fails: with
status 3 then. With --no-sync it promises what it has only written, which the check has to find out.

The check takes the promises from one record and what may be there beyond them from another, if the first
was copied while the writer went on. Status 1 and a line for each broken promise.
"""

import argparse
import hashlib
import os
import random
import sys

BLOCK = 4096
BLOCKS = 4096
KEEP_FILES = 100


def content(name, size):
    """Bytes that no other name has."""
    return hashlib.shake_128(name.encode()).digest(size)


def block_content(number, generation):
    head = f"{number} {generation}\n".encode()
    return head + content(f"block {number} {generation}", BLOCK - len(head))


def generation_of(number, data):
    """Which generation of the block that is: 0 for zeros, None if it is none."""
    if data in (b"", bytes(BLOCK)):
        return 0
    try:
        generation = int(data[:40].split(b"\n")[0].split()[1])
    except (IndexError, ValueError):
        return None
    return generation if data == block_content(number, generation) else None


def file_content(name, size):
    return content(f"file {name}", size)


def log_content(begin, end):
    """The log's bytes are the numbers of its lines, 16 bytes a line."""
    return b"".join(b"%015d\n" % line for line in range(begin // 16, end // 16))


class Record:
    """What one record tells, folded."""

    def __init__(self, path):
        self.blocks = {"try": {}, "done": {}}
        self.files = {"try": {}, "done": {}}
        self.removed = {"try": set(), "done": set()}
        self.log = {"try": 0, "done": 0}
        self.lines = 0
        if os.path.exists(path):
            with open(path, encoding="ascii") as lines:
                for line in lines:
                    self.take(*line.split())
                    self.lines += 1

    def take(self, stage, what, name, number):
        if what == "block":
            self.blocks[stage][int(name)] = int(number)
        elif what == "file":
            self.files[stage][name] = int(number)
        elif what == "remove":
            self.removed[stage].add(name)
        else:
            self.log[stage] = int(number)


class Writer:
    def __init__(self, directory, record, sync):
        self.directory = directory
        self.sync = os.fsync if sync else lambda _: None
        state = Record(record)
        self.generations = state.blocks["try"]
        self.log_size = state.log["done"]
        self.next_file = 1 + max((int(name) for name in state.files["try"]), default=0)
        self.present = [name for name in state.files["done"] if name not in state.removed["try"]]
        self.out = os.open(record, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.makedirs(f"{directory}/files", exist_ok=True)
        self.blocks = os.open(f"{directory}/blocks", os.O_RDWR | os.O_CREAT)
        self.log = os.open(f"{directory}/log", os.O_WRONLY | os.O_CREAT)
        self.files = os.open(f"{directory}/files", os.O_RDONLY)
        parents = [os.open(path, os.O_RDONLY) for path in (directory, os.path.dirname(directory))]
        for fd in (self.blocks, self.log, self.files, *parents):
            self.sync(fd)
        for fd in parents:
            os.close(fd)

    def tell(self, stage, what, name, number):
        os.write(self.out, f"{stage} {what} {name} {number}\n".encode())

    def change(self):
        kind = random.random()
        if kind < 0.6:
            self.write_block()
        elif kind < 0.8:
            self.append()
        elif kind < 0.92 or len(self.present) < KEEP_FILES:
            self.make_file()
        else:
            self.remove_file()

    def write_block(self):
        number = random.randrange(BLOCKS)
        generation = self.generations.get(number, 0) + 1
        self.generations[number] = generation
        self.tell("try", "block", number, generation)
        os.pwrite(self.blocks, block_content(number, generation), number * BLOCK)
        self.sync(self.blocks)
        self.tell("done", "block", number, generation)

    def append(self):
        end = self.log_size + 16 * random.randrange(1, 1000)
        self.tell("try", "log", "-", end)
        os.pwrite(self.log, log_content(self.log_size, end), self.log_size)
        self.sync(self.log)
        self.tell("done", "log", "-", end)
        self.log_size = end

    def make_file(self):
        name, size = str(self.next_file), random.randrange(100_000)
        self.next_file += 1
        self.tell("try", "file", name, size)
        path = f"{self.directory}/files/{name}"
        fd = os.open(f"{path}.part", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            os.write(fd, file_content(name, size))
            self.sync(fd)
        finally:
            os.close(fd)
        os.rename(f"{path}.part", path)
        self.sync(self.files)
        self.tell("done", "file", name, size)
        self.present.append(name)

    def remove_file(self):
        name = self.present.pop(random.randrange(len(self.present)))
        self.tell("try", "remove", name, 0)
        os.unlink(f"{self.directory}/files/{name}")
        self.sync(self.files)
        self.tell("done", "remove", name, 0)


def read_whole(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def broken_blocks(directory, promised, tried):
    data = read_whole(f"{directory}/blocks") or b""
    for number, newest in tried.blocks["try"].items():
        oldest = promised.blocks["done"].get(number, 0)
        generation = generation_of(number, data[number * BLOCK:(number + 1) * BLOCK])
        if generation is None or not oldest <= generation <= newest:
            yield f"block {number}: generation {generation}, not {oldest} to {newest}"


def broken_files(directory, promised, tried):
    for name, size in promised.files["done"].items():
        data = read_whole(f"{directory}/files/{name}")
        if data is None:
            if name not in tried.removed["try"]:
                yield f"file {name}: missing"
        elif name in promised.removed["done"]:
            yield f"file {name}: removed and still there"
        elif data != file_content(name, size):
            yield f"file {name}: wrong content"


def broken_log(directory, promised):
    end = promised.log["done"]
    data = read_whole(f"{directory}/log") or b""
    if len(data) < end:
        yield f"log: {len(data)} bytes, not {end}"
    elif data[:end] != log_content(0, end):
        yield "log: wrong content"


def check(directory, promised, tried):
    broken = [*broken_blocks(directory, promised, tried), *broken_files(directory, promised, tried),
              *broken_log(directory, promised)]
    for line in broken[:20]:
        print(line)
    kept = len(promised.blocks["done"]) + len(promised.files["done"]) + promised.log["done"] // 16
    if kept == 0:
        print("nothing was promised")
    print(f"{len(broken)} broken promises in {promised.lines} lines of the record")
    return 1 if broken or kept == 0 else 0


def write(arguments):
    try:
        writer = Writer(arguments.directory, arguments.record, not arguments.no_sync)
        done = 0
        while arguments.changes is None or done < arguments.changes:
            writer.change()
            done += 1
    except OSError as error:
        print(f"promises.py: {error}", file=sys.stderr)
        return 3
    return 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=("write", "check"))
    parser.add_argument("directory")
    parser.add_argument("record")
    parser.add_argument("tried", nargs="?")
    parser.add_argument("--changes", type=int)
    parser.add_argument("--no-sync", action="store_true")
    arguments = parser.parse_args()
    if arguments.command == "write":
        return write(arguments)
    return check(arguments.directory, Record(arguments.record), Record(arguments.tried or arguments.record))


sys.exit(main())
