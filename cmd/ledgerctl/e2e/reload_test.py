#!/usr/bin/env python3
"""SIGHUP: a node takes over the log level of its file, says what needs a restart, and keeps what it
has where the file is wrong."""

import pathlib
import signal

from harness import Node, check, eventually, temporary_directory


def main():
    with temporary_directory() as work:
        config = pathlib.Path(work) / "n1.toml"
        config.write_text('[node]\nlog_level = "info"\n')
        with Node(f"{work}/n1", "--config", str(config)) as node:
            log = pathlib.Path(node.log)

            def reload(text, says):
                """What is logged from the signal on, once `says` is there."""
                before = len(log.read_text())
                config.write_text(text)
                node.process.send_signal(signal.SIGHUP)
                eventually(says, lambda: says in log.read_text()[before:])
                return log.read_text()[before:]

            reload('[node]\nlog_level = "info"\n', "info read again, nothing has changed")
            reload('[node]\nlog_level = "debug"\n', "info log level is debug")
            reload('[node]\nlog_level = "warn"\nsegment_bytes = "8MiB"\nhttp = "127.0.0.1:1"\n',
                   "warning changed, and needs a restart: http, segment_bytes")
            said = reload('[node]\nlog_level = "inof"\n', "all stays as it was")
            check("n1.toml:2:1" in said and "'inof'" in said, said)
            # Still at `warn`: what is only worth a note is not said.
            said = reload('[node]\nlog_level = "warn"\nadvertise = "localhost"\n', "a restart")
            check(" info " not in said, said)
            config.unlink()
            before = len(log.read_text())
            node.process.send_signal(signal.SIGHUP)
            eventually("no file", lambda: "all stays as it was" in log.read_text()[before:])
            node.run("log", "append", "alive")
            check(node.stop() == 0, "it does not stop")


main()
