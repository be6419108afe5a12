from __future__ import annotations

import json
from pathlib import Path

import pytest

from vastmax import tree
from vastmax.errors import InputError

LABELS = {"sports": {"ball games": ["Football", "golf"], "board games": ["chess"]}, "music": ["piano", "flute"]}
WORDS = ["chess", "Football", "piano", "flute", "golf"]


def labels_on_the_way(t: tree.Tree, word: str) -> list[str]:
    return [t.labels[node] for node in t.path(word).nodes]


def test_football_is_reached_through_its_labels() -> None:
    t = tree.nested(LABELS, WORDS)
    assert labels_on_the_way(t, "Football") == ["", "sports", "ball games"]
    assert t.path("Football").branches == (0, 0, 0)
    assert labels_on_the_way(t, "flute") == ["", "music"]
    assert t.path("flute").branches == (1, 1)
    assert [t.path(word) for word in WORDS] == [t.path(word_id) for word_id in range(5)]
    assert t.words == tuple(WORDS)


def test_lists_may_hold_subtrees() -> None:
    t = tree.nested(["the", {"animals": ["cat"], "plants": ["oak", "elm"]}, ["of", "in"]])
    assert t.path("the").branches == (0,)
    assert t.path("elm").branches == (2, 1)
    assert labels_on_the_way(t, "elm") == ["", "plants"]
    assert t.path("in").branches == (3, 1)


def test_json_file(tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(LABELS))
    assert tree.nested(path, WORDS).path("golf") == tree.nested(str(path), WORDS).path("golf")
    assert tree.nested(path, WORDS).path("golf") == tree.nested(LABELS, WORDS).path("golf")


@pytest.mark.parametrize(
    ("labels", "words", "message"),
    [
        (["a", "b"], ["a", "b", "c"], "'c' is in the vocabulary but not in the nesting"),
        (["a"], list("abcdefgh"), "'b', 'c', 'd', 'e', 'f' and 2 more are in the vocabulary but not"),
        ({"x": ["a", "b"], "y": ["b"]}, ["a", "b"], "'b' is more than once in the nesting"),
        (["a", "b", "z"], ["a", "b"], "'z' is in the nesting but not in the vocabulary"),
        (["a"], ["a", "a"], "'a' is more than once in the vocabulary"),
        ({"x": []}, None, "nothing under 'x'"),
        ({"x": {"y": {}}}, None, "nothing under 'x → y'"),
        ([], None, "nothing at the top"),
        ([{}], None, "nothing at the top"),
        ({"x": 3}, None, "found 3 for 'x' at the top of the nesting; expected a list or a dict"),
        ({"y": {"x": "a"}}, None, "found 'a' for 'x' under 'y' of the nesting; expected a list"),
        ({"": ["a"]}, None, "found the label '' at the top"),
        ({3: ["a"]}, None, "found the label 3 at the top"),
        ({"x": ["a", 7]}, None, "found 7 under 'x' of the nesting; words must be strings"),
    ],
)
def test_bad_nestings(labels: object, words: list[str] | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        tree.nested(labels, words)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'{"a": [', r"is not JSON \(line 1, column 8"),
        (b'"word"', "contains 'word'; expected an object or a list"),
        (b'{"a": ["x"], "a": ["y"]}', "has 'a' twice in one object"),
        (b'["\xff"]', r"is not UTF-8 text \(byte 2\)"),
        (b"[" * 100_000, "nested more than 200 levels deep"),
    ],
)
def test_bad_files(tmp_path: Path, text: bytes, message: str) -> None:
    path = tmp_path / "labels.json"
    path.write_bytes(text)
    with pytest.raises(InputError, match=message):
        tree.nested(path)
    with pytest.raises(FileNotFoundError):
        tree.nested(tmp_path / "missing.json")
