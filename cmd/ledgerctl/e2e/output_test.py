#!/usr/bin/env python3
"""Every command that prints, with an output that is full and with one whose reader has gone; every noun
and verb as a value; and what an interrupt does to a command that is under way.

The table below must name every command of `help -o json`."""

import json
import os
import signal
import subprocess
import time

from harness import PROGRAM, Node, background, check, run, temporary_directory

# What to type so that the command prints and ends well. `{data}`: of a stopped node; `{dir}`: scratch;
# `{n}`: a number that is new in each run. None: it has a test of its own below.
COMMANDS = {
    "node start": None,
    "member list": ["member", "list"],
    "member join": None,  # See gossip_test.py.
    # Those that take a member out: a cluster of one has none to give; see member_test.py.
    "member leave": None,
    "member remove": None,
    "member replace": None,
    "member transfer-leadership": None,  # Alone it has nobody to hand over to, and says so in a note.
    "log append": ["log", "append", "x"],
    "log read": ["log", "read"],
    "log tail": ["log", "tail"],
    "log status": ["log", "status"],
    "asset define": ["asset", "define", "X{n}", "--scale", "2"],
    "asset list": ["asset", "list"],
    "account open": ["account", "open", "assets:a{n}", "--asset", "EUR"],
    "account show": ["account", "show", "assets:bank"],
    "account list": ["account", "list"],
    "tx post": ["tx", "post", "--debit", "assets:bank", "--credit", "income:sales", "--amount",
                "1"],
    "tx show": ["tx", "show", "0192f0c4-7a10-7c00-8000-4b5a5e9d1c01"],
    "tx list": ["tx", "list"],
    "replay run": ["replay", "run", "sqlite:{dir}/{n}.db", "--data-dir", "{data}"],
    "replay status": ["replay", "status", "sqlite:{dir}/books.db"],
    "replay verify": ["replay", "verify", "sqlite:{dir}/books.db", "--data-dir", "{data}"],
    "segment stat": ["segment", "stat", "{data}"],
    "segment dump": ["segment", "dump", "{data}"],
    "segment verify": ["segment", "verify", "{data}"],
    "segment repair": ["segment", "repair", "{data}"],
    # Those of clusters that they start themselves; see dev_test.py and bench_test.py.
    **{f"dev {verb}": None for verb in (
        "up", "down", "rm", "list", "status", "env", "logs", "start", "stop", "restart", "kill",
        "pause", "resume", "partition", "heal")},
    "bench": None,
    "completion": None,
    "health": ["health"],
    "version": ["version"],
    "help": ["help"],
}


class Table:
    def __init__(self, node, data, directory):
        self.node = node
        self.data = data
        self.directory = directory
        self.number = 0

    def rows(self):
        """Each command in text and in JSON, and its help."""
        for name, words in COMMANDS.items():
            if words is None:
                yield name, [*name.split(" "), "--help"]
                continue
            for form in ("text", "json"):
                self.number += 1
                # A slow machine has progress to tell, which is no error.
                yield f"{name} -o {form}", ["-q", "-o", form] + [
                    w.replace("{data}", self.data).replace("{dir}", self.directory)
                    .replace("{n}", str(self.number)) for w in words]
            yield f"{name} --help", [*name.split(" "), "--help"]

    def start(self, words, stdout):
        return subprocess.Popen([PROGRAM, "-e", self.node.endpoint, *words],
                                stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
                                text=True)


def prints(table):
    """The table is right: what fails below fails for its output."""
    for name, words in table.rows():
        process = table.start(words, subprocess.PIPE)
        out, err = process.communicate(timeout=60)
        check(process.returncode == 0 and out and not err, f"{name}: {process.returncode} {err}")


def a_full_output(table):
    for name, words in table.rows():
        with open("/dev/full", "wb") as full:
            process = table.start(words, full)
        err = process.stderr.read()
        process.stderr.close()
        check(process.wait(timeout=60) == 74, f"{name} > /dev/full: exit {process.returncode} {err}")
        if "json" in words:
            error = json.loads(err)
            check(error["code"] == "io" and error["exit"] == 74 and error["hint"], f"{name}: {err}")
        else:
            check(err.startswith("ledgerctl: error: write of standard output failed: ")
                  and "\n  hint: " in err and err.count("\n") == 2, f"{name} > /dev/full: {err}")


def a_reader_that_went(table):
    """As of `| head -1` that has read its line: an end by SIGPIPE, and silence."""
    for name, words in table.rows():
        reading, writing = os.pipe()
        os.close(reading)
        process = table.start(words, writing)
        os.close(writing)
        err = process.stderr.read()
        process.stderr.close()
        check(process.wait(timeout=60) == -signal.SIGPIPE and not err,
              f"{name} with a closed pipe: exit {process.returncode} {err}")


