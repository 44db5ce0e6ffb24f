#!/usr/bin/env python3
"""Completion in the shells themselves: commands, flags, choices, clusters and nodes."""

import os
import pty
import re
import select
import shutil
import subprocess

from devcluster import Home
from harness import PROGRAM, check, fail

SHELL_PATIENCE = 60


def directory_with_program(home):
    """A PATH where the program has its name."""
    path = home.path / "bin"
    path.mkdir()
    (path / "ledgerctl").symlink_to(PROGRAM)
    return f"{path}:/usr/bin:/bin"


def candidates(home, *words):
    return [line.split("\t")[0] for line in home.run("__complete", *words).splitlines()]


def the_program_knows_what_can_follow(home):
    check(candidates(home, "he") == ["health", "help"], f"{candidates(home, 'he')}")
    check("kill" in candidates(home, "dev", ""), "dev verbs")
    check(candidates(home, "--dev", "") == ["default"], "clusters")
    check(candidates(home, "dev", "kill", "") == ["n1", "leader", "followers", "any-follower", "all"],
          f"{candidates(home, 'dev', 'kill', '')}")
    check(candidates(home, "dev", "logs", "") == ["n1"], "nodes of logs")
    check(candidates(home, "--dev", "other", "dev", "kill", "n") == [], "nodes of another cluster")
    check(candidates(home, "dev", "up", "--re") == ["--restart"], "flags")
    check(candidates(home, "dev", "up", "--restart", "") == ["on-crash", "never"], "choices")
    check(candidates(home, "log", "append", "") == [], "a value")
    check(candidates(home, "nosuch", "") == [], "no command")
    check(candidates(home, "completion", "z") == ["zsh"], "shells")
    home.failed(64, "usage", "completion", "bash")  # -o json on the line


def bash_completes(home, environment):
    script = """source <(ledgerctl completion bash)
COMP_WORDS=(ledgerctl dev kill lea); COMP_CWORD=3; _ledgerctl; echo "${COMPREPLY[@]}"
COMP_WORDS=(ledgerctl dev kill ""); COMP_CWORD=3; _ledgerctl; echo "${COMPREPLY[@]}"
COMP_WORDS=(ledgerctl dev up --restart = n); COMP_CWORD=5; _ledgerctl; echo "${COMPREPLY[@]}"
complete -p ledgerctl"""
    done = subprocess.run(["bash", "--norc", "-c", script], env=environment, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    check(lines[:3] == ["leader", "n1 leader followers any-follower all", "never"]
          and "-F _ledgerctl" in lines[3], f"bash: {done.stdout}{done.stderr}")


def fish_completes(home, environment):
    script = """ledgerctl completion fish | source
complete -C"ledgerctl dev kill lea"
echo ===
complete -C"ledgerctl dev kill "
echo ===
complete -C"ledgerctl --dev "
"""
    done = subprocess.run(["fish", "--no-config", "-c", script], env=environment, capture_output=True,
                          text=True)
    first, second, third = (part.split("\n") for part in done.stdout.split("===\n"))
    names = sorted(line.split("\t")[0] for line in second if line)
    check(first[0].startswith("leader\t") and third[0].startswith("default\t")
          and names == ["all", "any-follower", "followers", "leader", "n1"],
          f"fish: {done.stdout}{done.stderr}")


def zsh_completes(home, environment):
    """In a terminal: what Tab makes of a word that has one end only."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe("zsh", ["zsh", "-f", "-i"], environment | {"TERM": "dumb", "PS1": "> "})
    text = ""

    def expect(pattern):
        nonlocal text
        while not re.search(pattern, text):
            if not select.select([terminal], [], [], SHELL_PATIENCE)[0]:
                fail(f"zsh: no {pattern!r} in {text!r}")
            text += os.read(terminal, 4096).decode(errors="replace")
        text = ""

    try:
        os.write(terminal, b"autoload -U compinit; compinit -u -D\n")
        os.write(terminal, b"source <(ledgerctl completion zsh); echo re''ady\n")
        expect("ready")
        os.write(terminal, b"ledgerctl dev kill lea\t")
        expect("leader ")
        os.write(terminal, b"\x15ledgerctl --dev def\t")
        expect("default ")
        os.write(terminal, b"\x15exit\n")
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)


def main():
    with Home() as home:
        home.up("--nodes", "1")
        the_program_knows_what_can_follow(home)
        environment = home.environment | {"PATH": directory_with_program(home)}
        for shell, test in (("bash", bash_completes), ("fish", fish_completes), ("zsh", zsh_completes)):
            if shutil.which(shell, path="/usr/bin:/bin"):
                test(home, environment)
                print(f"{shell} completes")
            else:
                print(f"{shell} is not installed: left out")


main()
