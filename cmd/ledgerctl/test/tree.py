#!/usr/bin/env python3
"""tree.py PROGRAM: walks the command line by `help -o json` and holds each leaf to what all promise."""

import json
import os
import subprocess
import sys
import tempfile

program = os.path.abspath(sys.argv[1])
home = tempfile.TemporaryDirectory()
env = {"PATH": os.environ["PATH"], "HOME": home.name, "XDG_CONFIG_HOME": home.name, "TZ": "UTC",
       "LEDGERCTL_ENDPOINT": "127.0.0.1:1", "LEDGERCTL_TIMEOUT": "1s"}
failures = 0


def run(*words, **more):
    return subprocess.run([program, *words], stdin=subprocess.DEVNULL, capture_output=True,
                          env=env | more, cwd=home.name, timeout=30)


def check(good, what, done):
    global failures
    if not good:
        failures += 1
        print(f"{what}\n  exit {done.returncode}\n  out {done.stdout[:500]!r}\n  err {done.stderr[:500]!r}")


def is_one_error(done, code, exit):
    lines = done.stderr.decode().splitlines()
    if done.returncode != exit or len(lines) != 1:
        return False
    error = json.loads(lines[0])
    return list(error)[:2] == ["kind", "code"] and error["code"] == code and error["exit"] == exit \
        and error.get("hint")


listed = run("help", "-o", "json")
commands = [json.loads(line) for line in listed.stdout.decode().splitlines()]
check(len(commands) >= 20, "help -o json lists the commands", listed)
paths = [c["path"] for c in commands]

for command in commands:
    path = command["path"].split(" ")
    name = command["path"]
    done = run(*path, "--help")
    text = done.stdout.decode()
    check(done.returncode == 0 and not done.stderr, f"{name} --help", done)
    check(text.splitlines()[0].endswith("."), f"{name} --help begins with a sentence", done)
    examples = text.split("Examples:\n")[1].split("\n\n")[0].splitlines()
    check(len(examples) >= 2 and all("ledgerctl" in e for e in examples),
          f"{name} --help has two examples", done)
    check(text.index("Examples:") < text.index("Usage:"), f"{name} --help: examples first", done)
    check(run("help", *path).stdout == done.stdout, f"help {name} is the same as --help", done)
    check(run("-h", *path).stdout == done.stdout, f"-h {name} is the same as --help", done)
    for flag in command["flags"]:
        check(flag in text, f"{name} --help shows {flag}", done)
    done = run(*path, "--no-such-flag", "-o", "json")
    check(is_one_error(done, "usage", 64), f"{name} refuses an unknown flag", done)
    check(not done.stdout, f"{name} prints nothing on stdout when it fails", done)
    done = run(*path, "a", "b", "c", "d", "e", "-o", "json")
    check(done.returncode in (64, 66), f"{name} refuses five arguments", done)
    assert len({f["name"] for f in command["flag_details"]}) == len(command["flags"])
    assert command["exits"] == sorted(set(command["exits"]) | {0, 64, 69, 70})

for noun in {p.split(" ")[0] for p in paths if " " in p}:
    done = run(noun)
    check(done.returncode == 64 and not done.stdout and b"Examples:" in done.stderr,
          f"a bare {noun} shows its help on stderr", done)
    done = run(noun, "nosuchverb", "-o", "json")
    check(is_one_error(done, "unknown_command", 64), f"{noun} nosuchverb", done)

# Nothing is shown that is not built, and nothing that is promised is unknown.
later = """log checkpoint,log diff,log redact,account set,account close,account reopen,account history,tx settle,
tx reverse,tx import,tx explain,tx prove,prove check,replay what-if,backup create,backup verify,
backup restore,dev partition,dev heal,tls init,bench,doctor,completion"""
for name in later.replace("\n", "").split(","):
    assert name not in paths, name
    done = run(*name.split(" "), "--whatever", "-o", "json")
    check(is_one_error(done, "not_built", 64), f"{name} is not built", done)

print(f"{len(commands)} commands, {failures} failures")
sys.exit(1 if failures else 0)
