"""`vastmax tree`: figures on stdout, the tree and its picture in files, bad options refused before the text is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vastmax.text import Corpus
from vastmax.tree import Tree, huffman

Invoke = Callable[..., Any]  # the fixtures of conftest.py


def test_the_tree_is_kept_drawn_and_described(invoke: Invoke, corpus_file: Path, tmp_path: Path) -> None:
    kept, picture = tmp_path / "huffman.tree", tmp_path / "huffman.svg"
    ran = invoke("tree", corpus_file, "-o", kept, "--draw", picture, "--path", "cat", "--json")
    vocabulary = Corpus(str(corpus_file), cache=False).vocabulary
    tree = Tree.load(kept)
    assert tree.words == tuple(vocabulary.words)
    assert (tree.children == huffman(vocabulary.counts).children).all()
    assert ran.json["paths"] == {"cat": {"code": tree.path("cat").code, "nodes": list(tree.path("cat").nodes)}}
    assert ran.json["expected_depth"] == pytest.approx(tree.describe(vocabulary.counts).expected_depth)
    assert 0 <= ran.json["excess_bits"] < 1
    assert "Crème" in picture.read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["huffman", "balanced", "classes", "random"])
def test_kinds(invoke: Invoke, corpus_file: Path, kind: str) -> None:
    ran = invoke("tree", corpus_file, "--kind", kind, "--path", "the")
    lines = dict(line.rsplit("\t", 1) for line in ran.out.splitlines())
    assert lines["words"] == str(len(Corpus(str(corpus_file), cache=False).vocabulary))
    assert ran.out.splitlines()[-1].startswith("the\t")


def test_labels_of_ones_own(invoke: Invoke, corpus_file: Path, tmp_path: Path) -> None:
    words = list(Corpus(str(corpus_file), cache=False).vocabulary.words)
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps({"first": words[:4], "second": words[4:]}), encoding="utf-8")
    ran = invoke("tree", corpus_file, "--kind", "nested", "--labels", labels, "--path", words[5], "--json")
    assert ran.json["paths"][words[5]]["code"] == "11"
    labels.write_text(json.dumps({"first": words[:-1]}), encoding="utf-8")
    refused = invoke("tree", corpus_file, "--kind", "nested", "--labels", labels).refused()
    assert f"{words[-1]!r} is in the vocabulary but not in the nesting" in refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--kind", "nested"], "--kind nested needs --labels FILE"),
        (["--labels", "x.json"], "--labels x.json is for --kind nested, not huffman"),
        (["--classes", "3"], "--classes 3 is for --kind classes, not huffman"),
        (["--rows", "1"], "--rows is 1"),
        (["--kind", "classes", "--classes", "999"], "num_classes is 999"),
        (["--kind", "random", "--seed", "-1"], "seed is -1"),
        (["--path", "unicorn"], "unicorn"),
        (["-o", "no/such/folder/t"], "no/such/folder"),
        (["--kind", "fir"], "fir"),
    ],
)
def test_bad_options(invoke: Invoke, corpus_file: Path, options: list[str], message: str) -> None:
    assert message in invoke("tree", corpus_file, *options).refused()
