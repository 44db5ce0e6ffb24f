"""A development cluster in a home of its own, and who belongs to it among all processes."""

import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import tempfile
import time

from harness import PROGRAM, check, fail

PATIENCE = 60  # Seconds until a test gives up; nothing is measured by it.


def until(condition, what, why=lambda: ""):
    """Waits until it holds, and returns how long that took; `why` says more if it does not."""
    begin = time.monotonic()
    while not condition():
        if time.monotonic() - begin > PATIENCE:
            fail(f"not within {PATIENCE} s: {what}\n{why()}")
        time.sleep(0.01)
    return time.monotonic() - begin


def listening(port):
    """A listener of ours; connections of an earlier one that have ended are not in its way."""
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


def in_use(port):
    try:
        listening(port).close()
    except OSError:
        return True
    return False


class Ports:
    """A hundred ports far below those that the kernel gives away: free, and no other test's."""

    def __init__(self):
        for base in random.sample(range(18000, 32000, 100), 140):
            self.lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                # A name that no file stands for: it is gone with the process.
                self.lock.bind(f"\0ledgerctl-test-ports-{base}")
            except OSError:
                self.lock.close()
                continue
            self.base = base
            if not any(in_use(port) for port in range(base, base + 100)):
                return
            self.lock.close()
        fail("no hundred ports are free")

    def close(self):
        self.lock.close()


class Home:
    """State and runtime directories; every process that was started with them can be listed."""

    def __init__(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="ledgerctl-dev-")
        self.path = pathlib.Path(self.temporary.name)
        (self.path / "run").mkdir(mode=0o700)
        self.environment = {
            key: value for key, value in os.environ.items() if not key.startswith("LEDGERCTL")
        } | {"XDG_STATE_HOME": str(self.path), "XDG_RUNTIME_DIR": str(self.path / "run"),
             "HOME": str(self.path), "TZ": "UTC"}
        self.ports = Ports()
        self.base_port = self.ports.base

    def directory(self, name="default"):
        return self.path / "ledgerctl/dev" / name

    def popen(self, *arguments, **options):
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                   "stderr": subprocess.PIPE, "text": True, "env": self.environment} | options
        return subprocess.Popen([PROGRAM, *arguments], **options)

    def result(self, *arguments, env=None):
        return subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, env=self.environment | (env or {}), timeout=120)

    def run(self, *arguments, exit=0, env=None):
        done = self.result(*arguments, env=env)
        if done.returncode != exit:
            fail(f"{' '.join(arguments)}: exit {done.returncode}, expected {exit}\n{done.stderr}")
        return done.stdout

    def json(self, *arguments, **options):
        return [json.loads(line) for line in self.run(*arguments, "-o", "json", **options).splitlines()]

    def failed(self, exit, code, *arguments, env=None):
        done = self.result("-o", "json", *arguments, env=env)
        error = json.loads((done.stderr.splitlines() or ["{}"])[-1])
        check(done.returncode == exit and error.get("code") == code and error.get("hint"),
              f"{' '.join(arguments)}: expected {exit} {code}, got {done.returncode}\n{done.stderr}")
        return error

    def up(self, *flags, name="default"):
        """Begins or continues a cluster; at its own ports the first time."""
        fresh = not (self.directory(name) / "cluster.toml").exists()
        ports = ["--base-port", str(self.base_port)] if fresh else []
        done = self.result("--dev", name, "dev", "up", "-d", *ports, *flags)
        check(done.returncode == 0, f"dev up: exit {done.returncode}\n{done.stderr}")
        return done.stdout

    def nodes(self, name="default"):
        return {row["name"]: row for row in self.json("--dev", name, "dev", "status")}

    def leader(self):
        return next(row["name"] for row in self.nodes().values() if row["role"] == "leader")

    def processes(self):
        """All that run in this home and are no zombies: {pid: command line}."""
        found = {}
        mark = f"XDG_STATE_HOME={self.path}".encode()
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                environment = pathlib.Path(f"/proc/{entry}/environ").read_bytes().split(b"\0")
                line = pathlib.Path(f"/proc/{entry}/cmdline").read_bytes()
            except OSError:
                continue
            if mark in environment and line:
                found[int(entry)] = line.replace(b"\0", b" ").decode().strip()
        return found

    def supervisor(self, name="default"):
        return json.loads((self.directory(name) / "state.json").read_text())["supervisor"]["pid"]

    def gone(self, what):
        """Waits until nothing of this home runs, listens or is locked; returns how long."""
        took = until(lambda: not self.processes(), f"{what}: processes are left: {self.processes()}")
        # A process that ends loses its memory, and with it its name, before its sockets.
        until(lambda: not any(in_use(self.base_port + 10 * node + port)
                              for node in range(9) for port in range(3)),
              f"{what}: ports are in use")
        return took

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        until(lambda: not self.processes(), "the end of what a test left")
        self.temporary.cleanup()
        self.ports.close()
