#!/usr/bin/env python3
"""Runs a transcript: commands with what they must print and return.

    transcript.py PROGRAM FILE            compares; prints each difference; exit 1 if there was one
    REWRITE=1 transcript.py PROGRAM FILE  writes what was printed into FILE, to be read as prose

A transcript is text:

    # A comment. `fixture: node` in the first lines starts a node for it; `fixture: dev` is for
    # development clusters, which the transcript starts, and ends, itself.
    $ ledgerctl account open liabilities:alice --asset USD
    {id=alice}
    $ ledgerctl tx post --from liabilities:alice --to liabilities:bob --amount 500
    ! ledgerctl: note: id {id}
    ! ledgerctl: error: account liabilities:alice has 0.00 available, {...}
    ? 1

A line after `$ ` goes to `bash -c`; lines after `> ` continue it. Then stand the lines of stdout, those
of stderr after `! `, and after `? ` the exit code where it is not 0. In what is expected:

    {...}    anything within the line      {id}    a UUID             {time}  RFC 3339, UTC
    {local}  local time                    {n}     digits             {x}     a decimal fraction
    {hex}    lower-case hex digits         {dir}   the directory of the run
    {word}   letters a-z                   {node}  the name of a node of a dev cluster
    {base}   the first digits of a dev cluster's ports
    { }      two or more spaces: what stands before them in a table may be of any width
    {id=NAME}, {n=NAME}  the same, kept as the environment variable NAME for what follows

Every command runs in the same new directory, with an empty home, LEDGERCTL_* unset, TZ=UTC, and a limit of
30 s. With a node: LEDGERCTL_ENDPOINT names it, $NODE is its pid, $DATA its directory. With a place for dev
clusters: ${BASE}00 to ${BASE}99 are ports that nobody uses."""

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

PATTERNS = {
    "...": ".*",
    "id": "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z",
    "local": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d",
    "n": r"\d+",
    "x": r"\d+\.\d+",
    "hex": "[0-9a-f]+",
    "word": "[a-z]+",
    "node": "n[1-9]",
    " ": " {2,}",
}
HOLE = re.compile(r"\{(\.\.\.|[a-z]+| )(?:=([A-Za-z_]+))?\}")


class Step:
    def __init__(self, number, command):
        self.number = number
        self.command = command
        self.out = []
        self.err = []
        self.exit = 0


def parse(text):
    """Pieces in order: strings that are kept as they are, and steps."""
    pieces = []
    step = None
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("$ "):
            step = Step(number, line[2:])
            pieces.append(step)
        elif step and line.startswith("> "):
            step.command += "\n" + line[2:]
        elif step and line.startswith("! "):
            step.err.append(line[2:])
        elif step and line.startswith("? "):
            step.exit = int(line[2:])
        elif step is None or line.startswith("#"):
            pieces.append(line)
            step = None
        else:
            step.out.append(line)
    for piece in pieces:
        if isinstance(piece, Step):
            blanks = 0
            while piece.out and piece.out[-1] == "":
                piece.out.pop()
                blanks += 1
            piece.blanks = blanks
    return pieces


def matches(expected, actual, variables):
    """Whether the line is as expected; names in it are kept."""
    pattern = ""
    at = 0
    for hole in HOLE.finditer(expected):
        pattern += re.escape(expected[at : hole.start()])
        at = hole.end()
        if hole[1] == "dir":
            pattern += re.escape(variables["PWD"])
        elif hole[1] == "base":
            pattern += variables["BASE"]
        elif hole[1] not in PATTERNS:
            pattern += re.escape(hole[0])
        elif hole[2]:
            pattern += f"(?P<{hole[2]}>{PATTERNS[hole[1]]})"
        else:
            pattern += PATTERNS[hole[1]]
    found = re.fullmatch(pattern + re.escape(expected[at:]), actual)
    if not found:
        return False
    variables.update(found.groupdict())
    return True


def generalise(line, variables):
    line = line.replace(variables["PWD"], "{dir}")
    if "BASE" in variables:
        line = re.sub(rf"\b{variables['BASE']}(?=\d\d\b)", "{base}", line)
    line = re.sub(PATTERNS["time"], "{time}", line)
    line = re.sub(PATTERNS["local"], "{local}", line)
    return re.sub(PATTERNS["id"], "{id}", line)


def lines_of(data):
    text = data.decode("utf-8", "backslashreplace")
    if text.endswith("\n"):
        text = text[:-1]
    elif text:
        text += "{no newline}"
    return text.split("\n") if text else []


def compare(expected, actual, variables):
    if len(expected) != len(actual):
        return False
    # Every line is looked at, so that later ones may name what they hold.
    return all([matches(e, a, variables) for e, a in zip(expected, actual)])


