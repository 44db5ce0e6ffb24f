#!/usr/bin/env python3
"""`ledgerctl dev`: a cluster in one command, its nodes by name and by role, and what it leaves."""

import fcntl
import json
import os
import re
import signal
import struct
import subprocess
import time
import urllib.request

from devcluster import Home, listening, until
from harness import check


def a_cluster_is_one_command_and_twice_is_once():
    with Home() as home:
        table = home.up()
        rows = [line.split() for line in table.splitlines()]
        check(rows[0] == "NODE STATE PID ROLE TERM APPLIED RPC HTTP RESTARTS UPTIME LAST-EXIT".split(),
              table)
        check([row[:2] for row in rows[1:]] == [["n1", "ready"], ["n2", "ready"], ["n3", "ready"]],
              table)
        check(sorted(row[3] for row in rows[1:]) == ["follower", "follower", "leader"], table)
        before = home.nodes()
        check(len(home.processes()) == 4, f"{home.processes()}")
        home.up()
        home.run("dev", "up", "--nodes", "3")
        after = home.nodes()
        check([row["pid"] for row in before.values()] == [row["pid"] for row in after.values()],
              "a second up started nodes again")
        home.run("dev", "status", "--check")
        listed = home.json("dev", "list")
        check(len(listed) == 1 and listed[0]["state"] == "running" and listed[0]["nodes"] == 3
              and listed[0]["leader"] == home.leader()
              and listed[0]["dir"] == str(home.directory())
              and listed[0]["endpoint"] == f"127.0.0.1:{home.base_port}", f"{listed}")
        logs = home.json("dev", "logs", "-n", "3")
        check({row["node"] for row in logs} == {"n1", "n2", "n3"}, f"{logs}")
        check(home.run("dev", "logs", "n2", "-n", "1").startswith("n2 | "), "dev logs n2")
        home.failed(66, "no_such_node", "dev", "logs", "n7")

        # Without a flag everything talks to the one that runs.
        home.run("log", "append", "hello")
        check(home.run("dev", "down") == "default\n", "dev down names the cluster")
        home.gone("dev down")
        check(home.run("dev", "down") == "", "dev down twice")
        check(all(row["state"] == "stopped" for row in home.nodes().values()), "stopped")
        home.failed(1, "not_ready", "dev", "status", "--check")
        home.failed(69, "cluster_stopped", "dev", "stop", "n1")
        home.failed(69, "cluster_stopped", "--dev", "default", "log", "read")

        home.up()
        again = home.nodes()
        check([row["rpc"] for row in before.values()] == [row["rpc"] for row in again.values()],
              "ports have moved")
        check(home.run("log", "read", "--values") == "hello\n", "data is gone")
        home.failed(73, "cluster_running", "dev", "rm", "--yes")
        home.run("dev", "down")
        home.failed(64, "confirm_required", "dev", "rm")
        check(home.run("dev", "rm", "--yes") == "default\n", "dev rm")
        check(not home.directory().exists(), "dev rm leaves something")
        check(home.run("dev", "rm", "--yes") == "", "dev rm twice")
        check(home.run("dev", "list", "-o", "json") == "", "dev list after rm")
        home.failed(66, "no_such_dev", "dev", "status")
        home.failed(66, "no_such_dev", "dev", "down")


def nodes_are_stopped_started_killed_and_paused_by_name_and_role():
    with Home() as home:
        home.up()
        leader = home.leader()
        begin = time.monotonic()
        check(home.run("dev", "kill", "leader") == leader + "\n", "dev kill leader")
        home.run("health", "--wait", "--nodes", "2")
        print(f"failover in {time.monotonic() - begin:.2f} s")
        row = home.nodes()[leader]
        check(row["state"] == "stopped" and row["desired"] == "stopped" and row["pid"] is None
              and row["last_exit"]["name"] == "SIGKILL", f"{row}")
        home.run("dev", "status", "--check")
        check(home.run("dev", "start", leader) == leader + "\n", "dev start")
        check(home.run("dev", "start", leader) == leader + "\n", "dev start twice")
        home.run("health", "--wait", "--nodes", "3")

        stopped = home.run("dev", "stop", "any-follower").strip()
        check(home.nodes()[stopped]["last_exit"]["code"] == 0, "dev stop is graceful")
        home.run("dev", "stop", stopped)
        row = home.json("dev", "restart", stopped)[0]
        check(row["state"] == "ready" and row["name"] == stopped, f"{row}")
        old = home.nodes()
        names = home.run("dev", "restart", "followers").split()
        check(len(names) == 2 and home.leader() not in names, f"restarted {names}")
        new = home.nodes()
        check(all((old[name]["pid"] == new[name]["pid"]) == (name not in names) for name in new),
              "dev restart restarts those and no others")
        home.run("dev", "kill", "n1", "--signal", "SEGV", "--restart")
        row = home.nodes()["n1"]
        check(row["state"] == "ready" and row["last_exit"]["name"] == "SIGSEGV", f"{row}")

        home.run("dev", "pause", "n2")
        row = home.nodes()["n2"]
        check(row["state"] == "paused" and row["desired"] == "paused", f"{row}")
        with open(f"/proc/{row['pid']}/stat") as stat:
            check(stat.read().split(") ")[1][0] == "T", "a paused node runs")
        home.run("health", "--wait", "--nodes", "2")
        home.run("dev", "resume", "all")
        home.run("health", "--wait", "--nodes", "3")
        home.run("dev", "stop", "all")
        home.failed(69, "unreachable", "dev", "stop", "leader", "-t", "1s")
        home.failed(66, "no_such_node", "dev", "stop", "n4")
        home.failed(64, "invalid_value", "dev", "kill", "n1", "--signal", "NONE")
        home.failed(1, "not_ready", "dev", "pause", "n1")
        home.run("dev", "start", "all")
        home.run("health", "--wait")


