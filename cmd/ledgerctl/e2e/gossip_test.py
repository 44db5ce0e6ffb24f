#!/usr/bin/env python3
"""Membership by gossip: nodes that are told one address form a cluster, and what becomes of those that
die, leave, come back, move, or do not belong there."""

import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys

from harness import PROGRAM, Member, check, eventually, failed, run, temporary_directory

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
OTHER_KEY = "ABEiM0RVZneImaq7zN3u/w=="


def free_address():
    """Of a loopback host that nothing else uses: TCP and UDP."""
    host = "127." + ".".join(str(random.randrange(1, 255)) for _ in range(3))
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind((host, 0))
        udp.bind((host, tcp.getsockname()[1]))
        return f"{host}:{tcp.getsockname()[1]}"


class Gossiper(Member):
    """A node that finds the others by gossip."""

    def __init__(self, pool, name):
        super().__init__(pool, name, free_address())
        self.gossip = free_address()

    def finds(self, flags):
        key = self.cluster.key
        return ["--gossip", self.gossip] + (
            ["--gossip-key", key] if key and "--gossip-key" not in flags else [])

    def rows(self):
        """What this node knows, by name; nothing while it can't be asked."""
        text = self.run("member", "list", "-o", "json", exit=(0, 69))
        return {row["name"]: row for row in map(json.loads, text.splitlines())}

    def text(self):
        return pathlib.Path(self.log).read_text(encoding="utf-8")


class Pool:
    """Nodes that may gossip with each other; all are killed at the end."""

    def __init__(self, work, key=None):
        self.work = work
        self.key = key
        self.nodes = {}
        self.processes = []

    def add(self, name):
        self.nodes[name] = Gossiper(self, name)
        return self.nodes[name]

    def __getitem__(self, name):
        return self.nodes[name]

    def up(self):
        return [node for node in self.nodes.values() if node.up]

    def run(self, *arguments, **options):
        return run("-e", ",".join(node.address for node in self.up()), *arguments, **options)

    def rows(self):
        text = self.run("member", "list", "-o", "json", exit=(0, 69))
        return {row["name"]: row for row in map(json.loads, text.splitlines())}

    def voters(self):
        return sorted(name for name, row in self.rows().items() if row["voter"])

    def leader(self):
        return self[eventually("somebody leads", lambda: next(
            (name for name, row in self.rows().items() if row["role"] == "leader"), None))]

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        for node in self.up():
            node.signal(signal.SIGCONT)
            node.kill()
        for process in self.processes:
            process.kill()
            process.wait()
        if kind is not None:
            for node in self.nodes.values():
                if os.path.exists(node.log):
                    print(f"--- {node.name}\n{node.text()[-3000:]}", file=sys.stderr)


def names(count):
    return [f"n{number}" for number in range(1, count + 1)]


def five_found_a_cluster(pool):
    """All are told the same one address, and how many they are."""
    first = pool.add("n1")
    for name in names(5)[1:]:
        pool.add(name)
    for node in pool.nodes.values():
        node.start("--bootstrap-expect", "5", "--join", first.gossip)
    eventually("five voters", lambda: pool.voters() == names(5))
    rows = eventually("all five see five that are alive", lambda: next((rows for rows in [pool.rows()] if
        len(rows) == 5 and all(row["ok"] and row["gossip"] == "alive" for row in rows.values())), None))
    for name, row in rows.items():
        check(row["gossip_addr"] == pool[name].gossip and row["rpc"] == pool[name].address, f"{row}")
    check(first.text().count("no key") == 1, "a node without a key does not warn once")
    pool.run("log", "append", "one")


def killed_is_shown_and_stays(pool):
    victim = next(node for node in pool.up() if node is not pool.leader())
    victim.kill()
    eventually("the killed one has failed by gossip",
               lambda: pool.rows()[victim.name]["gossip"] == "failed")
    check(pool.voters() == names(5), f"a failed member lost its vote: {pool.rows()}")
    return victim


