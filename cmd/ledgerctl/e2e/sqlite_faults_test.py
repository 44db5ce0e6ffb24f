#!/usr/bin/env python3
"""What can be wrong with an SQLite target, each with the real thing: the error, its exit code, and that
the replay goes on from its watermark afterwards."""

import os
import shutil
import sqlite3

from harness import PROGRAM, Node, background, check, failed, run, temporary_directory


def change(path, *statements):
    database = sqlite3.connect(path)
    with database:
        for sql in statements:
            database.execute(sql)
    database.close()


def look(path, sql):
    database = sqlite3.connect(path)
    try:
        return database.execute(sql).fetchone()[0]
    finally:
        database.close()


def a_locked_file(path, target, data):
    """Somebody else writes: it is waited for, and then named."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    error = failed(73, "replay_locked", "replay", "run", target, "--data-dir", data)
    check(target in error["message"], f"{error}")
    # Reading needs no lock.
    run("replay", "verify", target, "--data-dir", data)
    other.execute("ROLLBACK")
    # One that writes for a moment only is not noticed.
    other.execute("BEGIN IMMEDIATE")
    with background(PROGRAM, "replay", "run", target, "--data-dir", data) as waiting:
        other.execute("ROLLBACK")
        out, err = waiting.communicate(timeout=60)
    check(waiting.returncode == 0, f"{out} {err}")
    other.close()


def a_row_in_the_way(path, target, data):
    columns = [row[1] for row in sqlite3.connect(path).execute("PRAGMA table_info(transactions)")]
    there = {"log_offset": "20", "id": "'0192f0c4-7a10-7c00-8000-4b5a5e9d1dfe'"}
    values = ", ".join(there.get(column, column) for column in columns)
    change(path, f"INSERT INTO transactions SELECT {values} FROM transactions LIMIT 1")
    before = look(path, "SELECT next_offset FROM replay")
    error = failed(65, "row_refused", "replay", "run", target, "--data-dir", data)
    check("offset 20: " in error["message"] and "'transactions'" in error["message"], f"{error}")
    check(look(path, "SELECT next_offset FROM replay") == before, "the watermark moved")
    change(path, "DELETE FROM transactions WHERE log_offset = 20")


def a_newer_schema(path, target, data):
    change(path, "PRAGMA user_version = 99")
    for command in (["replay", "run", target, "--data-dir", data], ["replay", "status", target],
                    ["replay", "verify", target, "--data-dir", data]):
        error = failed(78, "schema_too_new", *command)
        check("target schema 99, this build knows up to 1" in error["message"], f"{error}")
    change(path, "PRAGMA user_version = 1")


def another_history(path, target, data, other):
    """The same cluster's log before it was cut and written anew, and another cluster's."""
    failed(78, "database_mismatch", "replay", "run", target, "--data-dir", other)
    row = "SELECT last_id FROM replay"
    was = look(path, row)
    change(path, "UPDATE replay SET last_id = '0192f0c4-7a10-7c00-8000-4b5a5e9d1dff'")
    failed(78, "history_mismatch", "replay", "run", target, "--data-dir", data)
    change(path, f"UPDATE replay SET last_id = '{was}'")


def somebody_elses(work, data):
    path = f"{work}/foreign.db"
    change(path, "CREATE TABLE accounts (a)")
    was = open(path, "rb").read()
    failed(78, "database_mismatch", "replay", "run", f"sqlite:{path}", "--data-dir", data)
    failed(78, "database_mismatch", "replay", "status", f"sqlite:{path}")
    check(open(path, "rb").read() == was, "a file of somebody else's was changed")
    failed(66, "no_such_file", "replay", "status", f"sqlite:{work}/nowhere.db")
    failed(66, "no_such_replay", "replay", "verify", empty(work), "--data-dir", data)
    failed(64, "invalid_value", "replay", "run", "sqlite:", "--data-dir", data)
    failed(66, "no_such_file", "replay", "run", f"sqlite:{work}/x.db", "--data-dir", f"{work}/none")


def empty(work):
    sqlite3.connect(f"{work}/empty.db").close()
    open(f"{work}/empty.db", "ab").close()
    return f"sqlite:{work}/empty.db"


def too_large(work, data):
    """A balance beyond what SQLite's integers hold ends the run where it happens, not before."""
    path = f"{work}/large.db"
    error = failed(65, "amount_too_large", "replay", "run", f"sqlite:{path}", "--data-dir", data)
    check("--sqlite-amounts text" in error["hint"] and "assets:big" in error["message"], f"{error}")
    check(look(path, "SELECT next_offset FROM replay") > 30, "what precedes it was not kept")
    run("replay", "run", f"sqlite:{path}", "--rebuild", "--yes", "--sqlite-amounts", "text",
        "--data-dir", data, "--verify")


def no_driver(work):
    """The program without the module beside it."""
    os.mkdir(f"{work}/alone")
    alone = shutil.copy(PROGRAM, f"{work}/alone/ledgerctl")
    for command in (["replay", "run", "postgresql:///x"], ["replay", "status", "postgresql:///x"]):
        error = failed(78, "driver_missing", *command, program=[alone], endpoint=ENDPOINT[0])
        check("postgres.so" in error["message"] and "sqlite:" in error["hint"], f"{error}")
    # One that is none.
    with open(f"{work}/alone/postgres.so", "w", encoding="utf-8") as file:
        file.write("no module")
    failed(78, "driver_missing", "replay", "status", "postgresql:///x", program=[alone])


ENDPOINT = []


def main():
    with temporary_directory() as work:
        data = f"{work}/n1"
        with Node(f"{work}/n2") as node:
            node.run("log", "append", "x")
            node.stop()
        with Node(data) as node:
            ENDPOINT.append(node.endpoint)
            node.run("asset", "define", "EUR", "--scale", "2")
            for name in ("assets:bank", "assets:big", "income:sales"):
                node.run("account", "open", name, "--asset", "EUR")
            line = '{"debit":"assets:bank","credit":"income:sales","amount":"1.00"}\n'
            node.run("tx", "post", "-", input=line * 30)
            no_driver(work)
            node.stop()
        path = f"{work}/books.db"
        target = f"sqlite:{path}"
        run("replay", "run", target, "--to", "10", "--data-dir", data)
        a_row_in_the_way(path, target, data)
        a_newer_schema(path, target, data)
        another_history(path, target, data, f"{work}/n2")
        a_locked_file(path, target, data)
        somebody_elses(work, data)
        run("replay", "run", target, "--data-dir", data, "--verify")
        with Node(data) as node:
            line = line.replace("assets:bank", "assets:big").replace("1.00", "90000000000000000.00")
            node.run("tx", "post", "-", input=line * 2)
            node.stop()
        too_large(work, data)


main()
