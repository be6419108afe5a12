"""`vastmax phrases`, and the options of `vastmax embed` about words: what comes out where, and what is refused."""

from __future__ import annotations

import gzip
import itertools
import lzma
from pathlib import Path
from typing import Any

import pytest

from vastmax.text import Phrases

Invoke = Any  # tests/cli/conftest.py


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    lines = [f"new york {' '.join(words)}" for words in itertools.permutations("abcd")]
    path.write_text("\n".join([*lines, *["bank of america"] * 8]) + "\n")
    return path


OPTIONS = ("--threshold", "3", "--min-count", "6")  # by which neighbours among a, b, c, d score 0


def test_joined_text_goes_to_standard_output(shell: Invoke, text: Path) -> None:
    ran = shell(f"vastmax phrases {text} {' '.join(OPTIONS)} --passes 2 | cut -d' ' -f1 | sort | uniq -c")
    assert ran.code == 0
    assert [line.split() for line in ran.out.splitlines()] == [["8", "bank_of_america"], ["24", "new_york"]]


@pytest.mark.parametrize(
    ("name", "opened"),
    [("out.txt", open), ("out.txt.gz", gzip.open), ("out.txt.xz", lzma.open)],
    ids=["plain", "gzip", "xz"],
)
def test_the_file_is_compressed_by_its_name(invoke: Invoke, text: Path, tmp_path: Path, name: str, opened: Any) -> None:
    ran = invoke("phrases", text, "-o", tmp_path / name, *OPTIONS)
    assert ran.code == 0
    assert ran.out == f"{tmp_path / name}: 136 words for 168; 3 phrases\n"
    with opened(tmp_path / name, "rt") as file:
        lines = file.read().splitlines()
    assert len(lines) == 32
    assert lines[0] == "new_york a b c d"
    assert lines[-1] == "bank_of america"


def test_phrases_are_listed_and_nothing_else(invoke: Invoke, text: Path) -> None:
    ran = invoke("phrases", text, *OPTIONS, "--list", "-n", "2")
    rows = [line.split("\t") for line in ran.out.splitlines()]
    assert len(rows) == 2
    assert all(len(row) == 3 for row in rows)
    assert float(rows[0][2]) >= float(rows[1][2])


def test_json_tells_settings_and_phrases(invoke: Invoke, text: Path, tmp_path: Path) -> None:
    told = invoke("phrases", text, "-o", tmp_path / "out", "--scoring", "npmi", "--passes", "2", "--json").json
    assert told["settings"]["thresholds"] == [0.5, 0.5]
    assert told["tokens"] == 168
    assert told["joined_tokens"] == len((tmp_path / "out").read_text().split())
    assert {phrase["pass"] for phrase in told["phrases"]} == {1, 2}
    assert all(phrase["phrase"].count("_") >= phrase["pass"] - 1 for phrase in told["phrases"])


def test_kept_phrases_are_joined_in_another_text(invoke: Invoke, text: Path, tmp_path: Path) -> None:
    connectors = tmp_path / "connectors.txt"
    connectors.write_text("of\nthe\n")
    model, other = tmp_path / "model.jsonl", tmp_path / "other.txt"
    assert invoke("phrases", text, "--save", model, "--connectors", connectors, *OPTIONS).code == 0
    assert "bank_of_america" in [phrase.text for phrase in Phrases.load(model)]
    other.write_text("a bank of america in new york\nthe bank of england\n")
    ran = invoke("phrases", other, "--model", model)
    assert ran.out == "a bank_of_america in new_york\nthe bank of england\n"

    assert "leave out --min-count" in invoke("phrases", other, "--model", model, "--min-count", "5").refused()
    assert "not phrases that vastmax saved" in invoke("phrases", other, "--model", text).refused()


def test_a_bad_place_is_met_before_the_text_is_read(invoke: Invoke, tmp_path: Path) -> None:
    assert "does not exist" in invoke("phrases", tmp_path / "no.txt", "-o", tmp_path / "no" / "out").refused()
    assert "--topn is 0" in invoke("phrases", tmp_path / "no.txt", "--topn", "0").refused()


SMALL = ("--vector-size", "4", "--negative", "2", "--threads", "1", "--epochs", "2", "--sample", "0", "--window", "2")


def test_embed_joins_phrases_and_takes_words_out(invoke: Invoke, text: Path, tmp_path: Path) -> None:
    stop = tmp_path / "stop.txt"
    stop.write_text("c\nd\n")
    ran = invoke("embed", text, "-o", tmp_path / "v.vec", "--phrases", "1", "--stop-words", stop, "--json", *SMALL)
    assert ran.code == 0
    words = {line.split()[0] for line in (tmp_path / "v.vec").read_text().splitlines()[1:]}
    plain = invoke("embed", text, "-o", tmp_path / "p.vec", "--json", *SMALL).json
    assert ran.json["training"]["stop_words"] == ["c", "d"]
    assert ran.json["training"]["tokens"] == plain["training"]["tokens"]  # at the default threshold nothing is joined
    assert words == {"new", "york", "a", "b", "bank", "of", "america"}

    text.write_text(text.read_text() + "\n".join(f"w{i} x{i} y{i}" for i in range(3000)))
    ran = invoke("embed", text, "-o", tmp_path / "v.vec", "--phrases", "2", *SMALL)
    words = {line.split()[0] for line in (tmp_path / "v.vec").read_text().splitlines()[1:]}
    assert words == {"new_york", "a", "b", "c", "d", "bank_of_america"}
    assert "--phrases is -1" in invoke("embed", text, "-o", tmp_path / "v.vec", "--phrases", "-1").refused()


def test_embed_warns_in_one_line_each_and_goes_on(invoke: Invoke, text: Path, tmp_path: Path) -> None:
    ran = invoke("embed", text, "-o", tmp_path / "v.vec", *SMALL, "--vector-size", "100", "--window", "9")
    warned = [line for line in ran.err.splitlines() if line.startswith("vastmax: warning: ")]
    assert ran.code == 0
    assert [line.split(" is ")[0] for line in warned] == [
        "vastmax: warning: --vector-size",
        "vastmax: warning: --window",
    ]
    assert "warning" not in invoke("embed", text, "-o", tmp_path / "v.vec", *SMALL).err
