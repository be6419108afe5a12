"""Look for faults in the native code with clang-tidy: in the sources that changed since they were last found clean.

The kernels are read as they are compiled for the baseline instruction set: their text is the same for all.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nanobind

ROOT = Path(__file__).resolve().parents[1]
NATIVE = ROOT / "src" / "vastmax" / "kernels" / "native"
CLEAN = ROOT / "build" / "tidy.json"
"""The digest of each source, with all it includes from here, when it was last found clean."""

FLAGS = ["-x", "c++", "-std=gnu++17", "-DVASTMAX_HAVE_avx2=1", "-DVASTMAX_HAVE_avx512=1"]
FLAGS += ["-isystem", nanobind.include_dir(), "-isystem", sysconfig.get_path("include")]


def digest(source: Path, seen: set[Path]) -> str:
    """Return a digest of the source and of the headers it includes from here."""
    seen.add(source)
    text = source.read_text(encoding="utf-8")
    headers = [NATIVE / name for name in re.findall(r'^#include "([\w.]+)"', text, re.MULTILINE)]
    parts = [text, *(digest(header, seen) for header in headers if header not in seen)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def tidy(source: Path) -> str:
    """Return what clang-tidy finds in one source; empty: nothing."""
    command = [Path(sys.executable).with_name("clang-tidy"), "--quiet", source, "--", *FLAGS]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="also what was found clean before")
    options = parser.parse_args()
    rules = (ROOT / ".clang-tidy").read_text(encoding="utf-8") + nanobind.__version__
    clean = json.loads(CLEAN.read_text(encoding="utf-8")) if CLEAN.exists() and not options.all else {}
    now = {source.name: rules_and_text(rules, source) for source in sorted(NATIVE.glob("*.cpp"))}
    todo = [name for name, found in now.items() if clean.get(name) != found]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = dict(zip(todo, pool.map(lambda name: tidy(NATIVE / name), todo), strict=True))
    print("\n".join(filter(None, problems.values())), end="")
    CLEAN.parent.mkdir(exist_ok=True)
    CLEAN.write_text(json.dumps({name: now[name] for name in now if not problems.get(name)}), encoding="utf-8")
    return 1 if any(problems.values()) else 0


def rules_and_text(rules: str, source: Path) -> str:
    """Return a digest of all that decides what is found in one source."""
    return hashlib.sha256((rules + digest(source, set())).encode()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
