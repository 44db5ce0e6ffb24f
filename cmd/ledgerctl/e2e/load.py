"""Records with ids of their own, what was answered about them, and what must be in the log."""

import json
import uuid

from harness import check, fail, run


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


def stopped_logs(cluster):
    """Stops all nodes; the entries of each by name, and the longest: each is a beginning of it."""
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
    return logs, longest


def check_logs(cluster, load):
    """After the nodes have stopped: one log, whole, on every disk."""
    _, longest = stopped_logs(cluster)
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
