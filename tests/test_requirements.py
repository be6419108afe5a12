"""What `make` says when the machine lacks something, before anything is downloaded."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "tools" / "requirements.sh"


def check(tmp_path: Path, *, python: str = sys.executable, cxx: str = "c++", tools: tuple[str, ...] = ("sh",)) -> str:
    """Run the script with a PATH of only these tools; return what it says on stderr, empty when all is there."""
    for tool in tools:
        found = shutil.which(tool)
        assert found is not None
        (tmp_path / tool).symlink_to(found)
    environment = {"PATH": str(tmp_path), "PYTHON": python, "CXX": cxx}
    done = subprocess.run([shutil.which("sh") or "sh", str(SCRIPT)], env=environment, capture_output=True, text=True)
    assert (done.returncode == 0) == (done.stderr == "")
    assert done.stdout == ""
    return done.stderr


def fake(tmp_path: Path, name: str, script: str) -> str:
    path = tmp_path / name
    path.write_text(f"#!{shutil.which('sh')}\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_a_complete_machine_is_told_nothing(tmp_path):
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("no C++ compiler on this machine")
    environment = {**os.environ, "PYTHON": sys.executable, "CXX": compiler}
    done = subprocess.run(["sh", str(SCRIPT)], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_missing_compiler_is_one_line_that_names_the_package(tmp_path):
    said = check(tmp_path)
    assert said.count("\n") == 1
    assert "no C++ compiler found (c++)" in said
    assert "apt install g++" in said


def test_a_compiler_that_cannot_do_it_is_named(tmp_path):
    said = check(tmp_path, cxx=fake(tmp_path, "old-c++", "exit 1"))
    assert "cannot compile C++17" in said
    assert "apt install g++" in said


def test_a_missing_python_is_one_line_that_names_the_package(tmp_path):
    said = check(tmp_path, python="python-that-is-not-there")
    assert said.count("\n") == 1
    assert "no python-that-is-not-there found" in said
    assert "apt install python3" in said


def test_an_old_python_is_named_with_its_version(tmp_path):
    old = fake(tmp_path, "old-python", 'case "$1" in --version) echo Python 3.9.2;; *) exit 1;; esac')
    assert "Python 3.9.2 is too old; Python 3.11 or newer is needed" in check(tmp_path, python=old)


def test_a_python_without_venv_is_told_which_package_has_it(tmp_path):
    half = fake(tmp_path, "half-python", 'case "$2" in *ensurepip*) exit 1;; *) exit 0;; esac')
    assert "apt install python3-venv" in check(tmp_path, python=half)


def test_missing_headers_are_named(tmp_path):
    bare = fake(tmp_path, "bare-python", 'case "$2" in *sysconfig*) echo /nowhere/Python.h;; esac')
    said = check(tmp_path, python=bare)
    assert "the Python headers are missing (/nowhere/Python.h)" in said
    assert "apt install python3-dev" in said
