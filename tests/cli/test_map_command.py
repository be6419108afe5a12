"""`vastmax map`: the file, what is said about it, and what is refused before any work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import vastmax

Invoke = Callable[..., Any]  # the fixtures of conftest.py


@pytest.mark.parametrize(("name", "start"), [("map.html", b"<!doctype html>"), ("map.PNG", b"\x89PNG")])
def test_map_writes_one_file_and_says_so(
    invoke: Invoke, vectors_file: Path, tmp_path: Path, name: str, start: bytes
) -> None:
    output = tmp_path / name
    ran = invoke("map", vectors_file, "-o", output, "--title", "Animals & colours", "--skip", 1)
    assert ran.code == 0, ran.err
    assert output.read_bytes().startswith(start)
    assert list(tmp_path.iterdir()) == [output]
    assert ran.out == f"{output}: {len(vastmax.WordVectors.load(vectors_file)) - 1} words\n"
    if name == "map.html":
        assert "<h1>Animals &amp; colours</h1>" in output.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("map.svg", (), "must end in .html or .png, not in '.svg'"),
        ("map", (), "not in nothing"),
        ("missing/map.html", (), "does not exist"),
        ("map.html", ("--method", "umap"), "umap"),
    ],
)
def test_map_refuses_before_reading(
    invoke: Invoke, tmp_path: Path, name: str, options: tuple[str, ...], says: str
) -> None:
    ran = invoke("map", tmp_path / "never-read.bin", "-o", tmp_path / name, *options)
    assert says in ran.refused()
    assert "never-read" not in ran.err
    assert list(tmp_path.iterdir()) == []


def test_map_of_what_is_no_vectors_or_too_few(invoke: Invoke, vectors_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "map.html"
    assert "nowhere.bin" in invoke("map", tmp_path / "nowhere.bin", "-o", output).refused()
    assert "--num-words is 0; expected" in invoke("map", vectors_file, "-o", output, "--num-words", 0).refused()
    assert "skip is 99" in invoke("map", vectors_file, "-o", output, "--skip", 99).refused()
    assert "--output" in invoke("map", vectors_file).refused()
    assert not output.exists()
