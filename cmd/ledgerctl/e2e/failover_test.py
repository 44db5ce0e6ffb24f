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

from harness import Cluster, check, temporary_directory
from load import Load, check_logs

ROUNDS = int(os.environ.get("ROUNDS", "30"))
SEED = int(os.environ.get("SEED", "0")) or random.randrange(1, 2**32)


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
