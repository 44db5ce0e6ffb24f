"""A PostgreSQL server of one's own for the end-to-end tests: in a temporary directory, on a port of
the kernel's choice, with a password."""

import contextlib
import glob
import os
import pathlib
import pwd
import signal
import socket
import subprocess
import sys

from harness import check

PASSWORD = "open sesame"


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


class Postgres:
    """Runs as the account postgres when the test is root, since the server refuses root."""

    def __init__(self, directory):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"))
        if not found:
            skip("there is no /usr/lib/postgresql/*/bin/postgres")
        self.bin = os.path.dirname(found[-1])
        self.data = f"{directory}/pg"
        self.account = []
        os.mkdir(self.data)
        if os.geteuid() == 0:
            try:
                account = pwd.getpwnam("postgres")
            except KeyError:
                skip("there is no account postgres")
            self.account = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
            os.chmod(directory, 0o711)
            os.chown(self.data, account.pw_uid, account.pw_gid)
        word = pathlib.Path(f"{directory}/password")
        word.write_text(PASSWORD + "\n", encoding="utf-8")
        word.chmod(0o644)
        made = subprocess.run(
            [*self.account, f"{self.bin}/initdb", "-A", "scram-sha-256", "-U", "ledger", "--pwfile",
             str(word), "--no-sync", "-E", "UTF8", "--locale=C", "-D", f"{self.data}/db"],
            capture_output=True, text=True, check=False, cwd="/")
        if made.returncode != 0:
            skip(f"initdb fails: {made.stderr}")
        self.process = None
        self.port = 0

    def start(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.process = subprocess.Popen(
            [*self.account, f"{self.bin}/postgres", "-D", f"{self.data}/db", "-k", self.data, "-p",
             str(self.port), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd="/",
            env={"LC_ALL": "C", "PATH": os.environ["PATH"]})
        lines = []
        for line in self.process.stderr:
            lines.append(line)
            if "ready to accept connections" in line:
                break
        else:
            skip("the server does not start: " + "".join(lines))
        return self

    def uri(self, password=PASSWORD, database="postgres", user="ledger"):
        word = password.replace(" ", "%20")
        return f"postgresql://{user}:{word}@127.0.0.1:{self.port}/{database}"

    def psql(self, sql):
        done = subprocess.run([f"{self.bin}/psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.uri(),
                               "-c", sql], capture_output=True, text=True, check=False, timeout=60)
        check(done.returncode == 0, f"psql: {sql}: {done.stderr}")
        return done.stdout.strip()

    def pids(self):
        """The server and all that it has started."""
        pids = [self.process.pid]
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    stat = pathlib.Path(f"/proc/{entry}/stat").read_text(encoding="utf-8")
                except OSError:
                    continue
                if int(stat.rsplit(")", 1)[1].split()[1]) == self.process.pid:
                    pids.append(int(entry))
        return pids

    def pause(self):
        """Stops the server, then its children: none is started meanwhile."""
        os.kill(self.process.pid, signal.SIGSTOP)
        self.signal(signal.SIGSTOP)

    def resume(self):
        self.signal(signal.SIGCONT)

    def signal(self, number):
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):  # A child may end meanwhile.
                os.kill(pid, number)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.resume()
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=60)
        if self.process:
            self.process.stderr.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
