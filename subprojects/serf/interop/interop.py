#!/usr/bin/env python3
"""The interoperability tests of the specification, section 20: interop.py MEMBER NAME."""

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

from harness import KEY_128, KEY_256, TAGS, Cluster, Stock, Failed, all_alive, check, main, skip

BAD_NEWS = re.compile(r"Failed ping|Suspect |Refuting")


# ---- Scenarios 1 to 9, with or without a key

def join_a_stock_node(c, *options):
    a = c.a(*options)
    ledger = c.ledger(join=[11])
    c.until(lambda: a.status("ledger-1") == "alive", 2, "node-a lists ledger-1 as alive")
    member = a.members()["ledger-1"]
    check(member["tags"] == TAGS, "tags exactly as given: %r" % member["tags"])
    check(member["protocol"]["version"] == 5, "protocol version 5")
    c.until(lambda: ledger.saw(event="join", name="node-a"), 2, "ledger-1 reports the join")
    c.until(lambda: ledger.saw(event="admitted"), 10, "ledger-1 knows that it is admitted")
    return a, ledger


def be_joined(c, *options):
    ledger = c.ledger()
    a = c.a("-join=" + c.ip(21), *options)
    c.until(lambda: "Join completed. Synced with 1 initial agents" in a.log(), 5, "join completed")
    c.until(lambda: all_alive(a, ledger), 5, "both list both")
    return a, ledger


def join_through_us(c, *options):
    a, ledger = be_joined(c, *options)
    c.b("-join=" + c.ip(21))
    c.until(lambda: a.status("node-b") == "alive", 2, "node-a lists node-b")


def stay_alive(c, seconds):
    a, b, ledger = c.three()
    settled = len(a.log()), len(b.log())
    quiet = lambda: not BAD_NEWS.search(a.log()[settled[0]:] + b.log()[settled[1]:])
    c.throughout(quiet, seconds, "no failed ping, suspicion or refutation in the stock logs")
    check(all_alive(a, b, ledger), "all alive at the end")
    check(ledger.stats()["probes_failed"] == 0, "none of our probes failed")
    check(not ledger.saw(event="failed"), "we saw nobody fail")


def refute(c):
    a, b, ledger = c.three()
    ledger.signal(signal.SIGSTOP)
    c.throughout(lambda: True, 4.5, "the member stands still")
    ledger.signal(signal.SIGCONT)
    c.until(lambda: "Suspect ledger-1" in a.log() + b.log(), 5, "a stock node suspected ledger-1")
    c.until(lambda: ledger.stats()["incarnation"] > 1, 10, "the incarnation was raised")
    c.until(lambda: all_alive(a, b, ledger), 10, "alive again within 10 s")


def see_a_failure(c):
    a, b, ledger = c.three()
    b.kill()
    c.until(lambda: ledger.saw(event="failed", name="node-b"), 15, "ledger-1 reports the failure")
    c.until(lambda: a.status("node-b") == "failed", 15, "node-a says failed")
    return a, ledger


def see_a_leave(c):
    a, b, ledger = c.three()
    started = time.monotonic()
    check(b.run("leave").returncode == 0, "serf leave works")
    c.until(lambda: ledger.saw(event="leave", name="node-b"), 3, "ledger-1 reports the leave")
    check(not ledger.saw(event="failed"), "and no failure")
    print("leave reported %.1f s after the command began" % (time.monotonic() - started))


def leave(c):
    a, b, ledger = c.three()
    ledger.say("leave")
    c.until(lambda: a.status("ledger-1") == "left", 3, "node-a says left")
    c.until(lambda: ledger.process.poll() == 0, 15, "ledger-1 ends by itself")
    check("EventMemberLeave: ledger-1" in a.log(), "EventMemberLeave in the log")
    check("EventMemberFailed" not in a.log(), "no EventMemberFailed in the log")
    return a, b


def fail(c):
    a, b, ledger = c.three()
    ledger.kill()
    c.until(lambda: a.status("ledger-1") == "failed", 15, "node-a says failed")
    return a, b


# ---- The numbered tests

def numbered(number, scenario, key=None, **more):
    def run(program):
        with Cluster(program, number, key) as c:
            scenario(c, **more)
    return run


def restart(c):
    a, b = leave(c)
    for after in ("leave", "kill"):
        ledger = c.ledger(join=[11])
        c.until(lambda: a.status("ledger-1") == "alive", 3, "alive again after " + after)
        c.until(lambda: b.status("ledger-1") == "alive", 3, "also on node-b after " + after)
        c.until(lambda: ledger.stats()["refutations"] > 0, 3, "we refuted our past after " + after)
        if after == "leave":
            ledger.kill()
            c.until(lambda: a.status("ledger-1") == "failed", 40, "failed after the kill")


