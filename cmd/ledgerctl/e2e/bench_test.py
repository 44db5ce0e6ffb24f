#!/usr/bin/env python3
"""`bench` over a throw-away cluster: it measures, and nothing of it is left, however it ends."""

import json
import os
import pathlib
import signal
import subprocess
import time

from harness import PROGRAM, check, fail, temporary_directory

PATIENCE_S = 60


def children(work):
    """Nodes over this directory, by their command lines."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")
        except (OSError, NotADirectoryError):
            continue
        if b"node" in command and any(part.startswith(work.encode()) for part in command):
            found.append(int(entry.name))
    return found


def until(what, probe):
    end = time.monotonic() + PATIENCE_S
    while not probe():
        if time.monotonic() > end:
            fail(f"never came: {what}")


def bench(work, *arguments, **options):
    environment = {**os.environ, "TMPDIR": work}
    return subprocess.Popen([PROGRAM, "bench", *arguments], env=environment, text=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, **options)


def ends(work, process, *codes):
    out, err = process.communicate(timeout=PATIENCE_S * 2)
    check(process.returncode in codes, f"exit {process.returncode}, expected {codes}\n{err}")
    check(not children(work), "nodes are left")
    check(not os.listdir(work), f"files are left: {os.listdir(work)}")
    return out


def measures(work):
    for workload in ("append", "read", "tx"):
        out = ends(work, bench(work, "--workload", workload, "--nodes", "3", "--count", "300",
                               "--clients", "5", "-o", "json"), 0)
        row = json.loads(out)
        check(row["count"] == 300 and row["nodes"] == 3 and row["errors"] == 0, f"{row}")
        check(0 < row["p50_ms"] <= row["p90_ms"] <= row["p99_ms"] <= row["p999_ms"] <= row["max_ms"],
              f"{workload}: percentiles out of order: {row}")
        check(row["cpu_us"] > 0 and row["per_second"] > 0, f"{row}")
    text = ends(work, bench(work, "--count", "300"), 0).splitlines()
    check(text[0].split()[:3] == ["WORKLOAD", "CLIENTS", "OPS/S"] and text[2] == "", f"{text}")
    parts = [float(line.split("%")[0].split()[-1]) for line in text[3:]]
    check(abs(sum(parts) - 100) < 1 and any("█" in line for line in text[3:]), f"{text}")


def keeps_its_rate(work):
    """200 requests at 200 a second take one, also where all could be made at once."""
    row = json.loads(ends(work, bench(work, "--rate", "200", "--count", "200", "-o", "json"), 0))
    check(row["elapsed_ms"] >= 990, f"too early: {row}")


def ends_with_its_user(work):
    process = bench(work, "--nodes", "3", "--duration", "10m")
    until("three nodes", lambda: len(children(work)) == 3)
    process.send_signal(signal.SIGINT)
    ends(work, process, 130)

    # Nobody is asked when it is killed: its nodes go all the same.
    process = bench(work, "--nodes", "3", "--duration", "10m")
    until("three nodes", lambda: len(children(work)) == 3)
    process.kill()
    process.communicate()
    until("no nodes", lambda: not children(work))


def main():
    for story in (measures, keeps_its_rate, ends_with_its_user):
        with temporary_directory() as work:
            story(work)


main()
