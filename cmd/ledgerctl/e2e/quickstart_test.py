#!/usr/bin/env python3
"""`quickstart` tells its whole story, and stops what it started, however it ends."""

import collections
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile

from harness import PROGRAM, SOURCE, check, eventually

SECTIONS = 10


class Run:
    """`quickstart` with the program under test, in a temporary directory of its own."""

    def __init__(self, tools=None):
        self.temporary = tempfile.TemporaryDirectory(prefix="ledgerctl-e2e-")
        self.path = self.temporary.name
        os.chmod(self.path, 0o755)  # As /tmp is: PostgreSQL's account passes through.
        path = os.environ["PATH"]
        self.process = subprocess.Popen(
            [SOURCE / "quickstart"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
            # Where another cluster is, it must not be met.
            env=os.environ | {"LEDGERCTL": PROGRAM, "LEDGERCTL_DEV": "elsewhere",
                              "TMPDIR": self.path, "PATH": f"{tools}:{path}" if tools else path})
        self.said = ""

    def until(self, text):
        while text not in self.said:
            line = self.process.stdout.readline()
            check(line, f"it ended before it said '{text}':\n{self.said}")
            self.said += line

    def finish(self):
        """Its exit code, once it has ended and nothing of it is left."""
        self.said += self.process.stdout.read()
        code = self.process.wait()
        eventually(f"what it started has ended: {self.said}", lambda: not self.processes())
        check(os.listdir(self.path) == [], f"it left {os.listdir(self.path)}")
        self.temporary.cleanup()
        return code

    def processes(self):
        mark = self.path.encode()
        found = []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                texts = [pathlib.Path(f"/proc/{entry}/{name}").read_bytes()
                         for name in ("environ", "cmdline")]
            except OSError:
                continue
            if any(mark in text for text in texts):
                found.append(int(entry))
        return found


def it_tells_its_whole_story():
    run = Run()
    code = run.finish()
    check(code == 0, f"exit {code}\n{run.said}")
    sections = [int(number) for number in re.findall(r"^(\d+)\. ", run.said, re.M)]
    check(sections == list(range(1, SECTIONS + 1)), f"{sections}")
    check("Done. Three nodes" in run.said, run.said)
    check(re.search(r"n\d led, and died in the middle", run.said), run.said)
    verdicts = collections.Counter()
    for count, verdict in re.findall(r"^ +(\d+) ([a-z_]+)$", run.said, re.M):
        verdicts[verdict] += int(count)
    expected = json.loads((SOURCE / "testdata/journals/expected.json").read_text())
    check(verdicts == expected["verdicts"], f"{verdicts}")
    for name in ("assets:bank:eur", "assets:till"):
        balance = expected["balances"][name]["posted"]
        check(re.search(rf"{name} .* {re.escape(balance)} ", run.said), f"{name} is not {balance}")
    databases = 1 if "skipped:" in run.said else 2
    check(run.said.count("applied 5716 records") == databases + 1 and
          run.said.count("ok 5716 records, 67 accounts") == databases and
          run.said.count(", verified\n") == 1, f"a replica was not made or not compared:\n{run.said}")
    check(len(re.findall(r"^ +ok .*/n[123]/data/.* 5716 records$", run.said, re.M)) == 3,
          f"the segments of three nodes were not verified:\n{run.said}")


def interrupted_it_leaves_nothing():
    for number in (signal.SIGINT, signal.SIGTERM):
        run = Run()
        run.until("3. Define")
        check(len(run.processes()) > 4, "the cluster runs by now")
        # As a terminal does it: to all that stand in the foreground.
        os.killpg(run.process.pid, number)
        code = run.finish()
        check(code == -number, f"{number.name}: exit {code}\n{run.said}")


def a_failure_is_its_exit_code_and_it_leaves_nothing():
    with tempfile.TemporaryDirectory() as tools:
        sqlite = pathlib.Path(tools) / "sqlite3"
        sqlite.write_text("#!/bin/sh\nexit 7\n")
        sqlite.chmod(0o755)
        run = Run(tools)
        code = run.finish()
        check(code == 7 and "9. " not in run.said, f"exit {code}\n{run.said}")


def main():
    for test in (it_tells_its_whole_story, interrupted_it_leaves_nothing,
                 a_failure_is_its_exit_code_and_it_leaves_nothing):
        print(test.__name__.replace("_", " "), flush=True)
        test()


main()
