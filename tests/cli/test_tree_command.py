"""`vastmax tree`: figures on stdout, the tree and its picture in files, bad options refused before the text is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tiny_wordnet
from vastmax.embedding import WordVectors
from vastmax.text import Corpus
from vastmax.tree import Tree, clustered, huffman, kmeans_classes

Invoke = Callable[..., Any]  # the fixtures of conftest.py


def test_the_tree_is_kept_drawn_and_described(invoke: Invoke, corpus_file: Path, tmp_path: Path) -> None:
    kept, picture = tmp_path / "huffman.tree", tmp_path / "huffman.svg"
    ran = invoke("tree", corpus_file, "-o", kept, "--draw", picture, "--path", "cat", "--json")
    vocabulary = Corpus(str(corpus_file), cache=False).vocabulary
    tree = Tree.load(kept)
    assert tree.words == tuple(vocabulary.words)
    assert (tree.children == huffman(vocabulary.counts).children).all()
    assert ran.json["paths"] == {"cat": [{"code": tree.path("cat").code, "nodes": list(tree.path("cat").nodes)}]}
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
    assert ran.json["paths"][words[5]][0]["code"] == "11"
    labels.write_text(json.dumps({"first": words[:-1]}), encoding="utf-8")
    refused = invoke("tree", corpus_file, "--kind", "nested", "--labels", labels).refused()
    assert f"{words[-1]!r} is in the vocabulary but not in the nesting" in refused


def test_trees_from_vectors(invoke: Invoke, corpus_file: Path, vectors_file: Path) -> None:
    vectors = WordVectors.load(vectors_file)
    words = list(Corpus(str(corpus_file), cache=False).vocabulary.words)
    command = ("tree", corpus_file, "--vectors", vectors_file, "--path", "cat", "--json", "--kind")
    found = invoke(*command, "clustered", "--copies", "2", "--overlap", "0.3", "--seed", "5").json
    expected = clustered(vectors, words, copies=2, overlap=0.3, seed=5)
    assert found["num_leaves"] == expected.num_leaves >= 2 * len(words)
    assert [path["code"] for path in found["paths"]["cat"]] == [path.code for path in expected.word_paths("cat")]
    counts = Corpus(str(corpus_file), cache=False).vocabulary.counts
    found = invoke(*command, "clustered", "--split", "balanced", "--weigh").json
    assert (
        found["paths"]["cat"][0]["code"] == clustered(vectors, words, split="balanced", counts=counts).path("cat").code
    )
    found = invoke(*command, "kmeans", "--classes", "3").json
    assert found["max_children"] < len(words)
    assert found["paths"]["cat"][0]["code"] == kmeans_classes(vectors, words, num_classes=3).path("cat").code


def test_a_tree_of_meanings(invoke: Invoke, corpus_file: Path, tmp_path: Path) -> None:
    folder = tiny_wordnet.write(tmp_path / "dict")
    found = invoke("tree", corpus_file, "--kind", "wordnet", "--wordnet", folder, "-o", tmp_path / "t", "--json").json
    tree = Tree.load(tmp_path / "t")
    assert found["num_leaves"] == tree.vocab_size
    assert tree.labels is not None
    assert "not in WordNet" in tree.labels


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--kind", "nested"], "--kind nested needs --labels FILE"),
        (["--labels", "x.json"], "--labels x.json is for --kind nested, not huffman"),
        (["--classes", "3"], "--classes 3 is for --kind classes or kmeans, not huffman"),
        (["--kind", "clustered"], "--kind clustered needs --vectors FILE"),
        (["--kind", "kmeans"], "--kind kmeans needs --vectors FILE"),
        (["--kind", "kmeans", "--vectors", "x", "--copies", "2"], "--copies 2 is for --kind clustered, not kmeans"),
        (["--weigh"], "--weigh is for --kind clustered or kmeans, not huffman"),
        (["--kind", "wordnet", "--wordnet", "no/folder"], "no/folder is not a WordNet dictionary"),
        (["--mass", "count"], "--mass count is for --kind classes, not huffman"),
        (["--rows", "1"], "--rows is 1"),
        (["--kind", "classes", "--classes", "999"], "--classes is 999"),
        (["--kind", "random", "--seed", "-1"], "seed is -1"),
        (["--path", "unicorn"], "unicorn"),
        (["-o", "no/such/folder/t"], "no/such/folder"),
        (["--kind", "fir"], "fir"),
    ],
)
def test_bad_options(invoke: Invoke, corpus_file: Path, options: list[str], message: str) -> None:
    assert message in invoke("tree", corpus_file, *options).refused()
