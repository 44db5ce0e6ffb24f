#!/usr/bin/env python3
"""The http port of real nodes: metrics that follow what happens, probes that turn with readiness, a
bad bind that is told."""

import json
import os
import re
import signal
import socket
import time
import urllib.error
import urllib.request

from harness import PROGRAM, Cluster, Node, background, check, fail, failed, temporary_directory

PATIENCE_S = 60


def get(address, path):
    """Status and text."""
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def until(what, probe):
    """Asks again until it is so: a node looks at itself once a second."""
    end = time.monotonic() + PATIENCE_S
    while not (answer := probe()):
        if time.monotonic() > end:
            fail(f"never came: {what}")
    return answer


def metrics(address):
    """Every sample by its name and labels; the form is checked."""
    status, text = get(address, "/metrics")
    if status != 200:
        return {}
    samples = {}
    for line in text.splitlines():
        if line.startswith("# "):
            check(re.fullmatch(r"# (HELP|TYPE) ledger_[a-z_]+ .+", line), f"a bad line: {line}")
            continue
        check(re.fullmatch(r'ledger_[a-z_]+(\{[a-z]+="[^"]*"\})? [0-9.e+-]+', line),
              f"a bad line: {line}")
        name, value = line.rsplit(" ", 1)
        check(name not in samples, f"told twice: {name}")
        samples[name] = float(value)
    return samples


def one_node(work):
    with Node(f"{work}/n1") as node:
        check(get(node.http, "/healthz") == (200, "ok\n"), "not alive")
        until("readiness", lambda: get(node.http, "/readyz") == (200, "ready\n"))
        check(get(node.http, "/nonsense")[0] == 404, "a page that is not there")
        status, page = get(node.http, "/")
        check(status == 200 and page.startswith("<!doctype html>"), "no page")
        outside = re.findall(r"""(?:src|href)=["'](?!data:|/)[^"']*|https?://(?!\$)[^"'` ]+""", page)
        check(set(outside) <= {"http://www.w3.org/2000/svg"}, f"the page loads {outside}")

        node.run("log", "append", input="".join(f"record {n}\n" for n in range(500)))
        node.run("asset", "define", "USD", "--scale", "2")
        node.run("asset", "define", "USD", "--scale", "3", exit=1)
        seen = until("502 records", lambda: (m := metrics(node.http)).get("ledger_records_total") == 502
                     and m)
        for name, value in {"ledger_applied_offset": 502, "ledger_committed_offset": 502,
                            "ledger_next_offset": 502, 'ledger_role{role="leader"}': 1,
                            'ledger_role{role="follower"}': 0, "ledger_ready": 1,
                            'ledger_refused_total{code="asset_exists"}': 1,
                            'ledger_members{standing="voter"}': 1, "ledger_no_space": 0}.items():
            check(seen.get(name) == value, f"{name} is {seen.get(name)}, not {value}")
        check(seen["ledger_term"] >= 1 and seen["ledger_segments"] >= 1 and
              seen["ledger_log_bytes"] > 0, "term, segments or bytes")
        for name in ("commit", "fsync", "apply"):
            check(seen[f"ledger_{name}_seconds_count"] > 0 and seen[f"ledger_{name}_seconds_sum"] > 0,
                  f"nothing measured: {name}")
            check(seen[f'ledger_{name}_seconds_bucket{{le="+Inf"}}'] ==
                  seen[f"ledger_{name}_seconds_count"], f"buckets of {name}")
        status = json.loads(get(node.http, "/status.json")[1])
        check(status["node"] == "n1" and status["leader"] == "n1" and status["ready"], f"{status}")
        check(node.json("member", "list")[0]["http"] == node.http, "member list knows no http port")

        lag = 'ledger_replay_lag{name="books"}'
        with background(PROGRAM, "-e", node.endpoint, "replay", "run", f"sqlite:{work}/books.db",
                        "--name", "books", "--follow"):
            until("a replay that keeps up", lambda: metrics(node.http).get(lag) == 0)
        until("the end of it", lambda: lag not in metrics(node.http))

        other = [PROGRAM, "node", "start", "--data-dir", f"{work}/n2", "--bootstrap", "--listen",
                 "127.0.0.1:0", "--http", node.http]
        error = failed(73, "address_in_use", *other[1:])
        check(error["message"].startswith(f"http address {node.http} is in use by pid "
                                          f"{node.process.pid} "), f"{error}")
        check(not os.path.exists(f"{work}/n2/segments"), "a log was made before all was bound")
        check(node.stop() == 0, "SIGTERM did not end in exit 0")
    failed(64, "usage", *other[1:-1], "0.0.0.0:17402")
    failed(64, "invalid_value", *other[1:-1], "nonsense")


def three_nodes(work):
    cluster = Cluster(work, 3)
    first, *rest = cluster.members.values()
    with cluster:
        for member in cluster.members.values():
            until(f"{member.name} ready", lambda m=member: get(m.http, "/readyz")[0] == 200)
        leader = cluster.leader()
        lags = until("lags", lambda: {name: lag for name, lag in metrics(leader.http).items()
                                      if name.startswith("ledger_peer_lag")})
        check(len(lags) == 2, f"{lags}")

        def rows():
            status = json.loads(get(first.http, "/status.json")[1])
            return {row["name"]: row for row in status["members"]}
        until("all answer", lambda: all(row["ok"] for row in rows().values()))
        check([rows()[m.name]["http"] for m in (first, *rest)] == [m.http for m in (first, *rest)],
              "http addresses")
        for member in rest:
            member.kill()
        until("a lone node to know", lambda: get(first.http, "/readyz")[0] == 503)
        check(get(first.http, "/healthz")[0] == 200, "not alive without a quorum")
        until("who is gone", lambda: [row["ok"] for row in rows().values()] == [True, False, False])
        rest[0].start()
        until("a quorum", lambda: get(first.http, "/readyz")[0] == 200)
        # One that stands still is no reason to stand still too.
        rest[0].signal(signal.SIGSTOP)
        check(get(first.http, "/healthz")[0] == 200, "one that hangs holds up the others")
        rest[0].signal(signal.SIGCONT)


def without_cluster(work):
    """Alone of three: alive, and not ready."""
    cluster = Cluster(f"{work}", 3)
    member = cluster["n2"].start("--bootstrap-expect", "3")

    def listens():
        host, port = member.http.split(":")
        with socket.socket() as probe:
            return probe.connect_ex((host, int(port))) == 0
    try:
        until("it listens", listens)
        check(get(member.http, "/healthz")[0] == 200, "not alive while it waits")
        until("it waits", lambda: get(member.http, "/readyz") == (503, "waits for a cluster\n"))
        check(get(member.http, "/metrics")[0] == 503, "metrics of nothing")
        check(member.stop() == 0, "does not stop while it waits")
    finally:
        if member.up:
            member.kill()


def main():
    for story in (one_node, three_nodes, without_cluster):
        with temporary_directory() as work:
            story(work)


main()