def a_cluster_grows_and_never_shrinks_by_itself():
    with Home() as home:
        home.up("--nodes", "1")
        home.run("log", "append", "one")
        home.up("--nodes", "3")
        until(lambda: set(gossip(home).values()) == {"alive"}, "they found each other by gossip")
        check([m["voter"] for m in home.json("member", "list")] == [True] * 3, "voters")
        home.run("dev", "down")
        home.up("--nodes", "5")
        check(len(home.nodes()) == 5, f"{home.nodes()}")
        home.failed(64, "shrink_refused", "dev", "up", "-d", "--nodes", "2")
        home.run("dev", "down")
        home.failed(64, "shrink_refused", "dev", "up", "-d", "--nodes", "4")
        home.up()
        check(len(home.nodes()) == 5, "five stay five")
        check(home.run("log", "read", "--values", "--stale") == "one\n", "data")


def a_cluster_that_grows_before_it_is_founded_is_one_cluster():
    with Home() as home:
        # n3 can't start before the others have come, so the first three alone found nothing.
        data = home.directory() / "nodes/n3/data"
        data.mkdir(parents=True)
        with open(data / "lock", "w+") as lock:
            held = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            fcntl.fcntl(lock, fcntl.F_OFD_SETLK, held)
            home.up("--no-wait")
            until(lambda: home.nodes()["n3"]["state"] == "exited", "n3 could not start")
            home.failed(1, "not_ready", "dev", "up", "--nodes", "5")
        home.run("dev", "start", "n3")
        home.run("health", "--wait", "--nodes", "5", "-t", "60s")
        check([m["voter"] for m in home.json("member", "list")] == [True] * 5, "voters")


def a_node_that_crashes_is_started_again_until_it_is_too_much():
    with Home() as home:
        home.up()
        for crash in range(1, 6):
            until(lambda: home.nodes()["n2"]["state"] == "ready", "n2 is ready")
            os.kill(home.nodes()["n2"]["pid"], signal.SIGKILL)
            wanted = "backoff" if crash < 5 else "crash-loop"
            until(lambda: home.nodes()["n2"]["state"] in (wanted, "starting", "ready")
                  and home.nodes()["n2"]["restarts"] == min(crash, 4), f"crash {crash} is seen")
        until(lambda: home.nodes()["n2"]["state"] == "crash-loop", "crash-loop")
        check(home.nodes()["n2"]["restarts"] == 4, "four restarts")
        home.failed(1, "not_ready", "dev", "status", "--check")
        check(len(home.processes()) == 3, f"{home.processes()}")
        home.run("health", "--wait", "--nodes", "2")
        home.run("dev", "start", "n2")
        home.run("health", "--wait", "--nodes", "3")
        # One that can't start is not tried again.
        home.run("dev", "stop", "n3")
        with listening(home.base_port + 20):
            home.failed(1, "not_ready", "dev", "start", "n3")
        row = home.nodes()["n3"]
        check(row["state"] == "exited" and row["last_exit"]["code"] == 73, f"{row}")