def comes_back_without_being_told(pool, victim):
    """The directory knows the cluster, and where the others gossip."""
    victim.start()
    eventually("it is alive again, by gossip and by consensus", lambda: (
        lambda row: row["gossip"] == "alive" and row["ok"])(pool.rows()[victim.name]))


def stopped_is_no_goodbye(pool):
    node = next(node for node in pool.up() if node is not pool.leader())
    check(node.stop() == 0, "a node does not stop")
    eventually("a stopped one has failed, not left",
               lambda: pool.rows()[node.name]["gossip"] == "failed")
    check(pool.voters() == names(5), "a signal changed membership")
    return node


def moves(pool, node):
    """Another rpc address: the same member."""
    before = pool.rows()[node.name]["id"]
    node.address = free_address()
    node.start()
    def moved():
        row = pool.rows()[node.name]
        return row["rpc"] == node.address and row["ok"] and row["gossip"] == "alive" and row
    row = eventually("the moved one is known at its new address", moved)
    check(row["id"] == before and row["voter"], f"an address change made another member: {row}")


def leaves_and_rejoins(pool):
    node = next(node for node in pool.up() if node is not pool.leader())
    before = pool.rows()[node.name]["id"]
    left = eventually("it can leave", lambda: pool.run(
        "member", "leave", node.name, "--yes", exit=(0, 1, 69, 75)))
    check(left == f"{node.name}\n", f"leave prints {left}")
    check(node.process.wait(timeout=60) == 0, "a node that has left does not end with 0")
    eventually("gossip has heard its goodbye",
               lambda: pool.rows().get(node.name, {"gossip": "left"})["gossip"] == "left")
    row = pool.rows().get(node.name)
    check(row is None or not row["voter"], f"it votes still: {row}")
    check(len(pool.voters()) == 4, f"voters {pool.voters()}")

    failed(78, "data_dir_mismatch", "node", "start", "--data-dir", node.directory, "--name", node.name,
           "--listen", node.address, "--gossip", node.gossip)
    node.start("--join", pool.leader().gossip)
    eventually("it votes again", lambda: pool.voters() == names(5))
    check(pool.rows()[node.name]["id"] != before, "an id came back")


def strangers(pool, work):
    """A node of another cluster is shown, and not taken in."""
    with Pool(work) as foreign:
        stranger = foreign.add("x1").start("--bootstrap")
        eventually("the stranger leads its own", lambda: stranger.rows().get("x1", {}).get(
            "role") == "leader")
        inside = pool.leader()
        error = failed(78, "cluster_id_mismatch", "member", "join", stranger.gossip,
                       endpoint=inside.address)
        check("x1 belongs to cluster" in error["message"], f"{error}")
        def shown():
            row = pool.rows().get("x1")
            return row and row["gossip"] == "alive" and row
        row = eventually("the stranger is shown", shown)
        check(not row["ok"] and row["error"]["code"] == "cluster_id_mismatch" and
              row["role"] == "unknown" and not row["voter"], f"row {row}")
        eventually("the leader says why", lambda: any(
            "x1 belongs to cluster" in node.text() for node in pool.up()))
        stranger.kill()
    check(pool.voters() == names(5), f"voters {pool.rows()}")


