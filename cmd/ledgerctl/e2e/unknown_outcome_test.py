#!/usr/bin/env python3
"""A request that reached the node and got no answer: exit 75, and the same id ends in one record.

Between program and node stands a relay that passes bytes on until it has seen a given text on its way
to the node, and from then on nothing back: the request is there, its answer is lost. A paused node is
the other way to the same end."""

import json
import re
import socket
import subprocess
import threading
import uuid

from harness import Node, check, failed, run, temporary_directory


class Relay:
    """Passes connections on to `target`. Once `mark` went there, nothing comes back any more; or, with
    `once`, that connection ends and later ones are left alone."""

    def __init__(self, target, mark, once=False):
        self.target = target.rsplit(":", 1)
        self.mark = mark
        self.once = once
        self.cut = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.sockets = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            node = socket.create_connection((self.target[0], int(self.target[1])))
            self.sockets += [client, node]
            cut = threading.Event()  # This connection's.
            threading.Thread(target=self.forth, args=(client, node, cut), daemon=True).start()
            threading.Thread(target=self.back, args=(node, client, cut), daemon=True).start()

    def forth(self, client, node, cut):
        seen = b""
        try:
            while data := client.recv(65536):
                seen = seen[-len(self.mark):] + data
                if self.mark in seen and not (self.once and self.cut.is_set()):
                    cut.set()
                    self.cut.set()
                node.sendall(data)
        except OSError:
            pass

    def back(self, node, client, cut):
        try:
            while data := node.recv(65536):
                if cut.is_set() and self.once:
                    client.shutdown(socket.SHUT_RDWR)  # The answer came this far.
                    return
                if not self.cut.is_set() or self.once:
                    client.sendall(data)
        except OSError:
            pass

    def close(self):
        for one in [self.listener, *self.sockets]:
            one.close()


def is_unknown(error, record_id):
    check("may or may not have been written" in error["message"],
          f"the message does not say that the outcome is open: {error}")
    check(error["hint"] == f"repeat with --id {record_id} (safe)", f"{error}")
    check(error["id"] == record_id, f"{error}")
    check(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", error["valid_until_at"]), f"{error}")


def lost_answers(node):
    """Each kind of write: 75, it is in the log all the same, and the same command ends well."""
    node.run("asset", "define", "EUR", "--scale", "2")
    node.run("account", "open", "liabilities:ann", "--asset", "EUR")
    node.run("account", "open", "liabilities:bea", "--asset", "EUR")
    for command in (["log", "append", "the body"],
                    ["asset", "define", "USD", "--scale", "3"],
                    ["account", "open", "assets:bank", "--asset", "EUR"],
                    ["tx", "post", "--from", "liabilities:ann", "--to", "liabilities:bea",
                     "--amount", "1.00"]):
        before = node.json("log", "status")[0]["next_offset"]
        record_id = uuid.uuid4()
        command = [*command, "--id", str(record_id)]
        # Nothing but the write itself carries the id.
        relay = Relay(node.endpoint, record_id.bytes)
        error = failed(75, "unknown_outcome", *command, "-t", "1s", endpoint=relay.endpoint)
        check(relay.cut.is_set(), f"{command}: the request never left")
        relay.close()
        is_unknown(error, str(record_id))
        log = node.json("log", "read", "--from", str(before))
        check([r["id"] for r in log] == [str(record_id)], f"{command}: not in the log: {log}")
        # Repeating is harmless, as often as one likes.
        for _ in range(2):
            node.run(*command)
        again = node.json("log", "read", "--refused", "--from", str(before))
        check([r["id"] for r in again] == [str(record_id)], f"{command}: written twice: {again}")


def a_retry_by_itself(node):
    """Lost is only the connection: the program asks again under the same id, and nobody notices."""
    before = node.json("log", "status")[0]["next_offset"]
    record_id = uuid.uuid4()
    relay = Relay(node.endpoint, record_id.bytes, once=True)
    out = json.loads(run("-e", relay.endpoint, "log", "append", "-o", "json", "once", "--id",
                         str(record_id), "-t", "20s"))
    check(relay.cut.is_set(), "the connection was never cut")
    relay.close()
    check(out["offset"] == before and out["duplicate"], f"{out}")
    check(len(node.json("log", "read", "--refused", "--from", str(before))) == 1, "written twice")


def a_paused_node(node):
    """The request lies in the socket of a node that sleeps; it may be written when it wakes."""
    before = node.json("log", "status")[0]["next_offset"]
    ids = [str(uuid.uuid4()) for _ in range(2)]
    lines = [json.dumps({"id": i, "value": f"paused {n}"}) + "\n" for n, i in enumerate(ids)]
    with node.popen("log", "append", "--input", "json", "-o", "json", "-t", "1s",
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE) as writer:
        writer.stdin.write(lines[0])
        writer.stdin.flush()
        first = json.loads(writer.stdout.readline())  # The stream stands.
        node.pause()
        writer.stdin.write(lines[1])
        writer.stdin.close()
        error = json.loads(writer.stderr.read())
        check(writer.wait() == 75 and error["code"] == "unknown_outcome", f"{error}")
    node.resume()
    check(first["offset"] == before and error["acknowledged"] == 1, f"{first} {error}")
    check("record 2: " in error["message"] and "may or may not" in error["message"], f"{error}")
    check(error["id"] == ids[1] and ids[1] in error["hint"], f"{error}")
    held = [r["id"] for r in node.json("log", "read", "--from", str(before))]
    check(held in (ids, ids[:1]), f"the log holds {held}")
    print(f"the log of the node that woke held {len(held)} of 2 records before the repeat")
    out = node.run("log", "append", "--input", "json", "-o", "json", input="".join(lines))
    check([json.loads(line)["offset"] for line in out.splitlines()] == [before, before + 1], out)
    held = [r["id"] for r in node.json("log", "read", "--refused", "--from", str(before))]
    check(held == ids, f"the log holds {held}")


def many_transactions(node):
    """A batch says which transaction is open, and where to look."""
    record_id = uuid.uuid4()
    line = json.dumps({"id": str(record_id), "from": "liabilities:ann", "to": "liabilities:bea",
                       "amount": "2.00"})
    relay = Relay(node.endpoint, record_id.bytes)
    error = failed(75, "unknown_outcome", "tx", "post", "-", "-t", "1s", endpoint=relay.endpoint,
                   input=line)
    relay.close()
    check(f"ledgerctl tx show {record_id}" in error["hint"] and error["id"] == str(record_id),
          f"{error}")
    check(node.json("tx", "show", str(record_id))[0]["verdict"] == "ok", "it was not posted")
    check(node.run("tx", "post", "-", input=line).startswith(f"{record_id} "), "repeated")


def main():
    with temporary_directory() as work, Node(f"{work}/n1") as node:
        lost_answers(node)
        a_retry_by_itself(node)
        many_transactions(node)
        a_paused_node(node)
        check(node.stop() == 0, "SIGTERM did not end in exit 0")


main()