def be_reconnected(c):
    a, b = fail(c)
    ledger = c.ledger()
    c.until(lambda: a.status("ledger-1") == "alive", 90, "found without any join address")
    c.until(lambda: ledger.saw(event="join", name="node-a"), 10, "and we see node-a")


def tags_of_a_stock_node(c):
    a, ledger = join_a_stock_node(c)
    a.run("tags", "-set", "zone=eu1")
    updated = lambda: any(e["tags"].get("zone") == "eu1"
                          for e in ledger.saw(event="update", name="node-a"))
    c.until(updated, 2, "ledger-1 reports the update")


def our_tags(c):
    a, ledger = join_a_stock_node(c)
    ledger.say("tags rpc_addr=127.0.0.21:8400 role=ledger zone=eu2")
    listed = lambda: "ledger-1" in a.run("members", "-tag", "zone=eu2").stdout
    c.until(listed, 3, "node-a lists the new tag")
    c.until(lambda: "EventMemberUpdate: ledger-1" in a.log(), 3, "EventMemberUpdate in the log")


def force_leave(c):
    a, ledger = see_a_failure(c)
    a.run("force-leave", "node-b")
    c.until(lambda: ledger.saw(event="leave", name="node-b"), 5, "left")
    a.run("force-leave", "-prune", "node-b")
    c.until(lambda: ledger.saw(event="reap", name="node-b"), 15, "gone")
    check(ledger.status("node-b") is None, "no longer listed")


def first_eight(c):
    for scenario in (join_a_stock_node, be_joined, join_through_us,
                     lambda c: stay_alive(c, 15), refute, see_a_failure, see_a_leave, leave):
        scenario(c)
        c.reset()


def wrong_or_no_key(c):
    a = c.a()
    for key, words in ((False, "encryption is not configured"), (KEY_128, "")):
        ledger = c.ledger(join=[11], key=key)
        c.until(lambda: ledger.saw(event="join-done"), 15, "the join ends")
        done = ledger.saw(event="join-done")[0]
        check(done["contacted"] == 0 and words in done["errors"][0], "a useful message: %r" % done)
        print("message: " + done["errors"][0])
        c.throughout(lambda: a.status("ledger-1") is None, 3, "node-a never lists it")
        ledger.kill()


def no_compression(c):
    for scenario in (join_a_stock_node, be_joined, join_through_us):
        scenario(c, "-disable-compression")
        c.reset()


def one_transport(c, dropped):
    a, b, ledger = c.three()
    ledger.say("drop " + dropped)
    c.throughout(lambda: a.status("ledger-1") == "alive" and b.status("ledger-1") == "alive", 60,
                 "alive for 60 s without " + dropped)
    check(not ledger.saw(event="failed"), "and we see nobody fail")


def indirect_ping(c):
    a, b, ledger = c.three()
    before = ledger.stats()
    ledger.say("drop-peer %s:7946" % c.ip(12))

    def healthy():
        health = re.search(r"health_score = (\d+)", b.run("info").stdout)
        return (health and int(health[1]) <= 2 and a.status("node-b") == "alive"
                and a.status("ledger-1") == "alive" and b.status("ledger-1") == "alive"
                and ledger.status("node-b") == "alive")

    c.throughout(healthy, 45, "nobody fails, health score at most 2")
    after = ledger.stats()
    check(after["probes"] - before["probes"] >= 30, "we went on probing")
    check(after["probes_failed"] == before["probes_failed"],
          "node-a answered for node-b, whose own answers are lost")
    check("Suspect" not in b.log() + a.log(), "the stock nodes never suspected anybody")


def user_event(c):
    a, ledger = join_a_stock_node(c)
    a.run("event", "deploy", "1.2.3")
    c.until(lambda: ledger.saw(event="user", name="deploy", payload="1.2.3"), 3, "we get it")
    path = os.path.join(c.dir, "monitor.log")
    monitor = subprocess.Popen(["serf", "monitor", a.rpc], stdout=open(path, "wb"),
                               stderr=subprocess.STDOUT)
    try:
        read = lambda: open(path).read()
        c.until(lambda: "agent: Serf agent starting" in read() or "ipc: Accepted" in read(), 5,
                "the monitor watches")
        ledger.say("event restart 4.5.6")
        c.until(lambda: "restart" in read(), 5, "the stock node gets ours")
        c.throughout(lambda: True, 4, "time for a second delivery")
        check(read().count("Received event: user-event: restart") == 1, "exactly once: " + read())
        check(len(ledger.saw(event="user", name="deploy")) == 1, "exactly once the other way")
        check(len(ledger.saw(event="user", name="restart")) == 1, "once to ourselves")
    finally:
        monitor.kill()
        monitor.wait()


def reachability(c):
    a, b, ledger = c.three()
    out = a.run("reachability", "-verbose", timeout=60)
    check(out.returncode == 0 and "Successfully contacted all live nodes" in out.stdout, out.stdout)


