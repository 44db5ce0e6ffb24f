#!/usr/bin/env python3
"""No process outlives its dev cluster's supervisor, however that ends, and the next `dev up` goes on
with the same ports and data. Rounds of the last test: 5, or as many as ROUNDS says."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

from devcluster import Home, until
from harness import PROGRAM, check, fail

ROUNDS = int(os.environ.get("ROUNDS", "5"))


def runs(home):
    return ((home.directory() / "state.json").exists()
            and home.json("dev", "list")[0]["state"] == "running")


def said(descriptor):
    """All that can be read without waiting."""
    os.set_blocking(descriptor, False)
    text = b""
    try:
        while piece := os.read(descriptor, 4096):
            text += piece
    except OSError:  # Nothing more now, or a terminal whose other side is gone.
        pass
    return text.decode()


def started(home, *flags):
    """A supervisor in the foreground, ready."""
    process = home.popen("dev", "up", "--base-port", str(home.base_port), *flags)
    until(lambda: process.poll() is not None or runs(home), "the cluster runs",
          lambda: said(process.stderr.fileno()))
    if process.poll() is not None:
        fail("the supervisor ended: " + process.stderr.read())
    return process


def goes_on(home, what):
    """All is gone, and what was written is still there on the same ports."""
    print(f"  {what}: gone after {home.gone(what):.2f} s", flush=True)
    home.up()
    check(home.run("log", "read", "--values") == "kept\n", f"{what}: data is lost")
    check(home.nodes()["n1"]["rpc"] == f"127.0.0.1:{home.base_port}", f"{what}: ports have moved")
    home.run("dev", "status", "--check")
    home.run("dev", "down")
    home.gone(what)


def killed_at_any_time_a_supervisor_takes_its_nodes_with_it():
    with Home() as home:
        home.up()
        home.run("log", "append", "kept")
        os.kill(home.supervisor(), signal.SIGKILL)
        goes_on(home, "killed while ready")

        home.up()
        home.run("dev", "pause", "n2")
        os.kill(home.supervisor(), signal.SIGKILL)
        goes_on(home, "killed while a node is paused")

        starter = home.popen("dev", "up", "-d")
        nodes = lambda: [pid for pid, line in home.processes().items() if "node start" in line]
        until(lambda: len(nodes()) > 0, "a node begins")
        os.kill(nodes()[0], signal.SIGSTOP)  # So that the cluster can't be ready before.
        os.kill(home.supervisor(), signal.SIGKILL)
        check(starter.wait(timeout=60) != 0, "dev up succeeded without a supervisor")
        goes_on(home, "killed while starting")

        home.up()
        supervisor = home.supervisor()
        nodes = [row["pid"] for row in home.nodes().values()]
        os.kill(nodes[0], signal.SIGSTOP)
        os.kill(supervisor, signal.SIGTERM)
        os.kill(supervisor, signal.SIGKILL)
        goes_on(home, "killed while stopping")

        # At once: what is left is in the way, and is cleared.
        home.up()
        os.kill(home.supervisor(), signal.SIGKILL)
        home.up()
        check(len(home.processes()) == 4, f"{home.processes()}")
        check(home.run("log", "read", "--values") == "kept\n", "data after an immediate up")
        os.kill(home.supervisor(), signal.SIGKILL)
        home.run("dev", "down")
        check(not home.processes(), f"dev down leaves {home.processes()}")

        # While it is asked to stop.
        home.up()
        supervisor = home.supervisor()
        os.kill(supervisor, signal.SIGSTOP)
        down = home.popen("dev", "down")
        check("stopping 3 nodes" in down.stderr.readline(), "dev down asks")
        os.kill(supervisor, signal.SIGKILL)
        check(down.wait(timeout=60) == 0, "dev down fails beside a killed supervisor")
        check(not home.processes(), f"dev down leaves {home.processes()}")


def interrupted_it_stops_gracefully_and_a_second_time_at_once():
    with Home() as home:
        process = started(home)
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=60)
        check(process.returncode == 0 and "stopping 3 nodes (again to kill)" in errors, errors)
        check(out.startswith("NODE  STATE"), out)
        home.gone("Ctrl-C")

        process = started(home)
        pids = {name: row["pid"] for name, row in home.nodes().items()}
        others = {os.pidfd_open(pids[name]) for name in ("n2", "n3")}
        process.send_signal(signal.SIGINT)
        while others:
            # It is told to go on, and stops in milliseconds; so again and again, without a pause.
            os.kill(pids["n1"], signal.SIGSTOP)
            for ended in select.select(others, [], [], 0)[0]:
                others.remove(ended)
                os.close(ended)
        process.send_signal(signal.SIGINT)
        check(process.wait(timeout=60) == 1, "a killed node is no clean stop")
        home.gone("Ctrl-C twice")


def it_ends_with_the_shell_that_started_it():
    with Home() as home:
        shell = subprocess.Popen(
            ["bash", "-c", f"{PROGRAM} dev up --base-port {home.base_port}; true"],
            env=home.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE)
        until(lambda: runs(home), "the cluster runs", lambda: said(shell.stderr.fileno()))
        shell.kill()
        shell.wait()
        print(f"  gone after {home.gone('the shell was killed'):.2f} s")


def it_ends_with_its_terminal():
    with Home() as home:
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(PROGRAM, [PROGRAM, "dev", "up", "--base-port", str(home.base_port)],
                      home.environment)
        until(lambda: runs(home), "the cluster runs", lambda: said(terminal))
        text = b""
        while b"UPTIME" not in text or b"ready" not in text:
            text += os.read(terminal, 4096)
        os.close(terminal)
        os.waitpid(pid, 0)
        print(f"  gone after {home.gone('the terminal was closed'):.2f} s")


def a_starter_that_is_interrupted_takes_back_what_it_began():
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)):
        with Home() as home:
            starter = home.popen("dev", "up", "-d", "--base-port", str(home.base_port))
            until(lambda: any("node start" in line for line in home.processes().values()),
                  "a node begins")
            starter.send_signal(number)
            check(starter.wait(timeout=60) == code, f"{number.name}: exit {starter.returncode}")
            home.gone(f"{number.name} of the starter")


def a_crash_loop_leaves_nothing_either():
    with Home() as home:
        home.up("--restart", "never")
        os.kill(home.nodes()["n2"]["pid"], signal.SIGKILL)
        until(lambda: home.nodes()["n2"]["state"] == "exited", "n2 stays down")
        home.run("dev", "down")
        home.gone("dev down after a crash")
        process = started(home, "--fail-fast")
        os.kill(home.nodes()["n3"]["pid"], signal.SIGABRT)
        check(process.wait(timeout=60) == 70, f"--fail-fast: exit {process.returncode}")
        home.gone("--fail-fast")


def round_after_round_nothing_is_left():
    with Home() as home:
        for number in range(ROUNDS):
            begin = time.monotonic()
            home.up()
            up = time.monotonic()
            os.kill(home.supervisor(), signal.SIGKILL)
            home.up()
            again = time.monotonic()
            home.run("dev", "down")
            down = time.monotonic()
            check(not home.processes(), f"round {number} leaves {home.processes()}")
            home.gone(f"round {number}")
            print(f"  round {number}: up {up - begin:.2f} s, after a kill {again - up:.2f} s, "
                  f"down {down - again:.2f} s", flush=True)


def main():
    for test in (killed_at_any_time_a_supervisor_takes_its_nodes_with_it,
                 interrupted_it_stops_gracefully_and_a_second_time_at_once,
                 it_ends_with_the_shell_that_started_it,
                 it_ends_with_its_terminal,
                 a_starter_that_is_interrupted_takes_back_what_it_began,
                 a_crash_loop_leaves_nothing_either,
                 round_after_round_nothing_is_left):
        if len(sys.argv) > 1 and not re.search(sys.argv[1], test.__name__):
            continue
        print(test.__name__.replace("_", " "), flush=True)
        test()


main()
