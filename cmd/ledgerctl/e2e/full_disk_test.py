#!/usr/bin/env python3
"""A disk that is really full, under a node and under the offline commands.

Runs in a mount namespace of its own with a small tmpfs, so that nothing is left mounted however it
ends. Where no namespace or mount may be made the test is reported as skipped."""

import json
import os
import subprocess
import sys

from harness import PROGRAM, Node, check, failed, run, temporary_directory

SKIPPED = 77


def in_a_namespace():
    """Starts this test again in a mount namespace; returns there, and nowhere else."""
    if os.environ.get("LEDGER_TEST_MOUNTS") == str(os.getppid()):
        return
    way = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    probe = subprocess.run([*way, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True,
                           text=True, check=False)
    if probe.returncode != 0:
        print(f"skipped: no file system may be mounted here: {probe.stderr.strip()}")
        sys.exit(SKIPPED)
    # `unshare` without --fork becomes the test itself, whose parent is then still this process.
    done = subprocess.run([*way, sys.executable, *sys.argv],
                          env=os.environ | {"LEDGER_TEST_MOUNTS": str(os.getpid())}, check=False)
    sys.exit(done.returncode)


def mount(directory, size):
    os.mkdir(directory)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", directory], check=True)


def fill(path):
    """Writes until nothing more goes on the disk."""
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(65536))
        except OSError:
            pass
        try:
            while True:
                file.write(bytes(512))
        except OSError:
            pass