def query(c):
    a = c.a("-tag", "role=db")
    ledger = c.ledger(join=[11], answers=["uptime=up 3 days"])
    c.until(lambda: all_alive(a, ledger), 5, "both alive")
    for options in (["-tag", "role=ledger"], ["-node=ledger-1"]):
        out = a.run("query", *options, "uptime", "now").stdout
        check("Ack from 'ledger-1'" in out and "Response from 'ledger-1': up 3 days" in out, out)
    out = a.run("query", "-tag", "role=db", "uptime", "now").stdout
    check("ledger-1" not in out, out)
    check([e["payload"] for e in ledger.saw(event="query")] == ["now", "now"], "asked twice")
    ledger.say("query whoever hello")
    c.until(lambda: ledger.saw(event="query-done"), 10, "our own query ends")
    check(ledger.saw(event="ack", **{"from": "node-a"}), "node-a acknowledges ours")


def keys(c):
    a, b, ledger = c.three()
    new = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
    for option in ("-list", "-install=" + new, "-use=" + new, "-remove=" + KEY_256, "-list"):
        out = a.run("keys", option, timeout=60)
        check(out.returncode == 0, option + ": " + out.stdout + out.stderr)
        if option == "-list":
            check("[3/3]" in out.stdout, out.stdout)
        check(all_alive(a, b, ledger), "all alive after " + option)
    check(new in out.stdout and KEY_256 not in out.stdout, out.stdout)
    check(len(ledger.saw(event="keys")) == 3, "we were told of three changes")
    c.throughout(lambda: all_alive(a, b, ledger), 10, "the cluster stays alive")


def name_conflict(c):
    a, b, ledger = c.three()
    second = c.ledger(join=[12], name="node-a", host=22)
    c.until(lambda: second.saw(event="conflict", name="node-a"), 10, "the newcomer reports it")
    c.until(lambda: second.saw(event="stopped", left=False), 15, "and gives the name up")
    for stock in (a, b):
        check(stock.members()["node-a"]["addr"].startswith(c.ip(11)), "the old address is kept")
    check(all_alive(a, b, ledger), "nobody else is disturbed")


def another_address(c):
    a, b = fail(c)
    end = time.monotonic() + 90
    moved = lambda: (a.members().get("ledger-1", {}).get("addr") == c.ip(22) + ":7946"
                     and a.status("ledger-1") == "alive")
    tries = 0
    while not moved():
        check(time.monotonic() < end, "alive at the new address within 90 s")
        ledger = c.ledger(join=[11], host=22)
        tries += 1
        try:
            c.until(lambda: moved() or ledger.process.poll() is not None, 20, "a try ends")
        except Failed:
            pass
        if not moved():
            ledger.kill()
    print("moved at try %d" % tries)


def default_bind(program):
    if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("ip"):
        skip("needs root, unshare and ip")
    if os.environ.get("SERF_INTEROP_INSIDE") != "1":
        environment = dict(os.environ, SERF_INTEROP_INSIDE="1")
        out = subprocess.run(["unshare", "-n", sys.executable, *sys.argv], env=environment)
        sys.exit(out.returncode)
    setup = ("ip link set lo up && ip link add veth0 type veth peer name veth1 && "
             "ip addr add 10.77.0.1/24 dev veth0 && ip link set veth0 up && ip link set veth1 up && "
             "ip route add default via 10.77.0.2")
    out = subprocess.run(["sh", "-c", setup], capture_output=True, text=True)
    if out.returncode != 0:
        skip("no veth interface: " + out.stderr.strip())
    with Cluster(program, 26) as c:
        # Without -bind it takes port 7946 of every address, so the others use another port.
        a = Stock(c, "node-a", "127.0.0.1", port=0)
        b = c.b("-join=10.77.0.1:7946", port=7947)
        ledger = c.ledger(port=7947)
        ledger.say("join 10.77.0.1:7946")
        c.until(lambda: all_alive(a, b, ledger), 20, "three members alive everywhere")
        check(ledger.members()["node-a"]["octets"] == 16, "node-a's address has 16 octets")
        quiet = lambda: "Conflicting address" not in a.log() + b.log()
        c.throughout(quiet, 60, "no name conflict")
        check(not ledger.saw(event="conflict"), "nor one with us")
        check(all_alive(a, b, ledger), "all alive at the end")


def snapshot(c):
    path = "-snapshot=" + os.path.join(c.dir, "a.snap")
    a, ledger = join_a_stock_node(c, path)
    snap = lambda: "ledger-1" in open(os.path.join(c.dir, "a.snap")).read()
    c.until(snap, 5, "the snapshot names ledger-1")
    a.kill()
    a = c.a(path)
    c.until(lambda: all_alive(a, ledger), 20, "both alive again without -join")


