"""Every option of every command with odd values: done, or refused in one line that names option and value."""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import odd_values
import vastmax.text.builtin
from vastmax.cli.main import run as run_command

Invoke = Callable[..., Any]  # the fixtures of conftest.py

CASES = list(odd_values.odd_cases())
SAMPLED = 150
SEED = 20
LONGEST_SECONDS = 10.0
"""Of this process and all its threads, whatever else the machine does."""
LONGEST_LINE = 600
"""Characters of the one line: a value of any length must not fill the screen."""


AFTER_WORK = ("try rates below", "try lower rates", "diverged")
"""Rates that nobody can tell to be too high before they are tried; such a training says what to do, and keeps what was
saved."""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory, corpus_file: Path, vectors_file: Path) -> Path:
    """A folder with all that the command lines read, a trained model among it."""
    folder = tmp_path_factory.mktemp("inputs")
    odd_values.make_inputs(folder, corpus_file, vectors_file)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for line in (
            "lm train corpus.txt -o run --epochs 1 --hidden-size 4 --encoder log-bilinear --no-cache --streams 4",
            "phrases corpus.txt --no-cache --save phrases.jsonl",
        ):
            with pytest.raises(SystemExit) as stopped:
                run_command(line.split())
            assert not stopped.value.code
    return folder


@pytest.fixture
def place(inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own folder to be in, with the inputs, and with a small text in the place of what Python carries."""
    for name in inputs.iterdir():
        (tmp_path / name.name).symlink_to(name)
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO("the cat\n"))
    monkeypatch.setattr(vastmax.text.builtin, "python_documentation", _few_words)
    monkeypatch.setattr("vastmax.compare.race.run_race", _no_race)
    return tmp_path


def _few_words(*_: object, **__: object) -> Iterator[list[str]]:
    for i in range(200):
        yield ["the", "cat", "and", ("dog", "cow", "hen")[i % 3], "run"]


def _no_race(*_: object, **__: object) -> None:
    """All checks are passed, and the methods' processes, each of which would import PyTorch, are not started."""
    raise typer.Exit


def check(invoke: Invoke, place: Path, case: odd_values.OddCase) -> None:
    before = sorted(place.rglob("*"))
    began = time.process_time()
    ran = invoke(*case.arguments())
    assert time.process_time() - began < LONGEST_SECONDS
    assert ran.code in (0, 2), ran
    assert "Traceback" not in ran.err
    assert "\x1b" not in ran.err
    if ran.code == 0:
        return
    complaint = ran.refused()
    if any(words in complaint for words in AFTER_WORK):
        return
    assert len(complaint) < LONGEST_LINE
    if case.option is not None:
        assert case.option in complaint
    if case.option is not None or "\0" not in case.value:  # no shell can pass it
        assert any(shown in complaint for shown in spellings(case.value)), complaint
    assert sorted(place.rglob("*")) == before
    assert ran.out == ""


def spellings(value: str) -> list[str]:
    """How a message may show a value."""
    shown = [value or "''", repr(value)[1:-1]]
    try:
        number = float(value)
    except ValueError:
        return shown
    return [*shown, repr(number), f"{number:g}"]


@pytest.mark.parametrize("case", random.Random(SEED).sample(CASES, SAMPLED), ids=str)
def test_odd_values(invoke: Invoke, place: Path, case: odd_values.OddCase) -> None:
    check(invoke, place, case)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
def test_all_odd_values(invoke: Invoke, place: Path, case: odd_values.OddCase) -> None:
    check(invoke, place, case)


@pytest.mark.slow
def test_the_lines_work_as_they_stand(invoke: Invoke, place: Path) -> None:
    for line in odd_values.LINES.values():
        if line.startswith(("tree corpus.txt --kind wordnet", "map vectors.safetensors -o out/map.html --method")):
            continue  # they need what not every machine has
        assert invoke(*line.split()).code == 0, line
