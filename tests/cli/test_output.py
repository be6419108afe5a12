"""What the commands share: tables, JSON, the check of the output's place, and how failures are told."""

from __future__ import annotations

import errno
import json
import math
import sys
from pathlib import Path

import pytest
import typer

from vastmax.atomic import check_writable
from vastmax.cli import failure
from vastmax.cli.failure import StoppedError, exit_code_of
from vastmax.cli.output import print_json, print_table
from vastmax.errors import InputError


def _fail_with(error: BaseException, *, debug: bool = False) -> int:
    def command() -> None:
        raise error

    return exit_code_of(command, debug=lambda: debug)


def test_a_table_in_a_pipe_is_its_rows(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("title", ["word", "count"], [["a", 1], ["b", "2,000"]])
    print_table("title", ["word", "count"], [["[red]c", 3]], key="k")
    assert capsys.readouterr().out == "a\t1\nb\t2,000\nk\t[red]c\t3\n"


def test_a_table_on_a_terminal_has_title_and_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    print_table("the title", ["word", "count"], [["[bold]a", 1], ["b", 2000]])
    out = capsys.readouterr().out
    assert "the title" in out
    assert "[bold]a" in out  # a word of the corpus, not mark-up
    assert "count" in out


def test_json_has_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": math.nan, "b": [1.5, -math.inf], "c": {"d": (1, None)}, "Crème": "Crème"})
    out = capsys.readouterr().out
    assert json.loads(out) == {"a": None, "b": [1.5, None], "c": {"d": [1, None]}, "Crème": "Crème"}
    assert "Crème" in out


def test_the_place_of_the_output_is_checked_without_a_trace(tmp_path: Path) -> None:
    check_writable(tmp_path / "new.safetensors")
    assert list(tmp_path.iterdir()) == []
    old = tmp_path / "old.safetensors"
    old.write_text("precious")
    check_writable(old)
    assert old.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [old]


@pytest.mark.parametrize("place", ["missing/v.safetensors", ".", "file/v.safetensors"])
def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        check_writable(tmp_path / place)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (InputError("size is -1;\nexpected 1 or more"), 2, "vastmax: size is -1; expected 1 or more\n"),
        (OSError(errno.ENOSPC, "No space left on device", "v.bin"), 2, "vastmax: v.bin: No space left on device\n"),
        (OSError("strange"), 2, "vastmax: strange\n"),
        (KeyboardInterrupt(), 130, "vastmax: interrupted; nothing was written\n"),
        (StoppedError("interrupted; half is kept"), 130, "vastmax: interrupted; half is kept\n"),
        (typer.BadParameter("no such thing."), 2, "vastmax: Invalid value: no such thing; see vastmax --help\n"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 141, ""),
    ],
)
def test_a_failure_is_one_line_and_a_code(
    error: BaseException, code: int, message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failure, "_forget_stdout", lambda: None)  # pytest still wants its stdout
    assert _fail_with(error) == code
    assert capsys.readouterr().err == message


def test_out_of_memory_says_what_would_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert _fail_with(MemoryError("Unable to allocate 3.6 TiB")) == 2
    assert "3.6 TiB" in capsys.readouterr().err


def test_debug_shows_the_traceback_and_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert _fail_with(InputError("bad"), debug=True) == 2
    err = capsys.readouterr().err
    assert err.startswith("Traceback")
    assert err.endswith("\nvastmax: bad\n")


def test_a_bug_of_ours_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        _fail_with(ZeroDivisionError())
