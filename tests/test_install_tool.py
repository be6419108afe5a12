"""`make` says how far the setting up is, and pip's own words if it fails."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "tools" / "install.py"


@pytest.fixture(scope="module")
def install() -> ModuleType:
    spec = importlib.util.spec_from_file_location("install", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("line", "about"),
    [
        (
            "  [12/69] Building CXX object CMakeFiles/kernels_avx2.dir/cbow.cpp.o\n",
            ("compiling the C++ core", "12 of 69"),
        ),
        ("  Installing build dependencies: started\n", ("fetching the build tools", "")),
        ("Collecting numpy>=2.0\n", ("fetching packages", "")),
        ("Installing collected packages: numpy, scipy\n", ("installing packages", "")),
        ("  Using cached numpy.whl\n", None),
    ],
)
def test_what_a_line_of_pip_is_about(install: ModuleType, line: str, about: tuple[str, str] | None) -> None:
    assert install.told(line) == about


def test_a_failure_shows_what_pip_said(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--no-index", str(tmp_path / "not-there")]
    done = subprocess.run(command, env={**os.environ, "PIP_NO_INPUT": "1"}, capture_output=True, text=True)
    assert done.returncode != 0
    assert "not-there" in done.stderr
    assert "installed" not in done.stderr.splitlines()[-1]
