"""Write the types of the compiled module, src/vastmax/kernels/_native.pyi, as the module itself gives them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from nanobind.stubgen import StubGen

from vastmax.kernels import _native

STUB = Path(__file__).resolve().parents[1] / "src" / "vastmax" / "kernels" / "_native.pyi"
ARRAYS = "vastmax.kernels.arrays"


def stub() -> str:
    """Return the content of the file, one line per function."""
    generator = StubGen(_native, quiet=True)
    generator.put(_native)
    text = generator.get().replace(f"import {ARRAYS}\n", f"from {ARRAYS} import Column, Cube, Matrix\n")
    return "# Written by tools/native_stub.py.\n" + text.replace(f"{ARRAYS}.", "")


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
