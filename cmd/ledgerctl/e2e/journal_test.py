#!/usr/bin/env python3
"""A shop's quarter through a real node: verdicts and balances are those that testdata/journals
works out by itself, a second run adds nothing, and replicas and offline tools agree."""

import json
import sqlite3

from harness import SOURCE, Node, check, run, temporary_directory

JOURNALS = SOURCE / "testdata" / "journals"


def main():
    expected = json.loads((JOURNALS / "expected.json").read_text())
    journal = (JOURNALS / "2026-q1.jsonl").read_text()
    with temporary_directory() as work, Node(f"{work}/n1") as node:
        node.run("asset", "define", "EUR", "--scale", "2")
        node.run("asset", "define", "USD", "--scale", "2")
        for line in (JOURNALS / "accounts.tsv").read_text().splitlines():
            name, asset, floor, ceiling = line.split("\t")
            limits = [] if floor == "-" else ["--floor", floor]
            limits += [] if ceiling == "-" else ["--ceiling", ceiling]
            node.run("-q", "account", "open", name, "--asset", asset, *limits)

        posted = [line.split() for line in
                  node.run("-q", "tx", "post", "-", input=journal, exit=1).splitlines()]
        check(len(posted) == expected["transactions"], f"{len(posted)} answers")
        verdicts = {}
        for _, _, verdict in posted:
            verdicts[verdict] = verdicts.get(verdict, 0) + 1
        check(verdicts == expected["verdicts"], f"verdicts {verdicts}")

        accounts = {row["name"]: {"posted": row["posted"], "version": row["version"]}
                    for row in node.json("account", "list")}
        check(accounts == expected["balances"], "balances differ")

        before = node.json("log", "status")[0]
        again = [line.split() for line in
                 node.run("-q", "tx", "post", "-", input=journal, exit=1).splitlines()]
        check(again == posted, "a repetition got other answers")
        after = node.json("log", "status")[0]
        check(after["next_offset"] == before["next_offset"], "a repetition added records")
        check(after["state_digest"] == before["state_digest"], "a repetition changed the state")

        target = f"sqlite:{work}/books.db"
        node.run("replay", "run", target, "--to", "1000")
        node.run("replay", "run", target)
        node.run("replay", "verify", target)
        rows = dict(sqlite3.connect(f"{work}/books.db").execute(
            "SELECT name, balance FROM account_balances"))
        check(rows == {name: row["posted"] for name, row in expected["balances"].items()},
              "the replica's balances differ")
        refused = dict(sqlite3.connect(f"{work}/books.db").execute(
            "SELECT code, count(*) FROM rejections GROUP BY code"))
        check(refused == {k: v for k, v in expected["verdicts"].items() if k != "ok"},
              f"the replica's rejections: {refused}")

        check(node.stop() == 0, "SIGTERM did not end in exit 0")
        run("segment", "verify", f"{work}/n1")
        run("replay", "run", f"sqlite:{work}/offline.db", "--data-dir", f"{work}/n1", "--verify")
    print(f"{len(posted)} transactions: {verdicts}")


main()
