#!/usr/bin/env -S python3 -B
"""The kept inputs of the fuzz targets: tests/fuzz/corpus/TARGET.txt, an input a line with \\xNN for what is no printable ASCII.

    tests/fuzz/corpus.py unpack TARGET FOLDER    a file for each input
    tests/fuzz/corpus.py pack TARGET FOLDER...   of all files of the folders, the shortest first, as many as BYTES hold; what begins
                                                 with `found` in its name is always kept
"""
import hashlib
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BYTES = {"api": 4 * 1024} # each of its inputs takes milliseconds
BYTES_OF_OTHERS = 32 * 1024 # all of them are small in the repository
HEAD = "# Made by tests/fuzz/corpus.py: inputs of fuzz_%s, each on a line.\n"


def path_of(target):
    return os.path.join(HERE, "corpus", target + ".txt")


def escaped(data):
    return "".join(chr(b) if 32 <= b < 127 and b != 92 else "\\\\" if b == 92 else "\\x%02x" % b for b in data)


def plain(line):
    return re.sub(rb"\\(x[0-9a-f]{2}|\\)", lambda m: bytes([int(m[1][1:], 16)]) if len(m[1]) > 1 else b"\\", line.encode())


def unpack(target, folder):
    os.makedirs(folder, exist_ok=True)
    for name in os.listdir(folder):
        os.unlink(os.path.join(folder, name))
    if not os.path.exists(path_of(target)):
        return
    with open(path_of(target)) as f:
        inputs = [plain(line.rstrip("\n")) for line in f if not line.startswith("# ")]
    for data in inputs:
        with open(os.path.join(folder, hashlib.sha1(data).hexdigest()), "wb") as f:
            f.write(data)


def pack(target, folders):
    found, others = set(), set()
    for folder in folders:
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), "rb") as f:
                (found if name.startswith("found") else others).add(f.read())
    lines, room = [escaped(data) for data in sorted(found, key=lambda d: (len(d), d))], BYTES.get(target, BYTES_OF_OTHERS)
    for data in sorted(others - found, key=lambda d: (len(d), d)):
        room -= len(escaped(data)) + 1
        if room < 0:
            break
        lines.append(escaped(data))
    with open(path_of(target), "w") as f:
        f.write(HEAD % target + "".join(line + "\n" for line in lines))
    print("%s: %d of %d inputs, %d bytes" % (target, len(lines), len(found | others), os.path.getsize(path_of(target))))


if __name__ == "__main__":
    if len(sys.argv) < 4 or sys.argv[1] not in ("pack", "unpack"):
        sys.exit(__doc__)
    os.makedirs(os.path.join(HERE, "corpus"), exist_ok=True)
    if sys.argv[1] == "unpack":
        unpack(sys.argv[2], sys.argv[3])
    else:
        pack(sys.argv[2], sys.argv[3:])
