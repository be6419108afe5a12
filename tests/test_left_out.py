"""`make test` says which tests it left out, and how to run them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = """
import pytest

@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 2])
def test_long(number):
    pass

def test_short():
    pass
"""


@pytest.fixture
def small_suite(tmp_path: Path) -> Path:
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = slow: long\n", encoding="utf-8")
    (tmp_path / "test_some.py").write_text(SUITE, encoding="utf-8")
    return tmp_path


def _run(suite: Path, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options], cwd=suite, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize("processes", ["0", "2"])
def test_the_slow_tests_are_named_and_so_is_the_way_to_run_them(small_suite: Path, processes: str) -> None:
    printed = _run(small_suite, "-m", "not slow", "--numprocesses", processes)
    assert "1 passed" in printed
    assert "2 slow tests, which `make test-all` runs: test_some.py (2)" in printed


def test_nothing_is_said_when_nothing_slow_is_left_out(small_suite: Path) -> None:
    printed = _run(small_suite)
    assert "3 passed" in printed
    assert "left out" not in printed
    assert "left out" not in _run(small_suite, "-k", "short")
