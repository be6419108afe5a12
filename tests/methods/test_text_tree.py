"""Trees that a text shapes: words that are alike are together, and every word has its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from contract import D, zipf_words
from vastmax import RECIPES, tree
from vastmax.errors import InputError
from vastmax.language_model.text import EncodedText
from vastmax.methods import text_tree
from vastmax.methods.tree_work import alike_classes, halved_node_masses
from vastmax.methods.words import Words
from vastmax.progress import Silent
from vastmax.text import Corpus, Vocabulary

METHODS = ("clustered-hierarchical", "clustered-classes")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    """Eight animals that do one thing, eight tools that do another."""
    random = np.random.default_rng(0)
    sentences = []
    for _ in range(3000):
        kind, verbs = (("animal", ("eats", "sleeps")), ("tool", ("cuts", "breaks")))[int(random.integers(2))]
        names = [f"{kind}{i}" for i in random.integers(8, size=2)]
        sentences.append([names[0], *verbs, names[1]])
    return Corpus(sentences, cache=False)


def test_words_that_are_alike_share_their_first_decision(corpus: Corpus) -> None:
    found = text_tree.clustered_text(corpus, of="it", split="balanced", weights="none")
    words = list(corpus.vocabulary.words)
    side = {word: found.path(words.index(word)).branches[0] for word in words}
    assert len({side[f"animal{i}"] for i in range(8)}) == 1
    assert len({side[f"tool{i}"] for i in range(8)}) == 1
    assert side["animal0"] != side["tool0"]


@pytest.mark.parametrize("name", METHODS)
def test_the_same_text_in_any_form_gives_the_same_tree(corpus: Corpus, name: str) -> None:
    vocabulary = corpus.vocabulary
    encoded = corpus.encode_with(vocabulary)
    trees = [RECIPES[name](D, source).output.tree for source in (corpus, encoded)]
    assert np.array_equal(trees[0].children, trees[1].children)
    assert np.array_equal(trees[0].child_counts, trees[1].child_counts)


def test_words_that_the_text_lacks_are_beside_the_rarest() -> None:
    counts = np.array([900, 800, 700, 600, 3, 0])
    ids = np.random.default_rng(1).choice(4, 3000).astype(np.int32)
    ids[[500, 1500, 2500]] = 4
    text = EncodedText(ids, Vocabulary(["a", "b", "c", "d", "rare", "<unk>"], counts, unknown="<unk>"))
    found = text_tree.clustered_text(text, of="it", split="balanced", weights="sqrt-count")
    assert found.vocab_size == 6
    assert found.path(4).nodes == found.path(5).nodes


def test_texts_that_say_nothing_give_the_huffman_tree() -> None:
    for sentences in ([["a"], ["b"], ["a"], ["c"]], [["a", "b", "a"]]):
        corpus = Corpus(sentences, cache=False)
        found = text_tree.clustered_text(corpus, of="it", split="balanced", weights="sqrt-count")
        assert np.array_equal(found.children, tree.huffman(corpus.vocabulary.counts).children)


@pytest.mark.parametrize("name", METHODS)
def test_no_text_is_refused_and_a_tree_takes_its_place(name: str, corpus: Corpus, tmp_path: Path) -> None:
    words = zipf_words(5)
    nothing = EncodedText(np.zeros(0, dtype=np.int32), Vocabulary(words.words, words.counts))
    with pytest.raises(InputError, match=f"{name!r} clusters the words of a text: pass a Corpus"):
        RECIPES[name](D, nothing)
    made = tree.balanced(5)
    assert RECIPES[name].build(D, words, tree=made).output.tree is made
    path = tmp_path / "tree"
    made.with_words(words.words).save(path)
    assert RECIPES[name].build(D, words, tree=str(path)).output.tree.vocab_size == 5
    with pytest.raises(InputError, match="weights is 'big'; choose 'sqrt-count', 'count', 'none'"):
        RECIPES[name].build(D, corpus, weights="big")


def test_a_tree_in_a_file_is_found_by_the_words(tmp_path: Path) -> None:
    path = tmp_path / "tree"
    tree.balanced(4).with_words(["d", "c", "b", "a"]).save(path)
    vocabulary = Vocabulary(["</s>", "a", "b", "c", "d"], [9, 4, 3, 2, 1])
    head = RECIPES["hierarchical-softmax"].build(D, vocabulary, tree=str(path))
    assert [head.output.tree.path(word).code for word in ("d", "a", "</s>")] == ["000", "011", "1"]


def test_hierarchical_softmax_clusters_where_there_is_a_text(corpus: Corpus) -> None:
    recipe = RECIPES["hierarchical-softmax"]
    vocabulary = corpus.vocabulary

    def codes(source: Any, **options: Any) -> list[str]:
        found = recipe.build(D, source, **options).output.tree
        return [found.path(word).code for word in range(len(vocabulary))]

    huffman, clustered = codes(vocabulary), codes(corpus)
    assert huffman == [tree.huffman(vocabulary.counts).path(word).code for word in range(len(vocabulary))]
    assert clustered != huffman
    assert clustered == codes(corpus.encode_with(vocabulary), tree="clustered")
    assert codes(corpus, tree="huffman") == huffman
    with pytest.raises(InputError, match="'hierarchical-softmax' clusters the words of a text: pass a Corpus"):
        recipe.build(D, vocabulary, tree="clustered")
    with pytest.raises((InputError, OSError)):  # a name of no file is not the default
        recipe.build(D, vocabulary, tree="")


def test_options_reach_the_tree(corpus: Corpus) -> None:
    build = RECIPES["clustered-hierarchical"].build
    assert int(build(D, corpus, fan_out=4).output.tree.child_counts.max()) == 4
    assert build(D, corpus, copies=2).output.tree.num_leaves == 2 * len(corpus.vocabulary)
    ids = np.random.default_rng(0).integers(200, size=4000)
    noise = Corpus([[f"w{i}" for i in ids]], cache=False)  # words that nothing tells apart
    assert build(D, noise, split="adaptive", overlap=0.4).output.tree.num_leaves > len(noise.vocabulary)
    with pytest.raises(InputError, match="only adaptive splits overlap"):
        build(D, corpus, split="balanced", overlap=0.4)
    classes = RECIPES["clustered-classes"].build(D, corpus, num_classes=3).output.tree
    assert int(classes.child_counts[0]) == 3


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("clustered-hierarchical", {"fan_out": 1}, "fan_out is 1"),
        ("clustered-hierarchical", {"overlap": 0.4}, "only adaptive splits overlap"),
        ("clustered-hierarchical", {"copies": 0}, "copies is 0"),
        ("clustered-classes", {"num_classes": 10**6}, "num_classes is 1000000"),
    ],
)
def test_options_are_checked_before_the_work(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch, name: str, options: dict[str, Any], message: str
) -> None:
    def begun(*_: Any) -> None:
        raise AssertionError("the vectors were begun")

    monkeypatch.setattr(text_tree, "_vectors", begun)
    with pytest.raises(InputError, match=message):
        RECIPES[name].build(D, corpus, **options)


def test_building_is_told(corpus: Corpus) -> None:
    class Told(Silent):
        phases: list[str]

        def __init__(self) -> None:
            self.phases = []

        def begin(self, phase: str, total: float | None, unit: str, done: float = 0.0) -> None:
            self.phases.append(phase)

    told = Told()
    make = RECIPES["clustered-hierarchical"].tree_from
    assert make is not None
    make(corpus, {}, told)
    assert told.phases == ["Vectors for the tree", "Clustering words for the tree"]


def test_the_cost_is_that_of_trees_that_halve_the_root_of_counts() -> None:
    words = Words(np.maximum(10_000 // np.arange(1, 3001), 1))
    masses = halved_node_masses(words)
    random = np.random.default_rng(0).normal(size=(3000, 4))
    made = tree.clustered(random, split="balanced", counts=words.counts**0.5)
    assert masses.sum() == pytest.approx(made.describe(words.counts).expected_depth, rel=0.1)
    sizes, class_masses = alike_classes(words, 100)
    assert (sizes.sum(), len(sizes)) == (3000, 100)
    assert class_masses.sum() == pytest.approx(1)