def a_node_goes_on_reading(work):
    """Fills the disk by appending; frees some; every acknowledged record is there, once."""
    disk = f"{work}/disk"
    mount(disk, "64m")
    with open(f"{disk}/ballast", "wb") as ballast:
        ballast.write(bytes(36 << 20))
    # Of records of 3000 bytes a segment is left with room for some more when the next one has none:
    # what is refused then must not keep the node from looking at the disk again.
    with open(f"{work}/input", "w", encoding="utf-8") as lines:
        lines.writelines(f"{n} {'x' * 3000}\n" for n in range(20_000))
    node = Node(f"{disk}/n1", "--segment-bytes", "8MiB")
    node.log = f"{work}/n1.log"
    with node:
        with open(f"{work}/input", encoding="utf-8") as source:
            done = node.popen("log", "append", "-o", "json", stdin=source, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
            out, err = done.communicate(timeout=120)
        acknowledged = [json.loads(line) for line in out.splitlines()]
        error = json.loads(err.splitlines()[-1])
        told = open(node.log, encoding="utf-8").read()
        check(done.returncode == 74, f"append ended with {done.returncode}: {err}\n{told}")
        check(error["code"] == "no_space" and error["retryable"], f"{error}")
        check(error["acknowledged"] == len(acknowledged) > 100, f"{error}")
        check(error["last_offset"] == acknowledged[-1]["offset"], f"{error}")
        check("n1 has no room for the next segment (" in error["message"], error["message"])
        check("8.0 MiB needed)" in error["message"], error["message"])
        check("resumes by itself" in error["hint"], error["hint"])

        # Every kind of write is refused, and nothing is written.
        for command in (["log", "append", "x"], ["asset", "define", "USD", "--scale", "2"]):
            error = failed(74, "no_space", *command, endpoint=node.endpoint)
            check(error["retryable"], f"{error}")
        # Reads go on, and who asks how it is gets told.
        log = node.json("log", "read")
        check([r["offset"] for r in log] == list(range(len(acknowledged))), "what is read is not what was acknowledged")
        check([r["id"] for r in log] == [a["id"] for a in acknowledged], "ids differ")
        health = json.loads(node.run("health", "-o", "json", exit=1))
        check([r["code"] for r in health["reasons"]] == ["no_space"], f"{health}")
        check(health["reasons"][0]["member"] == "n1", f"{health}")
        check("no room for the next segment" in health["reasons"][0]["message"], f"{health}")
        check(node.json("log", "status")[0]["next_offset"] == len(log), "log status differs")
        run("segment", "verify", f"{disk}/n1")

        # Room again: it goes on by itself.
        os.remove(f"{disk}/ballast")
        node.run("health", "--wait", "-t", "60s")
        more = node.json("log", "append", "after")[0]
        check(more["offset"] == len(log), f"{more}")
        check(len(node.json("log", "read")) == len(log) + 1, "a record is missing")
        check(node.stop() == 0, "SIGTERM did not end in exit 0")
    told = open(node.log, encoding="utf-8").read()
    check("writes are refused" in told and "writes go on" in told, told)
    run("segment", "verify", f"{disk}/n1")
    print(f"{len(log)} records acknowledged until the disk was full, none lost")


def a_repair_on_a_full_disk(data):
    """It needs a new segment: refused, and the torn tail stands as it stood."""
    path = f"{data}/segments/0000000000000001.seg"
    with open(path, "r+b") as file:
        whole = file.read()
        end = len(whole.rstrip(b"\0"))
        file.seek(end + 64)
        file.write(b"torn")
    failed(1, "torn_tail", "segment", "verify", data)
    failed(74, "no_space", "segment", "repair", data, "--apply")
    failed(1, "torn_tail", "segment", "verify", data)
    check(run("segment", "dump", data, "--values", exit=1) == "kept\n", "a record is lost")
    with open(path, "r+b") as file:
        file.write(whole)


def a_start_on_a_full_disk(work):
    """Nothing can be founded; what was founded before is served."""
    disk = f"{work}/small"
    mount(disk, "10m")
    node = Node(f"{disk}/n1", "--segment-bytes", "2MiB")
    node.log = f"{work}/small.log"
    with node:
        node.run("log", "append", "kept")
        node.stop()
    fill(f"{disk}/ballast")
    a_repair_on_a_full_disk(node.directory)
    with node:
        check(node.run("log", "read", "--values") == "kept\n", "a record is lost")
        node.kill()
    with node:
        check(node.run("log", "read", "--values") == "kept\n", "a record is lost")
        check(node.stop() == 0, "SIGTERM did not end in exit 0")
    error = failed(74, "no_space", "node", "start", "--data-dir", f"{disk}/n2", "--bootstrap",
                   "--listen", "127.0.0.1:0", "--segment-bytes", "2MiB")
    check("start it again" in error["hint"] or "free space" in error["hint"], f"{error}")
    # It is founded as soon as there is room.
    os.remove(f"{disk}/ballast")
    with Node(f"{disk}/n2", "--segment-bytes", "2MiB") as other:
        other.run("log", "append", "now")
        other.stop()
    return node


def offline_commands(work):
    """Commands whose output disk is full say so, and leave what they had."""
    disk = f"{work}/out"
    mount(disk, "4m")
    with Node(f"{work}/n3") as node:
        node.run("log", "append", input="".join(f"{n}\n" for n in range(50_000)))
        node.stop()
    data = f"{work}/n3"
    fill(f"{disk}/ballast")
    with open(f"{disk}/dump", "wb") as dump:
        done = subprocess.run([PROGRAM, "-o", "json", "segment", "dump", data], stdout=dump,
                              stderr=subprocess.PIPE, check=False)
    error = json.loads(done.stderr)
    check(done.returncode == 74 and error["code"] == "io", f"{done.returncode} {error}")
    check("standard output" in error["message"] and error["hint"], f"{error}")

    os.remove(f"{disk}/dump")
    failed(74, "no_space", "replay", "run", f"sqlite:{disk}/books.db", "--raw", "--data-dir", data)
    os.remove(f"{disk}/ballast")
    # Less room than all rows take: what was committed stands, and a later run goes on from there.
    with open(f"{disk}/ballast", "wb") as ballast:
        ballast.write(bytes(1 << 20))
    failed(74, "no_space", "replay", "run", f"sqlite:{disk}/books.db", "--raw", "--batch", "2000",
           "--data-dir", data)
    subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
    run("replay", "run", f"sqlite:{disk}/books.db", "--raw", "--data-dir", data, "--verify")


def a_read_only_disk(work, node):
    """Reading needs no write; a start or a repair on it is refused, and says why."""
    disk = f"{work}/small"
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    run("segment", "verify", node.directory)
    check(run("segment", "dump", node.directory, "--values") == "kept\n", "a record is lost")
    for command in (["node", "start", "--data-dir", node.directory, "--listen", "127.0.0.1:0"],
                    ["segment", "repair", node.directory, "--apply"]):
        error = failed(77, "file_permission", *command)
        check("read-only" in error["message"] and node.directory in error["message"], f"{error}")
    failed(77, "file_permission", "replay", "run", f"sqlite:{disk}/books.db", "--data-dir",
           node.directory)


def main():
    in_a_namespace()
    with temporary_directory() as work:
        try:
            a_node_goes_on_reading(work)
            small = a_start_on_a_full_disk(work)
            offline_commands(work)
            a_read_only_disk(work, small)
        finally:
            for name in ("disk", "small", "out"):
                subprocess.run(["umount", "--lazy", f"{work}/{name}"], stderr=subprocess.DEVNULL,
                               check=False)


main()
