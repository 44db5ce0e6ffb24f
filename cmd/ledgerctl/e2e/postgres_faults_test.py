#!/usr/bin/env python3
"""What can be wrong with a PostgreSQL target, each with the real thing: the error, its exit code, and
that the replay goes on from its watermark afterwards."""

import json
import signal
import subprocess
import time

from harness import PROGRAM, Node, background, check, failed, run, temporary_directory
from postgres import PASSWORD, Postgres

RECORDS = 300_000


def records(node):
    """Enough money to replay for a while: with --batch 100 each hundred is a transaction of its own."""
    node.run("asset", "define", "EUR", "--scale", "2")
    node.run("account", "open", "assets:bank", "--asset", "EUR")
    node.run("account", "open", "income:sales", "--asset", "EUR")
    lines = "".join(json.dumps({"debit": "assets:bank", "credit": "income:sales", "amount": "1.00"})
                    + "\n" for _ in range(2_000))
    node.run("tx", "post", "-", "--window", "1000", input=lines)
    node.run("log", "append", input="".join(f"{n}\n" for n in range(RECORDS)))


def wrong_words(server, data):
    for target, exit, code in ((server.uri(password="wrong"), 77, "denied"),
                               (server.uri(user="nobody"), 77, "denied"),
                               (server.uri(database="nowhere"), 78, "database_mismatch"),
                               ("postgresql://127.0.0.1:1/app", 69, "database_unreachable")):
        for command in (["replay", "run", target, "--data-dir", data], ["replay", "status", target],
                        ["replay", "verify", target, "--data-dir", data]):
            error = failed(exit, code, "-t", "5s", *command)
            check("wrong" not in json.dumps(error) and PASSWORD not in json.dumps(error), f"{error}")
    # What the server or libpq says appears with -vv only, and without the password even then.
    said = subprocess.run([PROGRAM, "-vv", "replay", "status", server.uri(password="wrong")],
                          capture_output=True, text=True, check=False).stderr
    check("PostgreSQL: 28P01" in said and ":wrong@" not in said, said)
    failed(66, "no_such_replay", "replay", "status", server.uri())


def not_for_us(server, data):
    """A role that may connect and no more."""
    server.psql("CREATE ROLE guest LOGIN PASSWORD 'guest'")
    failed(77, "denied", "replay", "run", server.uri(password="guest", user="guest"), "--data-dir",
           data)
    server.psql("CREATE SCHEMA other CREATE TABLE t (a int)")
    failed(78, "database_mismatch", "replay", "run", server.uri(), "--schema", "other", "--data-dir",
           data)


def changed_tables(server, data):
    target = server.uri()
    run("replay", "run", target, "--to", "1000", "--data-dir", data)
    row = ("INSERT INTO ledger.transactions SELECT (jsonb_populate_record(t, "
           "jsonb_build_object('log_offset', 1500, 'id', gen_random_uuid()))).* "
           "FROM ledger.transactions t LIMIT 1")
    server.psql(row)
    error = failed(65, "row_refused", "replay", "run", target, "--to", "2000", "--data-dir", data)
    check("offset 1500" in error["message"] and "'transactions'" in error["message"], f"{error}")
    check(server.psql("SELECT next_offset FROM ledger.replay") == "1000", "the watermark moved")
    server.psql("DELETE FROM ledger.transactions WHERE log_offset = 1500")
    server.psql("UPDATE ledger.replay SET schema_version = 99")
    error = failed(78, "schema_too_new", "replay", "run", target, "--data-dir", data)
    check("target schema 99, this build knows up to " in error["message"], f"{error}")
    failed(78, "schema_too_new", "replay", "status", target)
    failed(78, "schema_too_new", "replay", "verify", target, "--data-dir", data)
    server.psql("UPDATE ledger.replay SET schema_version = 1")
    server.psql("UPDATE ledger.balances SET posted = posted + 1")
    failed(1, "replica_changed", "replay", "run", target, "--data-dir", data)
    run("replay", "run", target, "--rebuild", "--yes", "--to", "2000", "--data-dir", data, "--verify")