class Node:
    """A node of one, for the time of a transcript."""

    def __init__(self, program, variables):
        self.data = os.path.join(variables["PWD"], "node")
        self.log = open(os.path.join(variables["PWD"], "node.log"), "wb")
        self.process = subprocess.Popen(
            [program, "node", "start", "--data-dir", self.data, "--name", "n1", "--bootstrap",
             "--listen", "127.0.0.1:0"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, env=variables)
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            sys.exit("the node did not start:\n" + open(self.log.name).read())
        variables["LEDGERCTL_ENDPOINT"] = json.loads(line)["rpc"]
        variables["NODE"] = str(self.process.pid)
        variables["DATA"] = self.data

    def stop(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.process.stdout.close()
        self.log.close()
        return f"the node ended with {code}: see {self.log.name}" if code else None


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class DevClusters:
    """A place for development clusters, for the time of a transcript."""

    def __init__(self, variables):
        self.mark = f"XDG_STATE_HOME={variables['XDG_STATE_HOME']}".encode()
        variables["LEDGERCTL_TIMEOUT"] = "20s"  # On a busy machine a node is silent for a second.
        variables["XDG_RUNTIME_DIR"] = variables["PWD"] + "/run"
        os.mkdir(variables["XDG_RUNTIME_DIR"], 0o700)
        # Below those that a cluster chooses by itself, and that other tests draw.
        hundreds = list(range(100, 174))
        random.shuffle(hundreds)
        variables["BASE"] = str(next(
            h for h in hundreds if all(is_free(100 * h + port) for port in range(100))))

    def processes(self):
        found = []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{entry}/environ", "rb") as environment:
                    if self.mark in environment.read().split(b"\0"):
                        found.append(int(entry))
            except OSError:
                continue  # It has ended, or is somebody else's.
        return found

    def stop(self):
        left = self.processes()
        while running := self.processes():
            for pid in running:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.01)
        return f"{len(left)} processes were left" if left else None


def run(step, variables):
    done = subprocess.run(["bash", "-c", step.command], stdin=subprocess.DEVNULL,
                          capture_output=True, env=variables, cwd=variables["PWD"], timeout=30)
    return lines_of(done.stdout), lines_of(done.stderr), done.returncode


def show(step, out, err, code):
    text = "".join(f"  {line}\n" for line in out) + "".join(f"  ! {line}\n" for line in err)
    return f"{text}  ? {code}\n"


def rewritten(step, out, err, code, variables):
    def merge(expected, actual, prefix):
        text = ""
        for i, line in enumerate(actual):
            old = expected[i] if i < len(expected) else None
            keep = old is not None and matches(old, line, variables)
            text += prefix + (old if keep else generalise(line, variables)) + "\n"
        return text

    text = "$ " + step.command.replace("\n", "\n> ") + "\n"
    text += merge(step.out, out, "") + merge(step.err, err, "! ")
    if code != 0:
        text += f"? {code}\n"
    return text + "\n" * step.blanks


def main():
    program, path = os.path.abspath(sys.argv[1]), sys.argv[2]
    text = open(path, encoding="utf-8").read()
    pieces = parse(text.rstrip("\n"))
    directory = os.path.realpath(tempfile.mkdtemp(prefix="ledgerctl-"))
    variables = {k: v for k, v in os.environ.items() if not k.startswith("LEDGERCTL_")}
    variables.pop("NO_COLOR", None)
    variables.update(
        PATH=os.path.dirname(program) + ":" + variables["PATH"], PWD=directory, HOME=directory,
        XDG_CONFIG_HOME=directory + "/config", XDG_STATE_HOME=directory + "/state", TZ="UTC",
        LC_ALL="C.UTF-8",
        TEST=os.path.dirname(os.path.abspath(__file__)),
        DATA_ROOT=os.path.dirname(os.path.dirname(os.path.abspath(path))))
    # A runner whose patience is over sends SIGTERM: what was started goes then, too.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    head = text.split("\n$ ")[0]
    fixture = None
    if "fixture: node" in head:
        fixture = Node(program, variables)
    elif "fixture: dev" in head:
        fixture = DevClusters(variables)
    failed = 0
    output = ""
    try:
        for piece in pieces:
            if isinstance(piece, str):
                output += piece + "\n"
                continue
            out, err, code = run(piece, variables)
            if os.environ.get("REWRITE"):
                output += rewritten(piece, out, err, code, variables)
                continue
            good = [compare(piece.out, out, variables), compare(piece.err, err, variables),
                    code == piece.exit]
            if not all(good):
                failed += 1
                print(f"{path}:{piece.number}: $ {piece.command}")
                print("expected:\n" + show(piece, piece.out, piece.err, piece.exit), end="")
                print("got:\n" + show(piece, out, err, code))
    finally:
        complaint = fixture.stop() if fixture else None
        if not complaint and not failed:
            shutil.rmtree(directory)
    if complaint:
        sys.exit(complaint)
    if os.environ.get("REWRITE"):
        open(path, "w", encoding="utf-8").write(output.rstrip("\n") + "\n")
    sys.exit(1 if failed else 0)


main()
