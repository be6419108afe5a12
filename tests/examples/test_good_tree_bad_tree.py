"""The example runs, and on text whose words come in classes the tree of these classes is the better one."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from vastmax.text import Corpus

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "good_tree_bad_tree.py"
NUM_CLASSES, CLASS_SIZE = 8, 8


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("good_tree_bad_tree", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def classes() -> Corpus:
    """Paragraphs in which a word of one class is followed, nine times in ten, by some word of the next class."""
    rng = np.random.default_rng(0)
    paragraphs = []
    for _ in range(400):
        kind, words = int(rng.integers(NUM_CLASSES)), []
        for _ in range(40):
            kind = (kind + 1) % NUM_CLASSES if rng.random() < 0.9 else int(rng.integers(NUM_CLASSES))
            words.append(f"class{kind}word{rng.integers(CLASS_SIZE)}")
        paragraphs.append(words)
    return Corpus(paragraphs)


def test_the_sensible_tree_wins(example: ModuleType, classes: Corpus) -> None:
    uniform = np.log(NUM_CLASSES * CLASS_SIZE)
    gaps = []
    for seed in (1, 2, 3):  # what the tree saves varies from one training of the vectors to the next
        sensible, shuffled = example.compare(classes, min_count=1, hidden_size=4, epochs=3, softmax=False, seed=seed)
        assert sensible.nats < uniform - 0.5
        assert sum(sensible.by_depth) == pytest.approx(sensible.nats, abs=1e-3)
        gaps.append(shuffled.nats - sensible.nats)
    assert np.median(gaps) > 0.1
    assert min(gaps) > -0.05


def test_the_trees_have_one_shape_and_the_same_words(example: ModuleType, classes: Corpus) -> None:
    pair = example.trees(classes, classes.vocabulary, seed=2)
    sensible, shuffled = pair["sensible"], pair["shuffled"]
    assert sorted(sensible.words) == sorted(shuffled.words)
    assert (sensible.child_counts == shuffled.child_counts).all()
    assert ((sensible.children < 0) == (shuffled.children < 0)).all()
    assert not (sensible.children == shuffled.children).all()


def test_pairs_stay_within_a_paragraph_and_the_vocabulary(example: ModuleType) -> None:
    paragraphs = [["a", "b", "c"], ["c", "a"], *[["a", "b"]] * 9]
    corpus = Corpus(paragraphs)
    train, held_out = example.pairs_of(corpus, corpus.vocabulary.truncate(min_count=3))  # c is left out
    a, b = corpus.vocabulary.id("a"), corpus.vocabulary.id("b")
    assert held_out.tolist() == [[a, b]] * 2  # of the paragraphs 0 and 10
    assert train.tolist() == [[a, b]] * 8
