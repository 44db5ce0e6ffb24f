#!/usr/bin/env python3
"""Files and directories that may not be read or written: exit 77, the path, and a hint.

Root may do everything, so as root the commands run as the account `nobody`; as anybody else they run
as they are."""

import os
import shutil
import subprocess
import sys

from harness import PROGRAM, Node, check, failed, run, temporary_directory

SKIPPED = 77
AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def unprivileged(work):
    """How to run the program so that modes hold; its path, reachable for that account."""
    if os.geteuid() != 0:
        return [PROGRAM]
    # Its own directory may be closed to others.
    copy = f"{work}/ledgerctl"
    shutil.copy(PROGRAM, copy)
    os.chmod(copy, 0o755)
    os.chmod(work, 0o755)
    command = [*AS_NOBODY, copy]
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"skipped: root may do everything, and cannot become nobody: {done.stderr.strip()}")
        sys.exit(SKIPPED)
    return command


def main():
    with temporary_directory() as work:
        command = unprivileged(work)
        owner = 65534 if os.geteuid() == 0 else os.geteuid()

        def give(path, mode):
            if os.geteuid() == 0:
                os.chown(path, owner, owner)
            os.chmod(path, mode)

        def refused(*arguments, path, exit=77, code="file_permission"):
            error = failed(exit, code, *arguments, program=command)
            check(path in error["message"], f"{arguments}: the path is not named: {error}")
            check("owner and mode" in error["hint"] or "rights" in error["hint"], f"{error}")
            return error

        data = f"{work}/n1"
        with Node(data) as node:
            node.run("log", "append", "kept")
            node.stop()
        for root, directories, files in os.walk(data):
            for name in [*directories, *files]:
                give(os.path.join(root, name), 0o700)
        give(data, 0o700)
        segment = f"{data}/segments/0000000000000001.seg"

        # A directory that may not be entered.
        os.chmod(data, 0)
        for arguments in (["segment", "verify", data], ["segment", "stat", data],
                          ["segment", "dump", data], ["segment", "repair", data],
                          ["replay", "run", f"sqlite:{work}/books.db", "--data-dir", data],
                          ["node", "start", "--data-dir", data, "--listen", "127.0.0.1:0"]):
            refused(*arguments, path=data)
        # One that may be read only: reading is enough for readers, and nobody else gets anywhere.
        os.chmod(data, 0o500)
        os.chmod(f"{data}/lock", 0o400)
        run("segment", "verify", data, program=command)
        check(run("segment", "dump", data, "--values", program=command) == "kept\n", "not dumped")
        refused("node", "start", "--data-dir", data, "--listen", "127.0.0.1:0", path=f"{data}/lock")
        refused("segment", "repair", data, "--apply", path=f"{data}/lock")
        os.chmod(f"{data}/lock", 0o600)
        os.chmod(f"{data}/segments", 0o500)
        refused("node", "start", "--data-dir", data, "--listen", "127.0.0.1:0", path=data)
        os.chmod(f"{data}/segments", 0o700)
        os.chmod(data, 0o700)
        # A file.
        os.chmod(segment, 0)
        for arguments in (["segment", "verify", data], ["segment", "stat", data],
                          ["segment", "dump", data], ["segment", "verify", segment],
                          ["node", "start", "--data-dir", data, "--listen", "127.0.0.1:0"]):
            refused(*arguments, path=segment)
        os.chmod(segment, 0o600)
        os.chmod(f"{data}/node", 0)
        refused("node", "start", "--data-dir", data, "--listen", "127.0.0.1:0", path=f"{data}/node")
        os.chmod(f"{data}/node", 0o600)

        # Where nothing may be made.
        closed = f"{work}/closed"
        os.mkdir(closed)
        give(closed, 0o555)
        refused("node", "start", "--data-dir", f"{closed}/n2", "--bootstrap", "--listen",
                "127.0.0.1:0", path=f"{closed}/n2")
        refused("replay", "run", f"sqlite:{closed}/books.db", "--data-dir", data,
                path=f"{closed}/books.db")
        # A database that may be read only, and one that may not be read.
        books = f"{work}/open"
        os.mkdir(books)
        give(books, 0o700)
        run("replay", "run", f"sqlite:{books}/books.db", "--data-dir", data, program=command)
        os.chmod(f"{books}/books.db", 0o400)
        run("replay", "verify", f"sqlite:{books}/books.db", "--data-dir", data, program=command)
        refused("replay", "run", f"sqlite:{books}/books.db", "--rebuild", "--yes", "--data-dir",
                data, path=f"{books}/books.db")
        os.chmod(f"{books}/books.db", 0)
        for verb in ("status", "verify"):
            more = ["--data-dir", data] if verb == "verify" else []
            refused("replay", verb, f"sqlite:{books}/books.db", *more, path=f"{books}/books.db")
        # Configuration.
        config = f"{work}/config.toml"
        with open(config, "w", encoding="utf-8") as file:
            file.write('output = "json"\n')
        give(config, 0)
        refused("--config", config, "version", path=config)
        # After all of that nothing is lost.
        os.chmod(data, 0o700)
        run("segment", "verify", data, program=command)


main()
