#!/usr/bin/env python3
"""Three nodes are killed at random moments, one, two or all at once, while records stream in: what
was acknowledged is there, once, in one order, on every node.

Every round sends records with ids of their own through one client that knows all three, kills in the
middle and starts again who was killed. What was not acknowledged is sent again under its ids.
Rounds: 30, or as many as the environment variable ROUNDS says. The seed is printed."""

import json
import os
import random
import signal
import subprocess
import uuid

from harness import Cluster, check, fail, run, temporary_directory

ROUNDS = int(os.environ.get("ROUNDS", "30"))
SEED = int(os.environ.get("SEED", "0")) or random.randrange(1, 2**32)


class Load:
    """Records, and what is known of them."""

    def __init__(self, rng):
        self.rng = rng
        self.values = {}
        self.acknowledged = {}  # id -> offset
        self.pending = []

    def batch(self, count):
        fresh = [(str(uuid.UUID(int=self.rng.getrandbits(128), version=4)), f"record {n}")
                 for n in range(len(self.values), len(self.values) + count)]
        self.values.update(fresh)
        self.pending += fresh
        return "".join(json.dumps({"id": i, "value": v}) + "\n" for i, v in self.pending)

    def take(self, answer):
        known = self.acknowledged.setdefault(answer["id"], answer["offset"])
        check(known == answer["offset"], f"id {answer['id']} at {known} and at {answer['offset']}")

    def settle(self):
        self.pending = [(i, v) for i, v in self.pending if i not in self.acknowledged]


def one_round(cluster, load, victims, stop):
    source = open(f"{cluster.work}/input", "w+", encoding="utf-8")
    source.write(load.batch(2000))
    source.flush()
    source.seek(0)
    writer = cluster.popen("log", "append", "--input", "json", "-o", "json", "-t", "20s",
                           "--window", "1", stdin=source, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE)
    limit = load.rng.randrange(0, len(load.pending))
    revived = False
    for count, line in enumerate(writer.stdout):
        load.take(json.loads(line))
        if count != limit:
            continue
        for member in victims:
            member.signal(stop)
        if len(victims) > 1:  # Without a majority the client waits for them.
            revive(victims, stop)
            revived = True
    code = writer.wait()
    # With one of three gone the client finds the new leader by itself.
    check(code == 0 or len(victims) > 1, f"log append: exit {code}: {writer.stderr.read()}")
    load.settle()
    if not revived:
        revive(victims, stop)


def revive(members, stop):
    for member in members:
        if stop == signal.SIGSTOP:
            member.signal(signal.SIGCONT)
        else:
            member.process.wait()
            member.start()


def check_logs(cluster, load):
    """After the nodes have stopped: one log, whole, on every disk."""
    logs = {}
    for member in cluster.members.values():
        check(member.stop() == 0, f"{member.name}: SIGTERM did not end in exit 0")
        run("segment", "verify", member.directory)
        rows = [json.loads(line) for line in
                run("segment", "dump", member.directory, "-o", "json").splitlines()]
        for row in rows:
            for local in ("path", "position"):
                row.pop(local, None)
        logs[member.name] = rows
    longest = max(logs.values(), key=len)
    for name, rows in logs.items():
        check(rows == longest[:len(rows)], f"{name} has another log")
    records = [row for row in longest if row["type"] == "raw"]
    check([r["offset"] for r in records] == list(range(len(records))), "offsets have a gap")
    at = {r["id"]: r for r in records}
    check(len(at) == len(records), "an id stands in the log twice")
    for record_id, offset in load.acknowledged.items():
        if record_id not in at:
            fail(f"acknowledged record {record_id} (offset {offset}) is lost")
        check(at[record_id]["offset"] == offset, f"{record_id} moved")
        check(at[record_id]["value"] == load.values[record_id], f"{record_id} has other bytes")
    return len(records)


def main():
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    load = Load(rng)
    with temporary_directory() as work, Cluster(work, 3, "--segment-bytes", "2MiB") as cluster:
        for number in range(ROUNDS):
            members = list(cluster.members.values())
            count = rng.choice([1, 1, 1, 1, 2, 3])
            victims = rng.sample(members, count)
            if count == 1 and rng.random() < 0.5:
                victims = [cluster.leader()]
            stop = signal.SIGSTOP if count == 1 and rng.random() < 0.25 else signal.SIGKILL
            one_round(cluster, load, victims, stop)
            print(f"round {number}: {stop.name} {' '.join(m.name for m in victims)}, "
                  f"{len(load.pending)} unanswered", flush=True)
            cluster.wait(3)
            for member in members:
                rows = member.json("log", "status")
                check(all(row["ok"] for row in rows), f"{member.name}: {rows}")
        load.batch(1)
        cluster.run("log", "append", "--input", "json", input=load.batch(1))
        end = len(cluster.json("log", "read"))
        for member in members:
            check(len(member.json("log", "read")) == end, f"{member.name} serves a stale read")
        total = check_logs(cluster, load)
    print(f"{len(load.acknowledged)} acknowledged, {total} in the log, none lost, none twice")


main()
