"""Errors speak of the options that were typed, whatever the library calls its arguments, and of nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer.main

from vastmax.cli.main import app
from vastmax.cli.option_names import OTHERWISE, as_typed

Invoke = Callable[..., Any]  # the fixtures of conftest.py


def context_of(name: str) -> Any:
    command: Any = typer.main.get_command(app)
    return type("Context", (), {"command": command.commands[name], "params": {}})()


@pytest.mark.parametrize(
    ("command", "said", "shown"),
    [
        (
            "embed",
            "no word reaches min_count=5: the highest count is 3; lower min_count",
            "no word reaches --min-count 5: the highest count is 3; lower --min-count",
        ),
        (
            "embed",
            "began with vector_size=16 (now 8) and epochs=2 (now 3)",
            "began with --vector-size 16 (now 8) and --epochs 2 (now 3)",
        ),
        ("embed", "or pass errors='replace' to read", "or pass --errors replace to read"),
        ("embed", "window is 5, but a line has 2; use window=2", "--window is 5, but a line has 2; use --window 2"),
        (
            "compare",
            "cannot go on: training.minutes was 3, now 4; trials was 0, now 1; training.num_streams was 8, now 4",
            "cannot go on: --minutes-each was 3, now 4; --tune was 0, now 1; --streams was 8, now 4",
        ),
        ("compare", "max_size is 2; expected 3", "--max-final-vocab is 2; expected 3"),
        ("advise", "batch_size is 0; expected 1", "--batch is 0; expected 1"),
        # what is no argument
        ("embed", "the window is 5, and so the epochs are", "the window is 5, and so the epochs are"),
        ("embed", "a/min_count/x: no such file, min_count.txt", "a/min_count/x: no such file, min_count.txt"),
        ("embed", "the word 'min_count' is new", "the word 'min_count' is new"),
        ("embed", "minutes is 3; table_rate=0.1", "minutes is 3; table_rate=0.1"),  # not options of this command
    ],
)
def test_arguments_become_options(command: str, said: str, shown: str) -> None:
    context = context_of(command)
    assert as_typed(said, context) == shown
    assert as_typed(shown, context) == shown


def test_other_names_are_those_of_options_that_exist() -> None:
    commands: Any = typer.main.get_command(app)
    groups = [*commands.commands.values(), *commands.commands["lm"].commands.values()]
    assert set(OTHERWISE.values()) <= {parameter.name for command in groups for parameter in command.params}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--epochs", 0), "--epochs is 0; expected"),
        (("--model", "glove"), "--model is 'glove'; expected 'skipgram'"),
        (("--min-count", 1000), "no word reaches --min-count 1000: .*; lower --min-count or give"),
        (("--max-final-vocab", 1, "--min-count", 1), r"one word \('b'\).* Give a --max-final-vocab above 1$"),
        (("--min-count", 3), r"one word \('b'\).* Give more text, or a --min-count below 3$"),
        (("--objective", "nce", "--batch-size", 0), "--batch-size is 0; expected"),
    ],
)
def test_what_embed_says(invoke: Invoke, tmp_path: Path, arguments: tuple[object, ...], says: str) -> None:
    text = tmp_path / "text.txt"
    text.write_text("a b\nb c\nc b\n")
    complaint = invoke("embed", text, "-o", tmp_path / "v.vec", *arguments).refused()
    assert re.search(says, complaint), complaint


def test_more_text_where_there_is_but_one_word(invoke: Invoke, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("a a a a a\n")
    assert invoke("embed", text, "-o", tmp_path / "v.vec").refused().endswith("needed. Give more text")


def test_warnings_speak_of_options_too(invoke: Invoke, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("a b\n" * 30)
    assert "--window is 5, but a line" in invoke("embed", text, "-o", tmp_path / "v.vec", "--epochs", 1).err
