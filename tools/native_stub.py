"""Write the types of the compiled module, src/vastmax/kernels/_native.pyi, as the module itself gives them."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from nanobind.stubgen import StubGen

from vastmax.kernels import _native

STUB = Path(__file__).resolve().parents[1] / "src" / "vastmax" / "kernels" / "_native.pyi"
ARRAYS = "vastmax.kernels.arrays"


def stub() -> str:
    """Return what belongs in the file."""
    generator = StubGen(_native, quiet=True)
    generator.put(_native)
    text = generator.get().replace(f"import {ARRAYS}\n", f"from {ARRAYS} import Column, Cube, Matrix\n")
    text = "# Written by tools/native_stub.py.\n" + text.replace(f"{ARRAYS}.", "")
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(STUB), "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if the file is stale")
    options = parser.parse_args()
    text = stub()
    if not options.check:
        STUB.write_text(text, encoding="utf-8")
    elif STUB.read_text(encoding="utf-8") != text:
        print(f"{STUB} is not what the compiled module says: run tools/native_stub.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
