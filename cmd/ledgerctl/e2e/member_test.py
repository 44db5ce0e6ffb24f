#!/usr/bin/env python3
"""The commands about members, against three nodes of which some are killed, taken out and replaced.

On a busy machine leadership may move at any moment, so what depends on who leads is looked at until it
is so."""

import json
import shutil
import signal
import subprocess

from harness import PROGRAM, Cluster, background, check, eventually, failed, temporary_directory


def rows(cluster):
    return {row["name"]: row for row in cluster.json("member", "list")}


def reasons(cluster, *flags):
    """What health says, asked of those that are up."""
    health = json.loads(cluster.run("health", *flags, "-o", "json", exit=(0, 1)))
    check(health["healthy"] == (not health["reasons"]), f"healthy, or not? {health}")
    return [" ".join(filter(None, (reason["code"], reason.get("member"))))
            for reason in health["reasons"]]


def others(cluster, *names):
    return [member for member in cluster.members.values() if member.name not in names]


def answer(member, *words):
    """Exit code, and what a command says on either side, as JSON."""
    done = subprocess.run([PROGRAM, "-e", member.address, "-q", "-o", "json", *words],
                          capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, json.loads(done.stdout or done.stderr)


def whole_cluster(cluster):
    def whole():
        listed = rows(cluster)
        check(sorted(listed) == ["n1", "n2", "n3"], f"members {listed}")
        for name, row in listed.items():
            check(row["rpc"] == cluster[name].address and row["voter"], f"{name}: {row}")
        return (sorted(row["role"] for row in listed.values()) == ["follower", "follower", "leader"]
                and all(row["ok"] and row["lag"] == 0 for row in listed.values()))
    eventually("one leader and two followers", whole)
    check(len(cluster.json("log", "status")) == 3, "log status has not a row per member")
    eventually("three that answer are healthy", lambda: not reasons(cluster))


def leadership(cluster):
    """Moves by name and without, whichever node is asked, and not at all to who has it."""
    first = cluster.leader()
    second, third = others(cluster, first.name)
    moved = eventually("leadership can be had by name", lambda: third.run(
        "member", "transfer-leadership", "--to", second.name, exit=(0, 1, 69, 75)))
    check(moved.endswith(f"-> {second.name}\n"), f"transfer says {moved}")
    code, away = eventually("leadership can be given away", lambda: next(
        (said for said in [answer(first, "member", "transfer-leadership")] if said[0] == 0), None))
    check(away["from"] != away["to"] and away["term"] > 1, f"{code}: {away}")
    failed(66, "no_such_member", "member", "transfer-leadership", "--to", "n7",
           endpoint=first.address)


def reader_goes_on(cluster):
    """`log read -f` of one node that is killed in the middle goes on elsewhere: no gap, no repeat."""
    victim = others(cluster, cluster.leader().name)[0]
    cluster.run("log", "append", input="".join(f"before {n}\n" for n in range(100)))
    with background(PROGRAM, "-e", victim.address, "log", "read", "-f", "-o", "json") as reader:
        offsets = [json.loads(reader.stdout.readline())["offset"] for _ in range(100)]
        victim.kill()
        cluster.run("log", "append", input="".join(f"after {n}\n" for n in range(100)))
        offsets += [json.loads(reader.stdout.readline())["offset"] for _ in range(100)]
    check(offsets == list(range(200)), f"offsets {offsets}")
    return victim


def one_is_down(cluster, victim):
    row = rows(cluster)[victim.name]
    check(not row["ok"] and row["role"] == "unknown" and row["voter"] and row["applied"] is None and
          row["error"]["code"] == "unreachable", f"row {row}")
    status = {row["node"]: row for row in cluster.json("log", "status")}
    check(not status[victim.name]["ok"] and status[victim.name]["applied"] is None, f"{status}")
    eventually("one that is down is missed",
               lambda: reasons(cluster) == [f"member_down {victim.name}"])
    eventually("two are enough for two", lambda: not reasons(cluster, "--nodes", "2"))
    check("too_few_nodes" in reasons(cluster, "--nodes", "3"), "two are enough for three")
    leader = cluster.leader()
    other = others(cluster, leader.name, victim.name)[0]

    def refused(code, what, *words):
        """With this code, and these words in the message."""
        def said():
            exit, error = answer(leader, "member", *words)
            check(exit in (1, 69, 75), f"{words}: exit {exit}: {error}")
            return error["code"] == code and what in error["message"]
        eventually(f"{words} is refused as {code}", said)
    # First the leader has to miss the dead one: until then others may leave.
    refused("target_behind", "does not answer", "transfer-leadership", "--to", victim.name)
    refused("quorum_guard", "leaves 1 of 2 voters", "leave", other.name, "--yes")
    refused("member_alive", f"{leader.name} is alive", "remove", leader.name, "--yes",
            "--force-unsafe")
    failed(64, "confirm_required", "member", "remove", victim.name, endpoint=leader.address)


def stopped_one(cluster):
    """A member that is stopped costs a while, not the command."""
    victim = others(cluster, cluster.leader().name)[0]
    victim.signal(signal.SIGSTOP)
    eventually("one that is stopped is missed",
               lambda: reasons(cluster) == [f"member_down {victim.name}"])
    row = rows(cluster)[victim.name]
    check(not row["ok"] and row["error"]["message"].startswith(victim.address), f"row {row}")
    victim.signal(signal.SIGCONT)
    cluster.wait(3)


def stops_beside_paused(cluster):
    """A leader that hears nobody stops without waiting for its --stop-timeout, which is long here."""
    leader = cluster.leader()
    rest = others(cluster, leader.name)
    for member in rest:
        member.signal(signal.SIGSTOP)
    with background(PROGRAM, "-e", leader.address, "-t", "0", "log", "append", "x"):
        check(leader.stop() == 0, "SIGTERM did not end in exit 0")
        for member in rest:
            member.signal(signal.SIGCONT)
        cluster.wait(2)
    leader.start()
    cluster.wait(3)


def lost_disk(cluster):
    """A member loses its disk and comes back by one command."""
    victim = others(cluster, cluster.leader().name)[0]
    victim.kill()
    shutil.rmtree(victim.directory)
    before = rows(cluster)[victim.name]["id"]
    victim.start()
    replaced = eventually("a lost disk is replaced", lambda: victim.run(
        "member", "replace", victim.name, "--yes", "-t", "60s", exit=(0, 1, 69, 75)))
    check(replaced == f"{victim.name} -> {victim.name}\n", f"replace says {replaced}")
    cluster.wait(3)
    row = rows(cluster)[victim.name]
    check(row["voter"] and row["ok"] and row["id"] != before, f"row {row}")


def taken_out(cluster):
    """A leader leaves, a dead one is removed; both may be asked again."""
    leaver = cluster.leader()
    left = eventually("a leader can leave", lambda: leaver.run(
        "member", "leave", leaver.name, "--yes", exit=(0, 1, 69, 75)))
    check(left == f"{leaver.name}\n", f"leave prints {left}")
    check(leaver.process.wait(timeout=60) == 0, "a node that has left does not end with 0")
    stayed = others(cluster, leaver.name)
    check(sorted(rows(cluster)) == sorted(m.name for m in stayed), f"members {rows(cluster)}")
    again = cluster.run("member", "leave", leaver.name, "--yes")
    check(again == f"{leaver.name}\n", f"leave says {again}")
    leaver.start()  # Back into the cluster that it left.
    cluster.wait(3)

    dead = others(cluster, cluster.leader().name)[0]
    dead.kill()
    removed = eventually("a dead one can be removed", lambda: cluster.run(
        "member", "remove", dead.name, "--yes", "-o", "json", exit=(0, 1, 69, 75)))
    row = json.loads(removed)
    check(row["name"] == dead.name and not row["voter"], f"row {row}")
    cluster.run("member", "remove", dead.name, "--yes")
    failed(66, "no_such_member", "member", "remove", "n7", "--yes", endpoint=cluster.leader().address)


def main():
    with temporary_directory() as work, Cluster(work, 3, "--stop-timeout", "10m") as cluster:
        whole_cluster(cluster)
        leadership(cluster)
        victim = reader_goes_on(cluster)
        one_is_down(cluster, victim)
        victim.start()
        cluster.wait(3)
        stopped_one(cluster)
        stops_beside_paused(cluster)
        lost_disk(cluster)
        taken_out(cluster)


main()
