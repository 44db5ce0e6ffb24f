#!/usr/bin/env python3
"""A node that was down for long pulls what it lacks, is killed while it does, and goes on from there.

Three nodes write; one of them stops, the others write on and start again, so that no leader has any
trace in memory of what the third lacks: it must pull (Peer.Entries). As soon as it reports to have
come some way it is killed with SIGKILL, again and again. After each kill it begins no earlier than
it had reported, and its next pull no earlier than the one before. In the end all logs are equal, by
the content CRC of every entry."""

import json
import os
import pathlib
import random
import re

from entries import content_crcs
from harness import Cluster, check, eventually, fail, run, temporary_directory

SEED = int(os.environ.get("SEED", "0")) or random.randrange(1, 2**32)
KILLS = 5
STARTS_MAX = 40
RECORDS = 40_000  # Of a kilobyte: who lacks them is not done when he first reports to have come further.
BODY = "x" * 1000


class Records:
    """What is written: from offset 0 to `end`."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.end = 0

    def write(self, count):
        lines = "".join(f"{self.end + n} {BODY}\n" for n in range(count))
        self.cluster.run("log", "append", "-q", input=lines)
        self.end += count

    def leave_behind(self, rest):
        """Writes with these members, who forget that they did."""
        self.write(RECORDS)
        for member in rest:
            member.kill()
        for member in rest:
            member.start()
        self.cluster.wait(2)


def report(member):
    """What it says of its log; none while it says nothing."""
    text = member.run("log", "status", "-o", "json", exit=(0, 1, 69))
    rows = [json.loads(line) for line in text.splitlines()]
    return next((row for row in rows if row["node"] == member.name and row["ok"]), None)


def pulls(member):
    """The entry where each pull that it ever began did begin."""
    text = pathlib.Path(member.log).read_text(encoding="utf-8")
    return [int(first) for first in re.findall(r"pulls entries (\d+) to", text)]


def killed_on_the_way(member, end):
    """Starts it, and kills it when it has come further. What it reported first and last."""
    member.start()

    def settled():
        """A node that has just started answers before it has applied what is in its log."""
        now = report(member)
        return now if now and now["applied"] == now["committed"] > 0 else None

    first = eventually("it reports what it has", settled)

    def further():
        now = report(member)
        return now if now and (now["applied"] > first["applied"] or now["applied"] == end) else None

    last = eventually("it comes further", further)
    member.kill()
    return first, last


def killed_again_and_again(records, late, rest):
    # Two of three have what was acknowledged; this one may get it later.
    eventually("it has the first records",
               lambda: (report(late) or {"applied": 0})["applied"] == records.end)
    check(late.stop() == 0, "SIGTERM did not end in exit 0")
    kills = 0
    had = records.end
    for _ in range(STARTS_MAX):
        if had == records.end:
            records.leave_behind(rest)
        first, last = killed_on_the_way(late, records.end)
        check(first["next_offset"] >= had, f"it had {had} records, and comes back with {first}")
        had = last["applied"]
        kills += had < records.end
        print(f"killed at {had} of {records.end}", flush=True)
        if kills == KILLS:
            return
    fail("it is never caught on its way")


def check_pulls(late):
    begun = pulls(late)
    check(begun == sorted(begun) and len(set(begun)) > 1, f"its pulls begin at {begun}")
    print(f"pulls begin at entries {begun}")


def check_logs(cluster):
    """All are stopped, and compared."""
    logs = {}
    for member in cluster.members.values():
        check(member.stop() == 0, f"{member.name}: SIGTERM did not end in exit 0")
        run("segment", "verify", member.directory)
        logs[member.name] = content_crcs(member.directory)
    longest = max(logs.values(), key=len)
    for name, entries in logs.items():
        check(entries == longest[:len(entries)], f"{name} has another log")
        check(len(entries) >= len(longest) - 3, f"{name} is behind")
    print(f"{len(longest)} entries, equal on all")


def main():
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    with temporary_directory() as work, Cluster(work, 3, "--segment-bytes", "2MiB") as cluster:
        records = Records(cluster)
        records.write(1000)
        late = cluster[rng.choice(["n1", "n2", "n3"])]
        rest = [member for member in cluster.members.values() if member is not late]
        killed_again_and_again(records, late, rest)
        late.start()
        cluster.wait(3)
        records.write(1)
        check(len(late.run("log", "read").splitlines()) == records.end, "it lacks records")
        check_pulls(late)
        check_logs(cluster)


main()
