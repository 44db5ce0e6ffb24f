"""Runs stock serf agents and our own members on loopback addresses that belong to one test alone.

Nothing sleeps to let something happen: `until` looks again whenever one of our members says
something, at least every 50 ms, and fails at its deadline with what it waited for.
"""

import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time

SKIPPED = 77
KEY_256 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
KEY_128 = "ABEiM0RVZneImaq7zN3u/w=="
TAGS = {"rpc_addr": "127.0.0.21:8400", "role": "ledger"}


class Failed(Exception):
    pass


def skip(why):
    print("skipped: " + why)
    sys.exit(SKIPPED)


def check(condition, what):
    if not condition:
        raise Failed(what)


class Stock:
    """A stock agent. `ip` carries gossip on `port` and its RPC on 7373; port 0 is no -bind at all."""

    def __init__(self, cluster, name, ip, *options, program="serf", port=7946):
        self.cluster, self.name, self.ip, self.program = cluster, name, ip, program
        self.rpc = "-rpc-addr=%s:7373" % ip
        self.path = os.path.join(cluster.dir, name + ".log")
        command = [program, "agent", "-node=" + name, self.rpc, "-log-level=debug", *options]
        if port:
            command.append("-bind=%s:%d" % (ip, port))
        if cluster.key:
            command.append("-encrypt=" + cluster.key)
        self.process = subprocess.Popen(command, stdout=open(self.path, "wb"),
                                        stderr=subprocess.STDOUT, cwd=cluster.dir,
                                        stdin=subprocess.DEVNULL)
        cluster.processes.append(self)
        cluster.until(lambda: self.run("info").returncode == 0, 15, name + " answers")

    def run(self, verb, *arguments, timeout=30):
        return subprocess.run([self.program, verb, self.rpc, *arguments], capture_output=True,
                              text=True, timeout=timeout)

    def members(self):
        out = self.run("members", "-format=json")
        if out.returncode != 0:
            return {}
        return {m["name"]: m for m in json.loads(out.stdout)["members"]}

    def status(self, name):
        return self.members().get(name, {}).get("status")

    def log(self):
        with open(self.path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def kill(self):
        self.process.kill()
        self.process.wait()


class Ledger:
    """Our member: `events` holds every line it printed, parsed."""

    def __init__(self, cluster, name, ip, join=(), tags=None, answers=(), key=None, port=7946):
        self.cluster, self.name, self.ip = cluster, name, ip
        command = [cluster.program, "--name", name, "--bind", "%s:%d" % (ip, port)]
        for address in join:
            command += ["--join", address]
        for tag in (TAGS if tags is None else tags).items():
            command += ["--tag", "%s=%s" % tag]
        for answer in answers:
            command += ["--answer", answer]
        key = cluster.key if key is None else key
        if key:
            command += ["--key", key]
        self.events, self.buffer = [], b""
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=sys.stderr)
        os.set_blocking(self.process.stdout.fileno(), False)
        cluster.processes.append(self)
        cluster.ledgers.append(self)
        cluster.until(lambda: self.saw(event="ready"), 5, name + " is ready")

    def pump(self):
        while True:
            try:
                chunk = os.read(self.process.stdout.fileno(), 65536)
            except BlockingIOError:
                return
            if not chunk:
                return
            self.buffer += chunk
            *lines, self.buffer = self.buffer.split(b"\n")
            self.events += [json.loads(line) for line in lines]

    def saw(self, **fields):
        """The events that have all these fields."""
        self.pump()
        return [e for e in self.events if all(e.get(k) == v for k, v in fields.items())]

    def say(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, line, event):
        before = len(self.saw(event=event))
        self.say(line)
        self.cluster.until(lambda: len(self.saw(event=event)) > before, 5, line)
        return self.saw(event=event)[-1]

    def members(self):
        return {m["name"]: m for m in self.ask("members", "members")["members"]}

    def status(self, name):
        return self.members().get(name, {}).get("status")

    def stats(self):
        return self.ask("stats", "stats")

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()


class Cluster:
    def __init__(self, program, number, key=None):
        if shutil.which("serf") is None:
            skip("the stock agent (package serf) is not installed")
        self.program, self.key = program, key
        self.program_b = "serf"
        self.processes, self.ledgers = [], []
        self.dir = tempfile.mkdtemp(prefix="serf-interop-")
        self.net = self.free_net(number)

    @staticmethod
    def free_net(number):
        """A /24 of loopback on which nobody listens: two runs at once do not meet."""
        for i in range(250):
            net = "127.%d.%d" % (100 + number, (os.getpid() + i) % 250 + 1)
            try:
                for host in (11, 12, 21, 22):
                    with socket.socket() as probe:
                        probe.bind(("%s.%d" % (net, host), 7946))
                return net
            except OSError:
                continue
        skip("no free loopback network")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None and kind is not SystemExit:
            for process in self.processes:
                print("---- " + process.name)
                if isinstance(process, Stock):
                    print("".join(process.log().splitlines(True)[-60:]))
                else:
                    process.pump()
                    print("\n".join(json.dumps(e) for e in process.events[-60:]))
        self.reset()
        shutil.rmtree(self.dir, ignore_errors=True)

    def reset(self):
        """Ends everybody, so that another scenario can begin."""
        for process in self.processes:
            process.kill()
        self.processes, self.ledgers = [], []

    def ip(self, host):
        return "%s.%d" % (self.net, host)

    def a(self, *options, **more):
        return Stock(self, "node-a", self.ip(11), *options, **more)

    def b(self, *options, **more):
        return Stock(self, "node-b", self.ip(12), *options, program=self.program_b, **more)

    def ledger(self, join=(), name="ledger-1", host=21, **more):
        return Ledger(self, name, self.ip(host), [self.ip(h) + ":7946" for h in join], **more)

    def three(self, *options_a):
        """node-a, node-b and ledger-1, all alive in everybody's eyes."""
        a = self.a(*options_a)
        b = self.b("-join=" + self.ip(11))
        ledger = self.ledger(join=[11])
        self.until(lambda: all_alive(a, b, ledger), 15, "three members alive everywhere")
        return a, b, ledger

    def wait(self, seconds):
        """Until something of ours speaks, at most so long."""
        files = [l.process.stdout for l in self.ledgers if l.process.poll() is None]
        select.select(files, [], [], seconds)
        for ledger in self.ledgers:
            ledger.pump()

    def until(self, condition, seconds, what):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise Failed("not within %g s: %s" % (seconds, what))
            self.wait(0.05)

    def throughout(self, condition, seconds, what):
        """It holds all the time. Looks every second; this is a measurement, not a wait."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            check(condition(), what)
            tick = min(time.monotonic() + 1, end)
            while time.monotonic() < tick:
                self.wait(max(0, tick - time.monotonic()))


def all_alive(*members):
    names = [m.name for m in members]
    return all(m.status(n) == "alive" for m in members for n in names)


def main(tests):
    program, name = sys.argv[1], sys.argv[2]
    try:
        tests[name](program)
    except Failed as failure:
        print("failed: %s" % failure)
        sys.exit(1)
    print("passed: " + name)