def a_failed_start_names_the_node_and_leaves_nothing():
    with Home() as home:
        done = home.result("dev", "up", "-d", "--base-port", str(home.base_port), "--",
                           "--segment-bytes", "1")
        check(done.returncode == 64 and re.search(r"n[123] \| .*too small", done.stderr)
              and "exit code 64" in done.stderr, done.stderr)
        home.gone("a failed start")
        check(not home.directory().exists(), "a failed start leaves a directory")
        done = home.result("dev", "up", "--base-port", str(home.base_port), "--",
                           "--segment-bytes", "1")
        check(done.returncode == 64 and "too small" in done.stderr, done.stderr)
        home.gone("a failed start in the foreground")
        home.failed(64, "usage", "dev", "up", "-d", "--", "--name", "x")
        home.failed(64, "usage", "dev", "up", "-d", "x")
        with listening(home.base_port + 10):
            error = home.failed(73, "address_in_use", "dev", "up", "-d", "--base-port",
                                str(home.base_port))
            check(f"pid {os.getpid()}" in error["message"], f"{error}")
            check(not home.directory().exists(), "a refused start leaves a directory")
        # Later conflicts move nothing either.
        home.up()
        home.run("dev", "down")
        with listening(home.base_port):
            home.failed(73, "address_in_use", "dev", "up", "-d")
        home.up("--ephemeral")
        home.run("dev", "down")
        check(not home.directory().exists(), "an ephemeral cluster stays")


def without_a_flag_the_only_running_cluster_is_meant():
    with Home() as home:
        home.up("--nodes", "1", name="one")
        home.base_port += 50  # One node needs ten, and the hundred is ours.
        home.up("--nodes", "1", name="two")
        error = home.failed(64, "ambiguous_target", "log", "append", "x")
        check("one, two" in error["message"], f"{error}")
        home.failed(64, "ambiguous_target", "dev", "status")
        home.run("--dev", "one", "log", "append", "x")
        home.run("log", "append", "y", env={"LEDGERCTL_DEV": "two"})
        check(home.run("--dev", "two", "log", "read", "--values") == "y\n", "two has y")
        home.failed(64, "ambiguous_target", "--dev", "one", "-e", "127.0.0.1:1", "log", "read")
        home.failed(66, "no_such_dev", "--dev", "three", "log", "read")
        home.run("--dev", "one", "dev", "down")
        home.failed(69, "cluster_stopped", "--dev", "one", "log", "read")
        check(home.run("log", "read", "--values") == "y\n", "the only one that runs")
        home.run("dev", "down", "--all")
        check(not home.processes(), "down --all")


def every_shell_takes_the_environment():
    with Home() as home:
        home.up("--nodes", "1")
        endpoint = home.json("dev", "env")[0]["value"]
        for shell in ("dash", "bash", "zsh", "fish"):
            path = next((f"{d}/{shell}" for d in ("/usr/bin", "/bin") if os.path.exists(f"{d}/{shell}")),
                        None)
            if path is None:
                print(f"{shell} is not installed: left out")
                continue
            script = f'eval "$({os.environ["LEDGERCTL"]} dev env)"; printenv LEDGERCTL_ENDPOINT'
            done = subprocess.run([path, "-c", script], env=home.environment, capture_output=True,
                                  text=True, stdin=subprocess.DEVNULL)
            check(done.stdout.strip() == endpoint, f"{shell}: {done.stdout}{done.stderr}")


def gossip(home, *target):
    """What gossip says of each member."""
    return {row["name"]: row["gossip"] for row in home.json(*target, "member", "list")}


