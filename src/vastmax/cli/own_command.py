"""The shell command of this vastmax."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path


def own_command() -> str:
    """Return `vastmax` if the shell finds this program by it, otherwise its path or `python -m vastmax`."""
    program = Path(sys.argv[0])
    if program.name != "vastmax" or not program.exists():
        return f"{_shortest(Path(sys.executable))} -m vastmax"
    found = shutil.which("vastmax")
    return "vastmax" if found is not None and os.path.samefile(found, program) else _shortest(program)


def _shortest(path: Path) -> str:
    """Return a path quoted for the shell, relative if it is below the current folder."""
    absolute = Path(os.path.abspath(path))  # not resolved: the python of a virtual environment is a link
    return shlex.quote(str(absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else absolute))
