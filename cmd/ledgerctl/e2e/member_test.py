#!/usr/bin/env python3
"""The commands about members, against three nodes of which some are killed, taken out and replaced."""

import json
import shutil
import signal
import subprocess

from harness import PROGRAM, Cluster, background, check, failed, temporary_directory


def rows(cluster):
    return {row["name"]: row for row in cluster.json("member", "list")}


def reasons(cluster, *flags, exit=1):
    """What health says, asked of those that are up."""
    health = json.loads(cluster.run("health", *flags, "-o", "json", exit=exit))
    return [reason["code"] + " " + reason.get("member", "") for reason in health["reasons"]]


def others(cluster, *names):
    return [member for member in cluster.members.values() if member.name not in names]


def whole_cluster(cluster):
    listed = rows(cluster)
    check(sorted(listed) == ["n1", "n2", "n3"], f"members {listed}")
    check(sorted(row["role"] for row in listed.values()) == ["follower", "follower", "leader"],
          f"roles {listed}")
    check(all(row["ok"] and row["voter"] and row["lag"] is not None for row in listed.values()),
          f"rows {listed}")
    for name, row in listed.items():
        check(row["rpc"] == cluster[name].address, f"{name} is at {row['rpc']}")
    check(len(cluster.json("log", "status")) == 3, "log status has not a row per member")
    check(reasons(cluster, exit=0) == [], "three that answer are not healthy")


def leadership(cluster):
    """Moves by name and without, whichever node is asked, and not at all to who has it."""
    first = cluster.leader()
    second, third = others(cluster, first.name)
    moved = third.run("member", "transfer-leadership", "--to", second.name)
    check(moved == f"{first.name} -> {second.name}\n", f"transfer says {moved}")
    check(rows(cluster)[second.name]["role"] == "leader", "the new leader is none")
    again = json.loads(first.run("member", "transfer-leadership", "--to", second.name, "-o", "json"))
    check((again["from"], again["to"]) == (second.name, second.name), f"again {again}")
    away = json.loads(second.run("member", "transfer-leadership", "-o", "json"))
    check(away["from"] == second.name and away["to"] != second.name, f"away {away}")
    check(away["term"] > again["term"], f"no new term: {away} after {again}")
    failed(66, "no_such_member", "member", "transfer-leadership", "--to", "n7",
           endpoint=first.address)


def reader_goes_on(cluster):
    """`log read -f` of one node that is killed in the middle goes on elsewhere: no gap, no repeat."""
    leader = cluster.leader()
    victim = others(cluster, leader.name)[0]
    cluster.run("log", "append", input="".join(f"before {n}\n" for n in range(100)))
    with background(PROGRAM, "-e", victim.address, "log", "read", "-f", "-o", "json") as reader:
        offsets = [json.loads(reader.stdout.readline())["offset"] for _ in range(100)]
        victim.kill()
        cluster.run("log", "append", input="".join(f"after {n}\n" for n in range(100)))
        offsets += [json.loads(reader.stdout.readline())["offset"] for _ in range(100)]
    check(offsets == list(range(200)), f"offsets {offsets}")
    return victim


def wait_until_missed(leader, victim):
    """Until the leader has not heard of it for a while: then it says so instead of handing over."""
    while "does not answer" not in json.loads(subprocess.run(
            [PROGRAM, "-e", leader.address, "-o", "json", "member", "transfer-leadership", "--to",
             victim.name], capture_output=True, text=True, timeout=120, check=False).stderr)["message"]:
        pass


def one_is_down(cluster, victim):
    row = rows(cluster)[victim.name]
    check(not row["ok"] and row["role"] == "unknown" and row["voter"] and row["applied"] is None and
          row["error"]["code"] == "unreachable", f"row {row}")
    status = {row["node"]: row for row in cluster.json("log", "status")}
    check(not status[victim.name]["ok"] and status[victim.name]["applied"] is None, f"{status}")
    check(reasons(cluster) == [f"member_down {victim.name}"], "one that is down is not missed")
    check(reasons(cluster, "--nodes", "2", exit=0) == [], "two are not enough for two")
    check("too_few_nodes " in reasons(cluster, "--nodes", "3"), "two are enough for three")
    leader = cluster.leader()
    other = others(cluster, leader.name, victim.name)[0]
    wait_until_missed(leader, victim)
    failed(1, "member_alive", "member", "remove", other.name, "--yes", endpoint=leader.address)
    failed(1, "quorum_guard", "member", "leave", other.name, "--yes", endpoint=other.address)
    failed(64, "confirm_required", "member", "remove", victim.name, endpoint=leader.address)
    failed(1, "target_behind", "member", "transfer-leadership", "--to", victim.name,
           endpoint=leader.address)


def stopped_one(cluster):
    """A member that is stopped costs a while, not the command."""
    leader = cluster.leader()
    victim = others(cluster, leader.name)[0]
    victim.signal(signal.SIGSTOP)
    check(reasons(cluster) == [f"member_down {victim.name}"], "one that is stopped is not missed")
    check(rows(cluster)[victim.name]["error"]["code"] == "timeout", "a stopped one is no timeout")
    victim.signal(signal.SIGCONT)
    cluster.wait(3)


def lost_disk(cluster):
    """A member loses its disk and comes back by one command."""
    leader = cluster.leader()
    victim = others(cluster, leader.name)[0]
    victim.kill()
    shutil.rmtree(victim.directory)
    before = rows(cluster)[victim.name]["id"]
    victim.start()
    replaced = victim.run("member", "replace", victim.name, "--yes", "-t", "60s")
    check(replaced == f"{victim.name} -> {victim.name}\n", f"replace says {replaced}")
    cluster.wait(3)
    row = rows(cluster)[victim.name]
    check(row["voter"] and row["ok"] and row["id"] != before, f"row {row}")


def taken_out(cluster):
    """A leader leaves, a dead one is removed; both may be asked again."""
    leader = cluster.leader()
    check(leader.run("member", "leave", "--yes") == f"{leader.name}\n", "leave prints no name")
    check(leader.process.wait(timeout=30) == 0, "a node that has left does not end with 0")
    left = others(cluster, leader.name)
    check(sorted(rows(cluster)) == sorted(m.name for m in left), f"members {rows(cluster)}")
    again = left[0].run("member", "leave", leader.name, "--yes")
    check(again == f"{leader.name}\n", f"leave says {again}")
    leader.start()  # Back into the cluster that it left.
    cluster.wait(3)

    leader = cluster.leader()
    dead = others(cluster, leader.name)[0]
    dead.kill()
    removed = ""
    while not removed:  # Until the leader has missed it.
        removed = leader.run("member", "remove", dead.name, "--yes", "-o", "json", exit=(0, 1))
    row = json.loads(removed)
    check(row["name"] == dead.name and not row["voter"], f"row {row}")
    leader.run("member", "remove", dead.name, "--yes")
    failed(66, "no_such_member", "member", "remove", "n7", "--yes", endpoint=leader.address)


def main():
    with temporary_directory() as work, Cluster(work, 3) as cluster:
        whole_cluster(cluster)
        leadership(cluster)
        victim = reader_goes_on(cluster)
        one_is_down(cluster, victim)
        victim.start()
        cluster.wait(3)
        stopped_one(cluster)
        lost_disk(cluster)
        taken_out(cluster)


main()
