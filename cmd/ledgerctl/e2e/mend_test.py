#!/usr/bin/env python3
"""What is damaged on one node's disk comes back from the others, without an operator.

Three nodes write; one of them, or two at different places, is stopped and damaged: bytes of sealed
segments, of the newest one's header, of a vote copy and of an index, and files that are gone. It
starts, mends, catches up, and in the end all logs are equal. Then a segment is damaged under a node
that runs, which is read: it gives no wrong byte, mends and goes on. A node that nobody can help
waits, says so once, and stops when it is told to. A byte-for-byte compare ends it."""

import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import time
import urllib.request

from harness import Cluster, check, fail, run, temporary_directory
from load import stopped_logs

SEED = int(os.environ.get("SEED", "0")) or random.randrange(1, 2**32)
PATIENCE_S = 60
BODY = "x" * 1000


def load(cluster, count, name):
    lines = "".join(json.dumps({"value": f"{name} {n} {BODY}"}) + "\n" for n in range(count))
    cluster.run("log", "append", "--input", "json", "-o", "json", input=lines)


def segments(member):
    return sorted(pathlib.Path(member.directory, "segments").glob("*.seg"))


def flip(path, at):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 0x10]))


def position(member, offset):
    """The segment and the byte where this record stands."""
    row = json.loads(run("segment", "dump", member.directory, "--from", str(offset), "-n", "1",
                         "--position", "-o", "json").splitlines()[0])
    return row["path"], row["position"]


def journal(member):
    return pathlib.Path(member.log).read_text(encoding="utf-8")


