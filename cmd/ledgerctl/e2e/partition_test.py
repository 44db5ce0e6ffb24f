#!/usr/bin/env python3
"""Five nodes, each in a network namespace of its own, are cut off from each other in several ways.

Who has no majority acknowledges nothing and serves no linearizable read; who has one goes on; and
when the network heals there is one log, with everything that was acknowledged, on every node.

The members' namespaces hang on a bridge in another one, where this program and its clients run: it
starts itself anew in there. Skipped where namespaces can't be made."""

import json
import os
import random
import subprocess
import sys

from harness import PROGRAM, Cluster, check, fail, temporary_directory
from load import Load, check_logs

SKIPPED = 77
SEED = int(os.environ.get("SEED", "0")) or random.randrange(1, 2**32)
HUB = f"ledger-{os.getpid()}"


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True)


def bare_loopback(space):
    """127.0.0.1 alone stays local: the rest of 127.0.0.0/8, where nodes may listen, is routed."""
    ip("-n", space, "link", "set", "lo", "up")
    ip("-n", space, "addr", "flush", "dev", "lo")
    ip("-n", space, "addr", "add", "127.0.0.1/32", "dev", "lo")
    ip("netns", "exec", space, "sh", "-c",
       "echo 1 | tee /proc/sys/net/ipv4/conf/*/route_localnet >/dev/null")


def outside():
    """Makes the hub, runs this program in it, and takes everything down."""
    try:
        made = subprocess.run(["ip", "netns", "add", HUB], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        print("skipped: ip, of iproute2, is not installed")
        return SKIPPED
    if made.returncode != 0:
        print(f"skipped: no network namespaces: {made.stderr.strip()}")
        return SKIPPED
    try:
        ip("-n", HUB, "link", "add", "bridge", "type", "bridge")
        ip("-n", HUB, "addr", "add", "127.77.0.254/24", "dev", "bridge")
        ip("-n", HUB, "link", "set", "bridge", "up")
        bare_loopback(HUB)
        return subprocess.run(["ip", "netns", "exec", HUB, sys.executable, __file__, HUB],
                              check=False).returncode
    finally:
        spaces = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True)
        for line in spaces.stdout.splitlines():
            if line.split()[0].startswith(HUB):
                ip("netns", "delete", line.split()[0])


class Network:
    """The ports of the bridge, one a member."""

    def __init__(self, hub):
        self.hub = hub
        self.ports = {}

    def connect(self, member, number):
        space, port = f"{self.hub}-{number}", f"port{number}"
        ip("netns", "add", space)
        ip("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", space)
        ip("link", "set", port, "master", "bridge", "up")
        ip("-n", space, "addr", "add", f"127.77.0.{number}/24", "dev", "eth0")
        ip("-n", space, "link", "set", "eth0", "up")
        bare_loopback(space)
        member.inside = ("ip", "netns", "exec", space)
        self.ports[member] = port

    def cut_off(self, member):
        """Nothing goes to it or comes from it, clients neither."""
        ip("link", "set", self.ports[member], "down")

    def part(self, *members):
        """None of these reaches another of them; all reach the rest, and clients reach all."""
        for member in members:
            ip("link", "set", self.ports[member], "type", "bridge_slave", "isolated", "on")

    def heal(self):
        for port in self.ports.values():
            ip("link", "set", port, "up", "type", "bridge_slave", "isolated", "off")


class Partitions:
    def __init__(self, cluster, network, load):
        self.cluster = cluster
        self.network = network
        self.load = load

    def append(self, endpoints, count, exit=0):
        """What comes back; whatever the exit, answers are remembered."""
        done = subprocess.run(
            [PROGRAM, "-e", endpoints, "log", "append", "--input", "json", "-o", "json", "-t",
             "20s" if exit == 0 else "3s"],
            input=self.load.batch(count), capture_output=True, text=True, timeout=120, check=False)
        if done.returncode not in (exit if isinstance(exit, tuple) else (exit,)):
            fail(f"log append to {endpoints}: exit {done.returncode}: {done.stderr}")
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        for answer in answers:
            self.load.take(answer)
        self.load.settle()
        return answers

    def serves_nothing(self, member):
        """Asked from inside, where it can be reached, it acknowledges nothing and reads nothing."""
        alone = [*member.inside, PROGRAM, "-e", member.address, "-t", "3s", "-o", "json"]
        for command in (["log", "read", "--to", "1"], ["account", "list"]):
            read = subprocess.run([*alone, *command], capture_output=True, text=True, timeout=60,
                                  check=False)
            check(read.returncode in (69, 75) and not read.stdout,
                  f"{member.name} served {command}: {read.stdout}{read.stderr}")
        wrote = subprocess.run([*alone, "log", "append", "--input", "json"], text=True,
                               input=self.load.batch(1), capture_output=True, timeout=60, check=False)
        check(wrote.returncode in (69, 75) and not wrote.stdout,
              f"{member.name} acknowledged: {wrote.stdout}{wrote.stderr}")

    def leader_cut_off(self):
        old = self.cluster.leader()
        self.network.cut_off(old)
        rest = [m for m in self.cluster.members.values() if m is not old]
        check(len(self.append(",".join(m.address for m in rest), 500)) == 500, "not all answered")
        self.serves_nothing(old)

    def majority_cut_off(self):
        leader = self.cluster.leader()
        others = [m for m in self.cluster.members.values() if m is not leader]
        for member in others[:3]:
            self.network.cut_off(member)
        for member in (leader, others[3]):
            self.serves_nothing(member)

    def leader_meets_some(self):
        """The leader reaches two of four, which reach everybody: there may be another, or not."""
        leader = self.cluster.leader()
        others = [m for m in self.cluster.members.values() if m is not leader]
        self.network.part(leader, *others[:2])
        self.append(self.cluster.endpoints, 500)

    def nobody_meets_anybody(self):
        self.network.part(*self.cluster.members.values())
        check(not self.append(self.cluster.endpoints, 20, exit=(69, 75)),
              "acknowledged without a majority")

    def heal(self):
        self.network.heal()
        self.cluster.wait(5)
        pending = len(self.load.pending)
        check(len(self.append(self.cluster.endpoints, 10)) == pending + 10, "not all answered")
        check(not self.load.pending, "something was not answered after the network healed")


def main(hub):
    print(f"seed {SEED}")
    network = Network(hub)
    with temporary_directory() as work:
        cluster = Cluster(work, 5, "--segment-bytes", "2MiB",
                          addresses=[f"127.77.0.{number}:17400" for number in range(1, 6)])
        for number, member in enumerate(cluster.members.values(), 1):
            network.connect(member, number)
        load = Load(random.Random(SEED))
        with cluster:
            partitions = Partitions(cluster, network, load)
            for cut in (partitions.leader_cut_off, partitions.majority_cut_off,
                        partitions.leader_meets_some, partitions.nobody_meets_anybody):
                cut()
                partitions.heal()
                print(f"{cut.__name__}: {len(load.acknowledged)} acknowledged", flush=True)
            total = check_logs(cluster, load)
    print(f"{total} in the log, none lost, none twice")


sys.exit(outside() if len(sys.argv) == 1 else main(sys.argv[1]))
