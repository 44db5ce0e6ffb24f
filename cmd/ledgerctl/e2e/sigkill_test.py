#!/usr/bin/env python3
"""A node is killed at random moments while records stream in: what it acknowledged is there, once.

Every round sends records with ids of their own, kills the node in the middle, starts it again and
sends everything that was not acknowledged again under the same ids, as a script would after exit 75.
Rounds: 10, or as many as the environment variable ROUNDS says. The seed is printed."""

import json
import os
import random
import subprocess
import uuid

from harness import Node, check, fail, run, temporary_directory

ROUNDS = int(os.environ.get("ROUNDS", "10"))
SEED = int(os.environ.get("SEED", "0")) or random.randrange(1, 2**32)


def lines(records):
    return "".join(json.dumps({"id": i, "value": v}) + "\n" for i, v in records)


def main():
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    fresh = (f"record {n}" for n in range(10**9))
    acknowledged = {}  # id -> offset
    values = {}
    pending = []
    with temporary_directory() as work:
        node = Node(f"{work}/n1", "--segment-bytes", "2MiB")
        for round_number in range(ROUNDS):
            with node:
                batch = pending + [(str(uuid.UUID(int=rng.getrandbits(128), version=4)), next(fresh))
                                   for _ in range(20_000)]
                values.update(batch)
                limit = rng.randrange(0, len(batch))
                with open(f"{work}/input", "w+", encoding="utf-8") as source:
                    source.write(lines(batch))
                    source.flush()
                    source.seek(0)
                    writer = node.popen("log", "append", "--input", "json", "-o", "json", "-t", "2s",
                                        stdin=source, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
                answered = 0
                for line in writer.stdout:
                    answer = json.loads(line)
                    known = acknowledged.setdefault(answer["id"], answer["offset"])
                    check(known == answer["offset"], f"id {answer['id']} at {known} and at {answer['offset']}")
                    answered += 1
                    if answered == limit:
                        node.kill()
                writer.wait()
                pending = [(i, v) for i, v in batch if i not in acknowledged]
            print(f"round {round_number}: killed after {limit} answers, {len(pending)} unanswered")
        with node:
            log = node.json("log", "read")
            check([r["offset"] for r in log] == list(range(len(log))), "offsets have a gap")
            ids = [r["id"] for r in log]
            check(len(ids) == len(set(ids)), "an id stands in the log twice")
            at = {r["id"]: r for r in log}
            for record_id, offset in acknowledged.items():
                if record_id not in at:
                    fail(f"acknowledged record {record_id} (offset {offset}) is lost")
                check(at[record_id]["offset"] == offset, f"{record_id} moved")
                check(at[record_id]["value"] == values[record_id], f"{record_id} has other bytes")
            check(node.stop() == 0, "SIGTERM did not end in exit 0")
        run("segment", "verify", f"{work}/n1")
        print(f"{len(acknowledged)} acknowledged, {len(log)} in the log, none lost, none twice")


main()