def nodes_that_are_cut_off_do_not_hear_each_other():
    with Home() as home:
        home.up()
        old = home.leader()
        others = ",".join(sorted(set(home.nodes()) - {old}))
        check(home.run("dev", "partition", "leader") == f"{old} | {others}\n", "dev partition")
        row = home.nodes()[old]
        check(sorted(row["partitioned_from"]) == others.split(","), f"{row}")
        check(f"(partitioned from {others})" in home.run("dev", "status"), "dev status shows it")
        minority = row["rpc"]
        majority = ",".join(node["rpc"] for node in home.nodes().values() if node["rpc"] != minority)
        home.run("-e", majority, "health", "--wait", "--nodes", "2")
        home.run("-e", majority, "log", "append", "with the majority")
        # Clients reach the minority, which can promise nothing.
        done = home.result("-e", minority, "-t", "2s", "log", "append", "with the minority")
        check(done.returncode in (69, 75) or done.stdout == "1\n", f"{done}")
        check(home.run("-e", minority, "log", "read", "--values", "--stale") == "",
              "the minority has heard of it")
        until(lambda: gossip(home, "-e", majority)[old] == "failed", "gossip misses the minority")
        # Who is started again is cut off again.
        home.run("dev", "restart", old)
        home.result("-e", minority, "-t", "1s", "log", "append", "with nobody")
        check(home.run("-e", minority, "log", "read", "--values", "--stale") == "",
              "a restart heals")
        check(gossip(home, "-e", majority)[old] == "failed", "a restart heals gossip")
        page = urllib.request.urlopen(f"http://{row['http']}/metrics", timeout=30).read().decode()
        check('ledger_gossip_members{state="alive"} 1\n' in page, f"gossip reaches others:\n{page}")
        names = home.run("dev", "heal").split()
        check(sorted(names) == sorted(home.nodes()), f"dev heal: {names}")
        home.run("health", "--wait", "--nodes", "3")
        check(home.run("-e", minority, "log", "read", "--values").startswith("with the majority\n"),
              "healed")
        check(home.nodes()[old]["partitioned_from"] == [], "healed")
        until(lambda: set(gossip(home).values()) == {"alive"}, "gossip is healed")
        check(home.run("dev", "heal") == "", "dev heal twice")

        # One who is not heard loses his followers, and hears of the next leader.
        leader = home.leader()
        home.run("dev", "partition", "leader", "--one-way")
        check(all(row["partitioned_from"] for row in home.nodes().values()), "both sides know of it")
        until(lambda: any(row["role"] == "leader" and row["name"] != leader
                          for row in home.nodes().values()), "another leads")
        home.run("dev", "heal")
        home.run("health", "--wait", "--nodes", "3")
        home.failed(64, "usage", "dev", "partition", "n1,n2", "n2,n3")
        home.failed(64, "usage", "dev", "partition", "all")
        home.failed(66, "no_such_node", "dev", "partition", "n9")


def a_damaged_node_gets_nothing_across_a_partition():
    with Home() as home:
        home.up()
        home.run("log", "append", "worth a byte")
        home.run("health", "--wait", "--max-lag", "0")
        victim = home.run("dev", "stop", "any-follower").strip()
        data = home.directory() / "nodes" / victim / "data"
        record = home.json("segment", "dump", str(data), "-n", "1", "--position")[0]
        with open(record["path"], "r+b") as segment:
            segment.seek(record["position"])
            byte = segment.read(1)
            segment.seek(record["position"])
            segment.write(bytes([byte[0] ^ 0x10]))
        home.run("dev", "partition", victim)
        home.run("dev", "start", victim)
        log = data.parent / "node.log"
        until(lambda: "is cut off on purpose" in log.read_text(), "it asks, and is not heard")
        check("mended: " not in log.read_text(), "it was mended from behind a partition")
        check(home.nodes()[victim]["role"] == "mending", f"{home.nodes()[victim]}")
        home.run("dev", "heal")
        home.run("health", "--wait", "--nodes", "3", "--max-lag", "0")
        check("mended: " in log.read_text(), "it was mended")


def logs_are_followed_across_a_restart():
    with Home() as home:
        home.up("--nodes", "1")
        follower = home.popen("dev", "logs", "-f", "-n", "0", "-o", "json")
        try:
            # Until it follows, nothing that is logged is seen; so log until something is.
            home.run("dev", "restart", "n1")
            os.set_blocking(follower.stdout.fileno(), False)
            seen = []

            def more():
                home.run("dev", "restart", "n1")
                seen.append(follower.stdout.read() or "")
                return "stopped" in "".join(seen) and "founded" not in "".join(seen)

            until(more, "the follower sees a restart")
            follower.send_signal(signal.SIGINT)
            check(follower.wait(timeout=30) == 0, "dev logs -f ends with 0 by SIGINT")
            for line in "".join(seen).splitlines():
                check(json.loads(line)["kind"] == "log_line", line)
        finally:
            follower.kill()


def main():
    for test in (a_cluster_is_one_command_and_twice_is_once,
                 nodes_are_stopped_started_killed_and_paused_by_name_and_role,
                 a_cluster_grows_and_never_shrinks_by_itself,
                 a_cluster_that_grows_before_it_is_founded_is_one_cluster,
                 a_node_that_crashes_is_started_again_until_it_is_too_much,
                 a_failed_start_names_the_node_and_leaves_nothing,
                 without_a_flag_the_only_running_cluster_is_meant,
                 every_shell_takes_the_environment,
                 nodes_that_are_cut_off_do_not_hear_each_other,
                 a_damaged_node_gets_nothing_across_a_partition,
                 logs_are_followed_across_a_restart):
        if len(os.sys.argv) > 1 and not re.search(os.sys.argv[1], test.__name__):
            continue
        print(test.__name__.replace("_", " "), flush=True)
        test()


main()
