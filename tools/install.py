"""Run pip and report its progress in a few lines: packages, the build tools, each part of the compiled core.

usage: .venv/bin/python tools/install.py --editable '.[dev]'     (what pip install takes)
"""

from __future__ import annotations

import re
import subprocess
import sys
import time

EVERY_SECONDS = 10.0
"""The interval between two lines about the same step."""

STEPS = (
    (re.compile(r"^\s*(?:Installing build dependencies|Collecting nanobind)"), "fetching the build tools"),
    (re.compile(r"^\s*\*\*\* Configuring CMake"), "looking at the compiler"),
    (re.compile(r"^\s*\[(\d+)/(\d+)\]"), "compiling the C++ core"),
    (re.compile(r"^Collecting"), "fetching packages"),
    (re.compile(r"^Installing collected packages"), "installing packages"),
)


def told(line: str) -> tuple[str, str] | None:
    """Return (step, progress or nothing) for a line of pip's output, or None."""
    for pattern, step in STEPS:
        if found := pattern.match(line):
            return step, " of ".join(found.groups())
    return None


def main(arguments: list[str]) -> int:
    """Install; show pip's own output only if it fails."""
    # --verbose passes the compiler's progress on. Python's own output would wait in a buffer without -u.
    command = [sys.executable, "-u", "-m", "pip", "install", "--verbose", "--progress-bar", "off", *arguments]
    started = said_at = time.monotonic()
    step, words = "", []
    print("vastmax: setting up: packages take about a minute, compiling some minutes on two cores", file=sys.stderr)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            words.append(line)
            about, now = told(line), time.monotonic()
            if about is not None and (about[0] != step or now - said_at > EVERY_SECONDS):
                step, said_at = about[0], now
                print(f"vastmax: [{now - started:3.0f} s] {step} {about[1]}".rstrip(), file=sys.stderr, flush=True)
    if pip.returncode:
        sys.stderr.writelines(words)
    else:
        print(f"vastmax: [{time.monotonic() - started:3.0f} s] installed", file=sys.stderr)
    return pip.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
