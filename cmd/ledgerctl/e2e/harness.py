"""Real processes for the end-to-end tests: a node in a temporary directory, and the program."""

import contextlib
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time

PROGRAM = os.environ["LEDGERCTL"]
SOURCE = pathlib.Path(os.environ["LEDGER_SOURCE_ROOT"])


def fail(message):
    print(f"FAILED: {message}", file=sys.stderr)
    sys.exit(1)


def check(condition, message):
    if not condition:
        fail(message)


def eventually(what, probe):
    """Looks until `probe` says yes; it is no question of how long, as long as it is not for ever."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if result := probe():
            return result
    return fail(f"never: {what}")


class Node:
    """One `ledgerctl node start`, on loopback at a port of the kernel's choice."""

    def __init__(self, directory, *flags):
        self.directory = directory
        self.flags = flags
        self.process = None
        self.endpoint = None
        self.http = None
        self.log = directory + ".log"

    def start(self):
        self.process = subprocess.Popen(
            [PROGRAM, "node", "start", "--data-dir", self.directory, "--name", "n1", "--listen",
             "127.0.0.1:0", "--bootstrap", "--log-format", "text", *self.flags],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=open(self.log, "a", encoding="utf-8"), text=True)
        line = self.process.stdout.readline()
        if not line:
            fail("the node did not start: " + pathlib.Path(self.log).read_text())
        listening = json.loads(line)
        self.endpoint = listening["rpc"]
        self.http = listening["http"]
        self.run("health", "--wait")
        return self

    def pause(self):
        """SIGSTOP, and returns once it stands."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def popen(self, *arguments, **options):
        return subprocess.Popen([PROGRAM, "-e", self.endpoint, *arguments], text=True, **options)

    def run(self, *arguments, input=None, exit=0):
        return run("-e", self.endpoint, *arguments, input=input, exit=exit)

    def json(self, *arguments, **options):
        return [json.loads(line) for line in
                self.run(*arguments, "-o", "json", **options).splitlines()]

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.kill()


class Member:
    """One node of a cluster with a fixed address."""

    def __init__(self, cluster, name, address):
        self.cluster = cluster
        self.name = name
        self.address = address
        self.directory = os.path.join(cluster.work, name)
        self.log = self.directory + ".log"
        self.process = None
        self.inside = ()  # What the process is started by, such as a network namespace.

    @property
    def http(self):
        """Where its http port is unless a flag says otherwise."""
        host, port = self.address.split(":")
        return f"{host}:{int(port) + 2}"

    @property
    def up(self):
        return self.process is not None and self.process.poll() is None

    def finds(self, flags):
        """Flags by which it finds the others, besides those it is started with."""
        return ["--peers", self.cluster.peers, *self.cluster.flags]

    def start(self, *flags):
        self.process = subprocess.Popen(
            [*self.inside, PROGRAM, "node", "start", "--data-dir", self.directory, "--name",
             self.name, "--listen", self.address, "--log-format", "text", *self.finds(flags), *flags],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=open(self.log, "a", encoding="utf-8"))
        return self

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """SIGTERM; returns the exit code."""
        self.signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def run(self, *arguments, **options):
        return run("-e", self.address, *arguments, **options)

    def json(self, *arguments, **options):
        return [json.loads(line) for line in self.run(*arguments, "-o", "json", **options).splitlines()]


def free_address():
    """A loopback address that hardly anybody else uses, at a port that is free now."""
    host = "127." + ".".join(str(random.randrange(1, 255)) for _ in range(3))
    with socket.socket() as probe:
        probe.bind((host, 0))
        return f"{host}:{probe.getsockname()[1]}"


class Cluster:
    """Nodes that know each other by --peers, each with a loopback address of its own."""

    def __init__(self, work, count, *flags, addresses=None):
        self.work = work
        self.flags = flags
        self.members = {}
        self.peers = ""
        for number in range(1, count + 1):
            self.add(f"n{number}", addresses[number - 1] if addresses else None)
        self.peers = ",".join(f"{m.name}={m.address}" for m in self.members.values())

    def add(self, name, address=None):
        """A member more, not started; the list of first members stays as it is."""
        self.members[name] = Member(self, name, address or free_address())
        return self.members[name]

    def __getitem__(self, name):
        return self.members[name]

    def up(self):
        return [m for m in self.members.values() if m.up]

    @property
    def endpoints(self):
        return ",".join(m.address for m in self.members.values())

    def start(self):
        for member in self.members.values():
            member.start("--bootstrap-expect", str(len(self.members)))
        self.wait(len(self.members))
        return self

    def wait(self, count):
        """Until so many members are healthy."""
        self.run("health", "--wait", "--nodes", str(count), "-t", "60s")

    def run(self, *arguments, **options):
        return run("-e", self.endpoints, *arguments, **options)

    def json(self, *arguments, **options):
        return [json.loads(line) for line in self.run(*arguments, "-o", "json", **options).splitlines()]

    def popen(self, *arguments, **options):
        return subprocess.Popen([PROGRAM, "-e", self.endpoints, *arguments], text=True, **options)

    def leader(self):
        """Waits for one."""
        self.run("health", "--wait", "--nodes", "1", "-t", "60s")
        for row in self.json("member", "list"):
            if row["role"] == "leader":
                return self.members[row["name"]]
        return fail("healthy without a leader")

    def __enter__(self):
        try:
            return self.start()
        except BaseException as error:
            self.__exit__(type(error))
            raise

    def __exit__(self, kind, *_):
        for member in self.up():
            member.signal(signal.SIGCONT)
            member.kill()
        if kind is not None:
            for member in self.members.values():
                print(f"--- {member.name}\n{pathlib.Path(member.log).read_text()[-4000:]}",
                      file=sys.stderr)


def run(*arguments, input=None, exit=0, program=(PROGRAM,)):
    """The program's stdout; any other exit code than `exit` fails the test."""
    done = subprocess.run([*program, *arguments], input=input, capture_output=True, text=True,
                          timeout=300)
    wanted = exit if isinstance(exit, tuple) else (exit,)
    if done.returncode not in wanted:
        fail(f"{' '.join(arguments)}: exit {done.returncode}, expected {exit}\n{done.stderr}")
    return done.stdout


def failed(exit, code, *arguments, endpoint=None, input=None, program=(PROGRAM,)):
    """Runs a command that must fail with `code`; its error as told in JSON, held to what all promise."""
    target = ["-e", endpoint] if endpoint else []
    done = subprocess.run([*program, *target, "-o", "json", *arguments],
                          **{"stdin": subprocess.DEVNULL} if input is None else {"input": input},
                          capture_output=True, text=True, timeout=120, check=False)
    what = f"{' '.join(arguments)}: exit {done.returncode}\n{done.stderr}"
    # A node's own log lines stand before it.
    error = json.loads((done.stderr.splitlines() or ["{}"])[-1])
    check(done.returncode == exit and error.get("code") == code,
          f"expected {exit} {code}, got {what}")
    check(error["kind"] == "error" and error["exit"] == exit and error["message"] and
          error.get("hint"), f"an error without hint or exit: {what}")
    check(error["retryable"] == (exit in (69, 75) or code == "no_space"), f"retryable: {what}")
    return error


@contextlib.contextmanager
def background(*command, **options):
    """A process beside the test; ended with it, however the test ends, so that nothing waits for it."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    with subprocess.Popen(command, **options) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def temporary_directory():
    return tempfile.TemporaryDirectory(prefix="ledgerctl-e2e-")
