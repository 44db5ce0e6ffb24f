#!/usr/bin/env python3
"""Whoever breaks a promise in the simulator is told of: the seed, the last steps, and the command
that tells it all again.

Called with the simulator that can make mistakes."""

import re
import subprocess
import sys

PROGRAM = sys.argv[1]


def check(condition, message):
    if not condition:
        sys.exit(f"FAILED: {message}")


def simulate(*arguments):
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


def told(mistake):
    """What is printed of the first seed that shows it, and then of its replay."""
    for seed in range(1, 100):
        code, lines = simulate("--seed", str(seed), "--mistake", mistake, "--quiet")
        if code != 0:
            break
    check(code != 0, f"{mistake} is not noticed")
    fails = [n for n, line in enumerate(lines) if line.startswith(f"seed {seed} fails: ")]
    check(len(fails) == 1, f"{mistake}: {lines}")
    steps = lines[:fails[0]]
    check(20 < len(steps) <= 200 and all(re.match(r"\d+\.\d+ ", step) for step in steps),
          f"{mistake}: {steps}")
    replay = lines[fails[0] + 1].split()
    check(replay[:2] == ["replay:", PROGRAM], f"{mistake}: {replay}")
    again, all_lines = simulate(*replay[2:])
    check(again == code, f"{mistake}: exit {code}, and again {again}")
    end = all_lines.index(lines[fails[0]])
    while not re.match(r"\d+\.\d+ ", all_lines[end - 1]):
        end -= 1
    check(all_lines[end - len(steps):end] == steps, f"{mistake}: another story when told again")


told("ack_after_own_sync")          # Seen by the witness.
told("second_record")               # Dies of an assertion.
