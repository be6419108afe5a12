"""The command that starts this vastmax again."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path


def own_command() -> str:
    """Return the bare name where the shell finds this very program by it, else its path, else `python -m vastmax`."""
    program = Path(sys.argv[0])
    if program.name != "vastmax" or not program.exists():
        return f"{_shortest(Path(sys.executable))} -m vastmax"
    found = shutil.which("vastmax")
    return "vastmax" if found is not None and os.path.samefile(found, program) else _shortest(program)


def _shortest(path: Path) -> str:
    """A path as a word of the shell, from here where it lies below."""
    absolute = Path(os.path.abspath(path))  # a virtual environment's python is a link, and must stay one
    return shlex.quote(str(absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else absolute))
