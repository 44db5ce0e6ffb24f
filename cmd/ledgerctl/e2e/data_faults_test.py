#!/usr/bin/env python3
"""Data directories that are not as a node left them: what every command says, and that the command
which the hint names does what it promises."""

import json
import os
import pathlib
import re
import shlex
import shutil
import struct
import subprocess

from harness import PROGRAM, Node, check, failed, run, temporary_directory

TABLE = []
for byte in range(256):
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    TABLE.append(byte)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def segment(data, number):
    return pathlib.Path(f"{data}/segments/{number:016}.seg")


def segments(data):
    return sorted(int(p.stem) for p in pathlib.Path(f"{data}/segments").glob("*.seg"))


def start(data):
    return ["node", "start", "--data-dir", data, "--listen", "127.0.0.1:0"]


def offline(data, scratch):
    """The commands that read the whole of a log."""
    return (["segment", "verify", data], ["segment", "dump", data], ["segment", "repair", data],
            ["replay", "run", f"sqlite:{scratch}", "--data-dir", data])


def every_reader(data, exit, code, told, *, of=lambda _: True):
    """Each command fails alike, and changes nothing; a node may have begun its term before it met the
    damage."""
    before = contents(data)
    for command in [*offline(data, f"{data}.db"), start(data)]:
        if not of(command):
            continue
        if command[0] == "node":
            check(before == contents(data), "an offline command has written something")
        error = failed(exit, code, *command)
        check(error["message"].startswith(data), f"{command} names no path: {error}")
        check(re.search(told, error["message"]), f"{command}: {error}")
        if command[0] == "node":
            check("start the node" not in error["hint"], f"a node is told to start it: {error}")
    after = contents(data)
    changed = [name for name in before if before[name] != after.get(name)]
    own = {"lock", "vote.a", "vote.b", "segments/next.tmp", str(segment(".", segments(data)[-1]))}
    check(set(changed) <= own, f"{changed} changed")


def contents(data):
    return {str(p.relative_to(data)): p.read_bytes() for p in pathlib.Path(data).rglob("*")
            if p.is_file()}


def missing_segment(data):
    os.remove(segment(data, segments(data)[1]))
    every_reader(data, 65, "offset_gap", r"missing")
    out = subprocess.run([PROGRAM, "segment", "dump", data, "--values"], capture_output=True,
                         text=True, check=False).stdout
    check(out.startswith("0 ") and out.count("\n") > 100, "the records before the gap are not shown")


def lost_newest(data):
    os.remove(segment(data, segments(data)[-1]))
    every_reader(data, 65, "offset_gap", r"missing", of=lambda c: c[1] != "dump")


def newer_segment(data):
    """The header says a later format, and its checksum holds."""
    path = segment(data, segments(data)[-1])
    head = bytearray(path.read_bytes()[:4096])
    struct.pack_into("<I", head, 12, 99)
    struct.pack_into("<I", head, 8, crc32c(head[12:]))
    with path.open("r+b") as file:
        file.write(head)
    every_reader(data, 78, "format_too_new", r"format 99, this build knows up to 1")


def newer_identity(data):
    path = pathlib.Path(f"{data}/node")
    path.write_text(path.read_text(encoding="utf-8").replace("format 1", "format 99"),
                    encoding="utf-8")
    error = failed(78, "format_too_new", *start(data))
    check("format 99, this build knows up to 1" in error["message"], f"{error}")


def newer_votes(data):
    for name in ("vote.a", "vote.b"):
        path = pathlib.Path(f"{data}/{name}")
        copy = bytearray(path.read_bytes())
        struct.pack_into("<I", copy, 12, 99)
        struct.pack_into("<I", copy, 8, crc32c(copy[12:512]))
        path.write_bytes(copy)
    every_reader(data, 78, "format_too_new", r"99, this build knows up to 1")


def newer_rules(data):
    """The last entry was decided by rules that this build does not know."""
    path = segment(data, segments(data)[-1])
    file = bytearray(path.read_bytes())
    at = struct.unpack_from("<I", file, 16)[0]
    last = None
    while struct.unpack_from("<I", file, at)[0] != 0 or file[at + 8:at + 16] != bytes(8):
        if file[at + 108] == 1:
            last = at
        at += 112 + struct.unpack_from("<I", file, at + 4)[0]
    check(last is not None, "the newest segment has no records")
    size = struct.unpack_from("<I", file, last + 4)[0]
    file[last + 109] = 99
    struct.pack_into("<I", file, last + 24,
                     crc32c(file[last + 72:last + 112] + file[last + 112:last + 112 + size]))
    struct.pack_into("<I", file, last, crc32c(file[last + 4:last + 112]))
    path.write_bytes(file)
    # Its bytes are as they were written; who would have to judge them must not.
    run("segment", "verify", data)
    for command in (start(data), offline(data, f"{data}.db")[3]):
        error = failed(78, "rules_too_new", *command)
        check("99" in error["message"], f"{error}")