def no_rpc_addr(c):
    a = c.a()
    ledger = c.ledger()
    a.run("join", c.ip(21))
    c.until(lambda: ledger.status("node-a") == "alive", 5, "listed as a member")
    check("rpc_addr" not in ledger.members()["node-a"]["tags"], "without an rpc_addr to offer")


def newer_serf(program):
    newer = os.environ.get("SERF_NEWER")
    if not newer:
        skip("SERF_NEWER does not name a serf 0.10 program")
    for key in (None, KEY_256):
        with Cluster(program, 29, key) as c:
            c.program_b = newer
            first_eight(c)


def hostile_input(c, seconds=60):
    """Random and mutated vectors at both ports of two members, one with a key and one without."""
    vectors_dir = os.path.join(os.path.dirname(__file__), "..", "testdata", "vectors")
    vectors = [bytes.fromhex("".join(open(os.path.join(vectors_dir, f)).read().split()))
               for f in sorted(os.listdir(vectors_dir)) if f.endswith(".hex")]
    # Not ledger-1: the vectors claim that name for another address, and whoever loses its name
    # without a single vote for it has to stop.
    open_one = c.ledger(name="open-one", host=21, key=False)
    keyed = c.ledger(name="keyed", host=22, key=KEY_128)
    friend = c.ledger(name="friend", host=23, join=[22], key=KEY_128)
    c.until(lambda: all_alive(keyed, friend), 5, "the keyed ones know each other")
    rng = random.Random(31)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sent = {"udp": 0, "tcp": 0}

    def attack():
        # Pushes one lot a look; the pace leaves the other tests of this machine some time.
        for _ in range(300):
            data = bytearray(rng.choice(vectors) if rng.random() < 0.9 else rng.randbytes(200))
            for _ in range(rng.choice((0, 1, 1, 2, 8))):
                data[rng.randrange(len(data))] = rng.randrange(256)
            data = bytes(data[:rng.randrange(len(data)) + 1] if rng.random() < 0.2 else data)
            target = (rng.choice((c.ip(21), c.ip(22))), 7946)
            if rng.random() < 0.9:
                udp.sendto(data, target)
                sent["udp"] += 1
                continue
            with socket.create_connection(target, 5) as stream:
                stream.sendall(data)
            sent["tcp"] += 1

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        attack()
        c.wait(0.1)
        check(all(l.process.poll() is None for l in c.ledgers), "nobody crashed")
    check(set(keyed.members()) == {"keyed", "friend"}, "the membership with a key is unchanged")
    check(all_alive(keyed, friend), "and alive")
    check(keyed.stats()["packets_unreadable"] > 0, "what no key fits is counted")
    open_one.stats()
    print("sent %(udp)d packets and %(tcp)d streams" % sent)


TESTS = {
    "01-join-a-stock-node": numbered(1, join_a_stock_node),
    "02-be-joined": numbered(2, be_joined),
    "03-join-through-us": numbered(3, join_through_us),
    "04-stay-alive": numbered(4, stay_alive, seconds=150),
    "05-refute": numbered(5, refute),
    "06-see-a-failure": numbered(6, see_a_failure),
    "07-see-a-leave": numbered(7, see_a_leave),
    "08-leave": numbered(8, leave),
    "09-fail": numbered(9, fail),
    "10-restart-after-leave-and-after-kill": numbered(10, restart),
    "11-be-reconnected": numbered(11, be_reconnected),
    "12-tags-change-on-a-stock-node": numbered(12, tags_of_a_stock_node),
    "13-our-tags-change": numbered(13, our_tags),
    "14-force-leave": numbered(14, force_leave),
    "15-encryption-256": numbered(15, first_eight, key=KEY_256),
    "15-encryption-128": numbered(32, first_eight, key=KEY_128),
    "16-wrong-or-no-key": numbered(16, wrong_or_no_key, key=KEY_256),
    "17-no-compression": numbered(17, no_compression),
    "18-tcp-only": numbered(18, one_transport, dropped="udp"),
    "18-udp-only": numbered(33, one_transport, dropped="tcp"),
    "19-indirect-ping": numbered(19, indirect_ping),
    "20-user-event": numbered(20, user_event),
    "21-reachability": numbered(21, reachability),
    "22-query": numbered(22, query),
    "23-keys": numbered(23, keys, key=KEY_256),
    "24-name-conflict": numbered(24, name_conflict),
    "25-restart-at-another-address": numbered(25, another_address),
    "26-default-bind": default_bind,
    "27-snapshot": numbered(27, snapshot),
    "28-no-rpc-addr": numbered(28, no_rpc_addr),
    "29-newer-serf": newer_serf,
    "31-hostile-input": numbered(31, hostile_input),
}

if __name__ == "__main__":
    main(TESTS)
