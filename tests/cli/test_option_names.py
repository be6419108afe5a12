"""Errors speak of the options that were typed, whatever the library calls its arguments, and of nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import odd_values
from vastmax.cli.spelling import as_typed
from vastmax.errors import Message, argument

Invoke = Callable[..., Any]  # the fixtures of conftest.py


MIN_COUNT, WINDOW = argument("min_count"), argument("window")


@pytest.mark.parametrize(
    ("command", "said", "shown"),
    [
        (
            "embed",
            f"no word reaches {argument('min_count', 5)}: the highest count is 3; lower {MIN_COUNT}",
            "no word reaches --min-count 5: the highest count is 3; lower --min-count",
        ),
        ("embed", f"or pass {argument('errors', repr('replace'))} to read", "or pass --errors replace to read"),
        ("embed", f"{WINDOW} is 5; use {argument('window', 2)}", "--window is 5; use --window 2"),
        (
            "compare",
            f"{argument('training.minutes')} was 3; {argument('trials')} was 0; {argument('training.num_streams')} "
            "was 8",
            "--minutes-each was 3; --tune was 0; --streams was 8",
        ),
        ("lm train", f"try {argument('embedding_lr', 0.1)}", "try --embedding-lr 0.1"),
        ("compare", f"{argument('max_size')} is 2; expected 3", "--max-final-vocab is 2; expected 3"),
        ("advise", f"{argument('batch_size')} is 0; expected 1", "--batch is 0; expected 1"),
        # what is no argument, and what this command has no option for
        (
            "embed",
            "the window is 5, min_count=3 and so the epochs are",
            "the window is 5, min_count=3 and so the epochs are",
        ),
        ("embed", f"{argument('minutes')} is 3; {argument('embedding_lr', 0.1)}", "minutes is 3; embedding_lr=0.1"),
    ],
)
def test_arguments_become_options(command: str, said: str, shown: str) -> None:
    context: Any = type("Context", (), {"command": odd_values.commands()[command], "params": {}})()
    assert as_typed(Message(said), context) == shown


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--epochs", 0), "--epochs is 0; expected"),
        (("--model", "glove"), "--model is 'glove'; expected 'skipgram'"),
        (("--min-count", 1000), "no word reaches --min-count 1000: .*; lower --min-count or give"),
        (("--max-final-vocab", 1, "--min-count", 1), r"one word \('b'\).* Give --max-final-vocab above 1$"),
        (("--min-count", 3), r"one word \('b'\).* Give more text, or --min-count below 3$"),
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