def stock_agent(pool):
    """An agent of Serf itself is listed, and is nobody for consensus."""
    serf = shutil.which("serf")
    if not serf:
        print("skipped: no stock serf agent is installed")
        return
    bind, control = free_address(), free_address()
    with open(os.path.join(pool.work, "agent.log"), "w", encoding="utf-8") as log:
        agent = subprocess.Popen(
            [serf, "agent", "-node=agent", f"-bind={bind}", f"-rpc-addr={control}", "-tag",
             "role=web", f"-join={pool.leader().gossip}"], stdin=subprocess.DEVNULL, stdout=log,
            stderr=log)
    pool.processes.append(agent)
    row = eventually("the agent is listed", lambda: pool.rows().get("agent"))
    check(row["ok"] and row["gossip"] == "alive" and not row["voter"] and row["role"] == "unknown" and
          row["id"] is None and row["rpc"] is None and row["applied"] is None, f"row {row}")
    listed = subprocess.run([serf, "members", f"-rpc-addr={control}", "-format=json"],
                            capture_output=True, text=True, check=True, timeout=30)
    told = {member["name"]: member for member in json.loads(listed.stdout)["members"]}
    check(set(names(5)) <= set(told), f"the agent lists {sorted(told)}")
    tags = told["n1"]["tags"]
    check(tags["role"] == "ledger" and len(tags["id"]) == 16 and len(tags["cluster"]) == 36 and
          tags["rpc_addr"] == pool["n1"].address and tags["version"], f"tags {tags}")
    # A liar: it has all that a node's tags have, and no node stands behind them.
    subprocess.run([serf, "tags", f"-rpc-addr={control}", "-set", "role=ledger", "-set",
                    "id=00000000000000aa", "-set", "cluster=" + tags["cluster"], "-set",
                    "rpc_addr=" + free_address()], check=True, capture_output=True, timeout=30)
    eventually("the liar is looked through", lambda: any(
        "agent at" in node.text() and "not taken in yet" in node.text() for node in pool.up()))
    check(pool.voters() == names(5) and not pool.rows()["agent"]["voter"], "the liar is a member")


def one_founds_four_join(work):
    """`--bootstrap` and `--join`, with a key; and one with another key stays outside."""
    def key_file(name, *keys):
        path = os.path.join(work, name)
        pathlib.Path(path).write_text("\n".join(keys) + "\n", encoding="utf-8")
        os.chmod(path, 0o600)
        return path
    with Pool(work, key_file("key", KEY)) as pool:
        first = pool.add("n1").start("--bootstrap")
        for name in names(5)[1:]:
            pool.add(name).start("--join", first.gossip)
        eventually("five voters", lambda: pool.voters() == names(5))
        outsider = pool.add("n6").start("--join", first.gossip, "--gossip-key",
                                        key_file("other", OTHER_KEY))
        def counted():
            done = subprocess.run([PROGRAM, "-e", first.address, "-v", "member", "list"],
                                  capture_output=True, text=True, timeout=60, check=False)
            return "that no key has opened" in done.stderr
        eventually("what can't be read is counted", counted)
        check(sorted(first.rows()) == names(5), f"rows {first.rows()}")
        outsider.kill()
        os.chmod(pool.key, 0o644)
        failed(77, "file_permission", "node", "start", "--data-dir", f"{work}/n7", "--bootstrap",
               "--listen", "127.0.0.1:0", "--gossip", "127.0.0.1:0", "--gossip-key", pool.key)


def told_by_hand(work):
    """Nodes that know of nobody are told by `member join`."""
    with Pool(work) as pool:
        first = pool.add("n1").start("--bootstrap")
        eventually("it leads", lambda: first.rows().get("n1", {}).get("role") == "leader")
        second = pool.add("n2").start("--bootstrap-expect", "2")
        eventually("it listens", lambda: "waiting for 2 nodes" in second.text())
        met = eventually("it can be told", lambda: second.run("member", "join", first.gossip,
                                                              exit=(0, 69)))
        check(met == "n1\n", f"member join prints {met}")
        eventually("it votes", lambda: pool.voters() == ["n1", "n2"])
        nowhere = free_address()
        failed(69, "peer_unreachable", "member", "join", nowhere, endpoint=first.address)
        check(first.run("member", "join", nowhere, second.gossip) == "", "a known member is new")


def main():
    for part in (told_by_hand, one_founds_four_join):
        with temporary_directory() as work:
            part(work)
    with temporary_directory() as work, temporary_directory() as beside, Pool(work) as pool:
        five_found_a_cluster(pool)
        victim = killed_is_shown_and_stays(pool)
        comes_back_without_being_told(pool, victim)
        stopped = stopped_is_no_goodbye(pool)
        moves(pool, stopped)
        leaves_and_rejoins(pool)
        strangers(pool, beside)
        stock_agent(pool)


main()
