#!/usr/bin/env python3
"""What membership costs a node in an idle cluster of five: CPU of its two gossip threads, and all bytes
of gossip with their UDP, TCP and IP headers, counted on the loopback device. Bars: 0.2 % of a core and
4 KiB/s a node."""

import pathlib
import random
import socket
import struct
import subprocess
import sys
import time

from harness import PROGRAM, eventually, run, temporary_directory

SECONDS = 60
TO_US = 0  # On loopback each packet passes twice; this is its coming in.
SKIPPED = 77


def cpu_ns(process):
    """By thread name, of the threads that gossip; and the whole process as `all`."""
    spent = {"all": 0}
    for task in pathlib.Path(f"/proc/{process.pid}/task").iterdir():
        name = (task / "comm").read_text(encoding="utf-8").strip()
        used = int((task / "schedstat").read_text(encoding="utf-8").split()[0])
        spent["all"] += used
        if name.startswith("gossip"):
            spent[name] = spent.get(name, 0) + used
    return spent


def count(raw, ports, end):
    """Bytes that each port has sent until `end`."""
    sent = dict.fromkeys(ports, 0)
    while (left := end - time.monotonic()) > 0:
        raw.settimeout(left)
        try:
            packet, (_, protocol, kind, *_) = raw.recvfrom(65536)
        except TimeoutError:
            break
        if protocol != 0x0800 or kind != TO_US or packet[23] not in (6, 17):
            continue  # Of Ethernet and IPv4; 6 is TCP, 17 UDP.
        header = 14 + 4 * (packet[14] & 15)
        source, target = struct.unpack_from("!HH", packet, header)
        bytes_sent = len(packet) - 14
        # A client's TCP port is any: what it sends to a gossip port counts for the other side.
        port = source if source in sent else target
        if port in sent:
            sent[port] += bytes_sent
    return sent


def main():
    try:
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
        raw.bind(("lo", 0))
    except PermissionError:
        print("skipped: only root may count the bytes on a device")
        sys.exit(SKIPPED)
    nodes = []
    with temporary_directory() as work:
        try:
            base = random.randrange(18000, 30000)
            addresses = [f"127.0.77.{n}:{base + n}" for n in range(1, 6)]
            ports = [base + 100 + n for n in range(1, 6)]
            for n in range(5):
                nodes.append(subprocess.Popen(
                    [PROGRAM, "node", "start", "--data-dir", f"{work}/n{n + 1}", "--name",
                     f"n{n + 1}", "--listen", addresses[n], "--gossip", f"127.0.77.{n + 1}:{ports[n]}",
                     "--join", f"127.0.77.1:{ports[0]}", "--bootstrap-expect", "5"],
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            eventually("five voters", lambda: run(
                "-e", addresses[0], "member", "list", exit=(0, 69)).count(" yes ") == 5)
            time.sleep(20)  # Until what they had to tell each other is told.
            before = [cpu_ns(node) for node in nodes]
            begin = time.monotonic()
            sent = count(raw, ports, begin + SECONDS)
            seconds = time.monotonic() - begin
            after = [cpu_ns(node) for node in nodes]
        finally:
            for node in nodes:
                node.kill()
                node.wait()
    for n in range(5):
        used = {name: after[n][name] - before[n].get(name, 0) for name in after[n]}
        gossip = sum(ns for name, ns in used.items() if name.startswith("gossip"))
        each = ", ".join(f"{name} {ns / seconds / 1e7:.3f} %" for name, ns in sorted(used.items()))
        print(f"n{n + 1}: membership {gossip / seconds / 1e7:.3f} % of a core "
              f"(bar 0.2 %), sends {sent[ports[n]] / seconds / 1024:.2f} KiB/s (bar 4); by thread: {each}")
    total = sum(sent.values()) / seconds / 1024
    print(f"all five send {total:.2f} KiB/s; a node sends and receives {2 * total / 5:.2f} KiB/s")


main()
