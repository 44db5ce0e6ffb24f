#!/usr/bin/env python3
"""The systemd unit, held against systemd itself: it verifies, and it leaves a node little of the
machine. unit.py UNIT PROGRAM; skipped where systemd-analyze is not installed."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
# systemd's own measure, from 0 (nothing is left) to 10; two digits, the last one a decimal.
EXPOSURE_MAX = 20


def main():
    unit, program = map(os.path.abspath, sys.argv[1:])
    analyze = shutil.which("systemd-analyze")
    if not analyze:
        print("skipped: systemd-analyze is not installed")
        sys.exit(SKIPPED)
    text = pathlib.Path(unit).read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="ledgerctl-unit-") as work:
        # Where it will be installed there may be nothing yet.
        instance = pathlib.Path(work) / "ledgerctl@n1.service"
        instance.write_text(re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={program}", text),
                            encoding="utf-8")
        for arguments in (["verify", "--man=no", "--recursive-errors=no"],
                          ["security", "--offline=true", "--no-pager",
                           f"--threshold={EXPOSURE_MAX}"]):
            done = subprocess.run([analyze, *arguments, instance], capture_output=True, text=True,
                                  check=False)
            said = done.stdout + done.stderr if done.returncode else done.stderr
            if done.returncode or (arguments[0] == "verify" and said.strip()):
                print(f"{' '.join(arguments)}: exit {done.returncode}\n{said}")
                sys.exit(1)
            print(done.stdout.strip().splitlines()[-1] if done.stdout.strip() else "verified")


main()