def repairs(member):
    """What it counts since its process started; none while it has no metrics."""
    try:
        with urllib.request.urlopen(f"http://{member.http}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    except OSError:
        return None
    return int(next(line for line in text.splitlines()
                    if line.startswith("ledger_repairs_total ")).split()[1])


def indexes(member):
    return sorted(pathlib.Path(member.directory, "segments").glob("*.idx"))


def until(condition, what):
    """Waits for what must come; a test that waits for ever says for what."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            fail(f"{what} does not come")
        time.sleep(0.05)


def mends(cluster, members, how):
    """Starts them, and waits until all three are healthy again."""
    before = {m.name: journal(m).count("mended: ") for m in members}
    for member in members:
        member.start()
    begun = time.monotonic()
    cluster.wait(3)
    for member in members:
        mended = journal(member).count("mended: ") - before[member.name]
        check(mended == how, f"{member.name} mended {mended} times, not {how}")
        check(repairs(member) == how, f"{member.name} counts {repairs(member)} repairs, not {how}")
    print(f"  healthy after {time.monotonic() - begun:.1f} s", flush=True)


def at_rest(cluster, rng):
    def damage(member, title, spoil, how=1):
        print(f"{member.name}: {title}", flush=True)
        check(member.stop() == 0, "SIGTERM did not end in exit 0")
        spoil(member)
        mends(cluster, [member], how)
        load(cluster, 50, title)

    followers = [m for m in cluster.members.values() if m is not cluster.leader()]
    one = followers[0]
    damage(one, "a byte of a sealed segment",
           lambda m: flip(segments(m)[1], rng.randrange(5000, 1_500_000)))
    damage(one, "the header of a sealed segment", lambda m: flip(segments(m)[1], 40))
    damage(one, "a sealed segment is gone", lambda m: segments(m)[1].unlink())
    damage(one, "the header of the newest segment", lambda m: flip(segments(m)[-1], 40))
    damage(one, "the newest segment is gone", lambda m: segments(m)[-1].unlink())
    damage(one, "all segments are gone", lambda m: [path.unlink() for path in segments(m)])
    damage(one, "one copy of the vote", lambda m: flip(os.path.join(m.directory, "vote.a"), 30), 0)
    # The disk thread writes them when there is nothing else to do.
    until(lambda: indexes(one), "an index")
    damage(one, "an index", lambda m: flip(indexes(m)[0], 60), 0)
    damage(cluster.leader(), "a sealed segment of the leader is gone",
           lambda m: segments(m)[0].unlink())


def crosswise(cluster):
    print("two of three, at different places", flush=True)
    victims = list(cluster.members.values())[:2]
    for member in victims:
        member.stop()
    flip(*position(victims[0], 100)[:1], position(victims[0], 100)[1] + 100)
    flip(*position(victims[1], 3000)[:1], position(victims[1], 3000)[1] + 100)
    mends(cluster, victims, 1)


def while_it_runs(cluster):
    member = next(m for m in cluster.members.values() if m is not cluster.leader())
    print(f"{member.name}: a byte of a sealed segment, while it runs", flush=True)
    expected = cluster.leader().run("log", "read", "--from", "0", "-o", "json")
    path, at = position(member, 700)
    before = journal(member).count("mended: ")
    counted = repairs(member)
    pid = member.process.pid
    flip(path, at + 100)
    # It may be read from memory, or be met at once, or be read after it was mended: never wrongly.
    done = subprocess.run([os.environ["LEDGERCTL"], "-e", member.address, "log", "read", "--stale",
                           "--from", "0", "-o", "json"], capture_output=True, text=True,
                          timeout=120, check=False)
    check(expected.startswith(done.stdout) or done.stdout.startswith(expected),
          "damage was served to a reader")
    until(lambda: journal(member).count("mended: ") > before, "its mending")
    cluster.wait(3)
    check(member.up and member.process.pid == pid, "it did not mend in the same process")
    check(repairs(member) == counted + 1, "it does not count that it mended")
    check(member.run("log", "read", "--from", "0", "-o", "json") == expected, "another log")


def alone(cluster):
    """Nobody has it: it waits, says so once, takes part in nothing, and ends when it is told to."""
    members = list(cluster.members.values())
    print("nobody to help", flush=True)
    for member in members:
        member.stop()
    one = members[0]
    segments(one)[1].unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as watchdog:
        watchdog.bind(os.path.join(cluster.work, "watchdog"))
        watchdog.settimeout(PATIENCE_S)
        watched = {"NOTIFY_SOCKET": watchdog.getsockname(), "WATCHDOG_USEC": "30000000"}
        os.environ.update(watched)
        one.start()
        for name in watched:
            del os.environ[name]
        until(lambda: "waits, and asks again" in journal(one), "its word that it waits")
        watchdog.setblocking(False)
        while True:
            try:
                watchdog.recv(1000)
            except BlockingIOError:
                break
        watchdog.settimeout(PATIENCE_S)
        for _ in range(2):
            check(b"WATCHDOG=1" in watchdog.recv(1000), "a node that mends feeds its watchdog")
    done = subprocess.run([os.environ["LEDGERCTL"], "-e", one.address, "log", "read", "--stale",
                           "-t", "2s"], capture_output=True, text=True, timeout=60, check=False)
    check(done.returncode != 0 and done.stdout == "", "it serves reads while it mends")
    check("mends its log" in done.stderr, f"it does not say that it mends: {done.stderr}")
    check(journal(one).count("waits, and asks again") <= 3, "it says so again and again")
    one.signal(signal.SIGTERM)
    check(one.process.wait(timeout=30) == 0, "SIGTERM while mending did not end in exit 0")
    for member in members:
        member.start()
    cluster.wait(3)
    check("mended: " in journal(one), "it did not mend")


def check_logs(cluster):
    logs, longest = stopped_logs(cluster)
    for name, rows in logs.items():
        check(len(rows) >= len(longest) - 2, f"{name} is behind")
    return len(longest)


def main():
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    with temporary_directory() as work, Cluster(work, 3, "--segment-bytes", "2MiB") as cluster:
        load(cluster, 7000, "first")
        at_rest(cluster, rng)
        crosswise(cluster)
        while_it_runs(cluster)
        alone(cluster)
        count = check_logs(cluster)
    print(f"{count} records, equal on all")


main()