def two_replays(server, node):
    """The second is told who has the target, and takes over when the first is gone."""
    target = server.uri()
    with background(PROGRAM, "-e", node.endpoint, "replay", "run", target, "--follow", "--schema",
                    "both") as first:
        wait_for(lambda: server.psql(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted") == "1")
        error = failed(73, "replay_locked", "replay", "run", target, "--schema", "both",
                       endpoint=node.endpoint)
        check(f"(pid {first.pid} on host " in error["message"], f"{error}")
        check("another replay 'default' holds" in error["message"], f"{error}")
        first.send_signal(signal.SIGINT)
        check(first.wait(timeout=60) == 0, f"SIGINT while following: {first.stderr.read()}")
    run("-e", node.endpoint, "replay", "run", target, "--schema", "both")


def wait_for(condition):
    """Asks again and again; a test that would wait for ever is ended by its runner."""
    while not condition():
        time.sleep(0.02)


def silent_server(server, data):
    """A server that stops in the middle is given up at the deadline, and the rest comes later."""
    target = server.uri()
    mark = "SELECT coalesce((SELECT next_offset FROM mid.replay), 0)"
    run("replay", "run", target, "--schema", "mid", "--to", "10", "--data-dir", data)
    began = int(server.psql(mark))
    with background(PROGRAM, "-o", "json", "-t", "3s", "replay", "run", target, "--schema", "mid",
                    "--batch", "100", "--data-dir", data) as running:
        wait_for(lambda: int(server.psql(mark)) > began)
        server.pause()
        out, err = running.communicate(timeout=60)
    error = json.loads(err.splitlines()[-1])
    check(running.returncode == 69 and error["code"] == "database_unreachable", f"{out} {err}")
    check("did not answer within 3s" in error["message"] or "cannot connect to" in error["message"],
          f"{error}")
    check("psql" in error["hint"] and PASSWORD not in err, f"{error}")
    # It is not even greeted now.
    for command in (["replay", "run", target, "--data-dir", data], ["replay", "status", target]):
        failed(69, "database_unreachable", "-t", "1s", *command)
    server.resume()
    stood = int(server.psql(mark))
    check(began < stood < RECORDS, f"the watermark stood at {stood}")
    run("replay", "run", target, "--schema", "mid", "--data-dir", data, "--verify")
    print(f"given up at {stood} ({error['message']}), gone on from there")


def long_statement(server, data):
    """A server that works is waited for, however short the deadline: it is only silence that counts."""
    server.psql("CREATE FUNCTION mid.slow() RETURNS trigger LANGUAGE plpgsql AS "
                "'BEGIN PERFORM pg_sleep(3); RETURN NULL; END'")
    with Node(data) as node:
        node.run("log", "append", "one more")
        server.psql("CREATE TRIGGER slow AFTER UPDATE ON mid.replay EXECUTE FUNCTION mid.slow()")
        done = subprocess.run([PROGRAM, "-e", node.endpoint, "-v", "-t", "1s", "replay", "run",
                               server.uri(), "--schema", "mid"], capture_output=True, text=True,
                              check=False, timeout=60)
        node.stop()
    check(done.returncode == 0 and "works on a statement" in done.stderr, f"{done}")


def killed_server(server, data):
    """The server's own end in the middle of a run: 69, and the rest comes later."""
    target = server.uri()
    mark = "SELECT coalesce((SELECT next_offset FROM gone.replay), 0)"
    run("replay", "run", target, "--schema", "gone", "--to", "10", "--data-dir", data)
    with background(PROGRAM, "-o", "json", "replay", "run", target, "--schema", "gone", "--batch",
                    "100", "--data-dir", data) as running:
        wait_for(lambda: int(server.psql(mark)) > 10)
        server.process.send_signal(signal.SIGQUIT)
        _, err = running.communicate(timeout=60)
    server.process.wait(timeout=60)
    error = json.loads(err.splitlines()[-1])
    check(running.returncode == 69 and error["code"] == "database_unreachable", err)
    server.stop()
    server.start()
    run("replay", "run", server.uri(), "--schema", "gone", "--data-dir", data, "--verify")


def main():
    with temporary_directory() as work, Postgres(work) as server:
        data = f"{work}/n1"
        with Node(data) as node:
            records(node)
            two_replays(server, node)
            node.stop()
        wrong_words(server, data)
        not_for_us(server, data)
        changed_tables(server, data)
        silent_server(server, data)
        long_statement(server, data)
        killed_server(server, data)


main()