def a_node_without_output(directory):
    """Nobody reads where it listens: it says so and runs on."""
    with open("/dev/full", "wb") as full:
        process = subprocess.Popen(
            [PROGRAM, "node", "start", "--data-dir", f"{directory}/n9", "--bootstrap", "--listen",
             "127.0.0.1:0", "--log-format", "text"],
            stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if "could not be written to standard output" in line:
            break
    check(process.poll() is None, "it ended")
    process.send_signal(signal.SIGTERM)
    process.stderr.read()
    process.stderr.close()
    check(process.wait(timeout=30) == 0, f"exit {process.returncode}")


def every_word_as_a_value(node, commands):
    """A noun or verb where a value stands is a value."""
    words = sorted({w for c in commands for w in [c["path"], *c["path"].split(" ")]}
                   | {"member", "dev", "up", "backup", "tls", "bench", "--", "help", "completion"})
    before = node.json("log", "status")[0]["next_offset"]
    for word in words:
        node.run("log", "append", *(["--"] if word.startswith("-") else []), word)
    read = node.run("log", "read", "--values", "--from", str(before)).splitlines()
    check(read == words, f"appended {words}, read {read}")
    # Flags' values are no commands either.
    for n, word in enumerate(words):
        if not word.startswith("-"):
            node.run("-q", "tx", "post", "--debit", "assets:bank", "--credit", "income:sales",
                     "--amount", "1", "--memo", word)
    memos = [t["memo"] for t in node.json("tx", "list", "--from", str(before + len(words)))]
    check(memos == [w for w in words if not w.startswith("-")], f"{memos}")


def a_terminal_as_input(node):
    """Nobody types records: the command says so, and does not wait."""
    ours, theirs = os.openpty()
    done = subprocess.run([PROGRAM, "-e", node.endpoint, "-o", "json", "log", "append"], stdin=theirs,
                          capture_output=True, text=True, timeout=60, check=False)
    os.close(ours)
    os.close(theirs)
    error = json.loads(done.stderr)
    check(done.returncode == 64 and error["code"] == "stdin_is_terminal" and error["hint"], f"{done}")


def interrupted(node, data, directory):
    def client(*words, **options):
        return background(PROGRAM, "-e", node.endpoint, *words, **options)

    def ends(process, code, what):
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        check(process.returncode == code, f"{what}: exit {process.returncode}, not {code}: {err}")
        return out, err

    with client("log", "read", "-f") as following:  # Following ends well.
        check(following.stdout.readline(), "nothing was read")
        ends(following, 0, "log read -f")
    with client("log", "read") as reading:  # Into a pipe that nobody empties; the shell's 130.
        check(reading.stdout.readline(), "nothing was read")
        ends(reading, -signal.SIGINT, "log read")
    # From a pipe that stays open: what was acknowledged was printed.
    with client("log", "append", stdin=subprocess.PIPE) as writing:
        writing.stdin.write("one\n")
        writing.stdin.flush()
        offset = writing.stdout.readline().strip()
        writing.send_signal(signal.SIGINT)
        check(writing.wait(timeout=60) == 130, f"log append: exit {writing.returncode}")
        check("interrupted after 1 records" in writing.stderr.read(), "append says nothing")
    check(node.run("log", "read", "--values", "--from", offset, "-n", "1") == "one\n", offset)
    with client("tx", "post", "-", stdin=subprocess.PIPE) as posting:
        posting.stdin.write('{"debit":"assets:bank","credit":"income:sales","amount":"1"}\n')
        posting.stdin.flush()
        check(posting.stdout.readline().endswith(" ok\n"), "nothing was posted")
        posting.send_signal(signal.SIGINT)
        check(posting.wait(timeout=60) == 130, f"tx post -: exit {posting.returncode}")
    # A replay commits its batch, says how far it came, and goes on from there.
    target = f"sqlite:{directory}/interrupted.db"
    with background(PROGRAM, "replay", "run", target, "--raw", "--batch", "100", "--data-dir",
                    data) as replaying:
        while not os.path.exists(f"{directory}/interrupted.db"):
            time.sleep(0.01)
        out, _ = ends(replaying, 130, "replay run")
    check(out.startswith("applied "), out)
    run("replay", "run", target, "--data-dir", data, "--verify")
    with background(PROGRAM, "-e", "127.0.0.1:1", "health", "--wait") as waiting:
        check("waiting" in waiting.stderr.readline(), "it does not wait")
        ends(waiting, -signal.SIGINT, "health --wait")


def main():
    with temporary_directory() as directory:
        commands = [json.loads(line) for line in run("help", "-o", "json").splitlines()]
        check(sorted(c["path"] for c in commands) == sorted(COMMANDS), "the table of commands is old")
        data = f"{directory}/n1"
        with Node(data) as node:
            node.run("log", "append", input="".join(f"{n}\n" for n in range(100_000)))
            node.stop()
        run("replay", "run", f"sqlite:{directory}/books.db", "--data-dir", data)
        with Node(f"{directory}/n2") as node:
            node.run("asset", "define", "EUR", "--scale", "2")
            node.run("account", "open", "assets:bank", "--asset", "EUR")
            node.run("account", "open", "income:sales", "--asset", "EUR")
            node.run("tx", "post", "--debit", "assets:bank", "--credit", "income:sales", "--amount",
                     "1", "--id", "0192f0c4-7a10-7c00-8000-4b5a5e9d1c01")
            node.run("log", "append", input="".join(f"{n}\n" for n in range(20_000)))
            table = Table(node, data, directory)
            prints(table)
            a_full_output(table)
            a_reader_that_went(table)
            every_word_as_a_value(node, commands)
            a_terminal_as_input(node)
            interrupted(node, data, directory)
            check(node.stop() == 0, "SIGTERM did not end in exit 0")
        a_node_without_output(directory)


main()
