"""Commands that are printed for the user to type work as they stand."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vastmax.cli.own_command import own_command


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "my env" / "bin" / "vastmax"
    path.parent.mkdir(parents=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_bare_name_where_the_shell_finds_it(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(program)])
    monkeypatch.setenv("PATH", str(program.parent))
    assert own_command() == "vastmax"


def test_the_path_where_the_shell_finds_none_or_another(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [str(program)])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert own_command() == f"'{program}'"
    (tmp_path / "vastmax").write_text("#!/bin/sh\n")
    (tmp_path / "vastmax").chmod(0o755)
    assert own_command() == f"'{program}'"
    monkeypatch.chdir(tmp_path)
    assert own_command() == "'my env/bin/vastmax'"


def test_the_module_where_python_was_told_to_run_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/vastmax/__main__.py"])
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    monkeypatch.chdir(tmp_path)
    assert own_command() == "bin/python -m vastmax"
