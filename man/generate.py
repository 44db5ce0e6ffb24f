#!/usr/bin/env python3
"""Makes a manual page from its template: generate.py PROGRAM TEMPLATE > PAGE

What a page says of commands comes from `PROGRAM help -o json`, so it can't differ from the program:

    @synopsis NOUN@   the usage lines of the noun's commands
    @commands NOUN@   each command: what it does, its flags, its exit codes, its examples
"""

import json
import re
import subprocess
import sys


def escape(text):
    """Text as mdoc takes it within a line."""
    text = text.replace("\\", "\\e").replace("…", "...").replace("–", "-").replace("“", '"')
    return text.replace("-", "\\-") if text.startswith("-") else text


def line(text):
    text = escape(text)
    return "\\&" + text if text[:1] in ".'" else text


def words(text):
    """The arguments of a macro: what looks like one is shielded."""
    return " ".join(
        "\\&" + w if re.fullmatch(r"[A-Z][a-z]|[.,:;()\[\]|?!]", w) else w
        for w in escape(text).split(" "))


def usage(command):
    parts = command["usage"].split(" ", 1)[1]
    return f".Nm ledgerctl\n.Cm {words(parts)}\n"


def flag(detail):
    out = ".It "
    value = f" Ar {words(detail['value'])}" if "value" in detail else ""
    if "letter" in detail:
        out += f"Fl {detail['letter']}{value} , "
    name = detail["name"][1:].replace("-", "\\-", 1) if detail["name"].startswith("--") else detail["name"][1:]
    return out + f"Fl {name}{value}\n{line(detail['text'][0].upper() + detail['text'][1:])}.\n"


def section(command):
    out = f".Ss {command['path']}\n"
    out += line(command["summary"]) + ".\n"
    if "notes" in command:
        for paragraph in command["notes"].split("\n\n"):
            sentences = re.split(r"(?<=[.!?]) +(?=[A-Z])", " ".join(paragraph.split()))
            out += ".Pp\n" + "".join(line(s) + "\n" for s in sentences)
    if command["flag_details"]:
        out += ".Bl -tag -width Ds\n" + "".join(map(flag, command["flag_details"])) + ".El\n"
    if command["exit_details"]:
        out += ".Pp\nExit codes of its own:\n.Bl -tag -width 1234 -compact\n"
        for exit in command["exit_details"]:
            out += f".It {exit['code']}\n{line(exit['text'])}\n"
        out += ".El\n"
    out += ".Pp\nExamples:\n.Bd -literal -offset indent\n"
    out += "".join(line(e) + "\n" for e in command["examples"])
    return out + ".Ed\n"


def main():
    program, template = sys.argv[1:]
    listed = subprocess.run([program, "help", "-o", "json"], check=True, capture_output=True)
    commands = [json.loads(l) for l in listed.stdout.decode().splitlines()]

    def of(noun):
        found = [c for c in commands if c["path"].split(" ")[0] == noun]
        if not found:
            sys.exit(f"{template}: no command '{noun}'")
        return found

    for text in open(template, encoding="utf-8"):
        hole = re.fullmatch(r"@(synopsis|commands) ([a-z]+)@\n", text)
        if not hole:
            sys.stdout.write(text)
        elif hole[1] == "synopsis":
            sys.stdout.write("".join(usage(c) for c in of(hole[2])))
        else:
            sys.stdout.write("".join(section(c) for c in of(hole[2])))


main()