def no_identity(data):
    os.remove(f"{data}/node")
    error = failed(65, "corrupt_segment", *start(data))
    check(data in error["message"] and "'node' is missing" in error["message"], f"{error}")


def no_votes(data):
    for name in ("vote.a", "vote.b"):
        pathlib.Path(f"{data}/{name}").write_bytes(bytes(512))
    error = failed(65, "corrupt_segment", *start(data))
    check("term and vote are not known" in error["message"], f"{error}")


def another_cluster(data, other):
    shutil.rmtree(f"{data}/segments")
    shutil.copytree(f"{other}/segments", f"{data}/segments")
    every_reader(data, 78, "cluster_id_mismatch", r"cluster")


def a_flipped_bit(data):
    """The hint's command can be typed as it stands, and afterwards the node starts."""
    path = segment(data, segments(data)[1])
    with path.open("r+b") as file:
        file.seek(8192)
        byte = file.read(1)[0]
        file.seek(8192)
        file.write(bytes([byte ^ 1]))
    every_reader(data, 65, "corrupt_segment", r"seg: bad CRC at byte \d+ \(record offset \d+\)")
    by_reader = failed(65, "corrupt_segment", "segment", "verify", data)["hint"]
    # A file alone may lack the witness that tells damage from a torn tail.
    done = subprocess.run([PROGRAM, "-o", "json", "segment", "verify", str(path)],
                          capture_output=True, text=True, check=False)
    by_file = json.loads(done.stderr)
    named = re.search(r"segment repair (.*?) --(truncate-at|apply)", by_file["hint"])
    check(done.returncode in (65, 1) and named and shlex.split(named[1]) == [data], f"{by_file}")
    hint = failed(65, "corrupt_segment", *start(data))["hint"]
    command = re.search(r"'(ledgerctl segment repair .* --apply --yes)'", hint)
    check(command is not None, f"the hint names no command: {hint}")
    check(command[0] in by_reader, f"{by_reader}")
    check(by_file["message"].startswith(str(path)), f"{by_file}")
    words = shlex.split(command[1])
    check(words[3] == data, f"the hint names another directory: {words}")
    done = subprocess.run(["bash", "-c", command[1]], capture_output=True, text=True, check=False,
                          env=os.environ | {"PATH": f"{os.path.dirname(PROGRAM)}:{os.environ['PATH']}"})
    check(done.returncode == 0, f"{command[1]}: {done.stderr}")
    with Node(data) as node:
        kept = len(node.json("log", "read"))
        check(kept == int(words[words.index("--truncate-at") + 1]), f"{kept} records are left")
        node.stop()


def a_torn_tail(data):
    """So can that of a torn tail."""
    path = segment(data, segments(data)[-1])
    with path.open("r+b") as file:
        file.seek(-5, os.SEEK_END)
        file.write(b"torn!")
    error = failed(1, "torn_tail", "segment", "verify", data)
    command = re.search(r"'(ledgerctl segment repair .* --apply)'", error["hint"])
    check(command is not None and shlex.split(command[1])[3] == data, f"{error}")
    run(*shlex.split(command[1])[1:])
    run("segment", "verify", data)


def main():
    with temporary_directory() as work:
        for name in ("n1", "n2"):
            with Node(f"{work}/{name}", "--segment-bytes", "2MiB") as node:
                node.run("log", "append", input="".join(f"{n} {'x' * 1000}\n" for n in range(6000)))
                check(node.stop() == 0, "SIGTERM did not end in exit 0")
        check(len(segments(f"{work}/n1")) >= 3, "too few segments to lose one")
        for fault in (missing_segment, lost_newest, newer_segment, newer_identity, newer_votes,
                      newer_rules, no_identity, no_votes, a_flipped_bit, a_torn_tail):
            # A name that a shell would take apart.
            copy = f"{work}/it's {fault.__name__}"
            shutil.copytree(f"{work}/n1", copy)
            fault(copy)
            shutil.rmtree(copy)
            print(f"{fault.__name__}: as expected")
        another_cluster(f"{work}/n1", f"{work}/n2")


main()
