"""Public functions with numbers that no one should pass: an `InputError`, or a result, and never what Python says."""

from __future__ import annotations

import inspect
import math
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vastmax import Corpus, Vocabulary, WordVectors, output, proposal, train_embeddings, tree
from vastmax.arguments import MOST_COUNT, real, shown, whole
from vastmax.compare import RaceSettings, advise
from vastmax.embedding.settings import require_memory_for_vectors
from vastmax.encoder.registry import ENCODERS
from vastmax.errors import InputError
from vastmax.language_model import LanguageModelSettings, ModelConfig
from vastmax.machine_memory import require_memory, usable_bytes
from vastmax.text import find_phrases

ODD_NUMBERS = (
    0,
    -1,
    10**20,
    2**63,
    10**5000,
    math.nan,
    math.inf,
    -math.inf,
    1e308,
    2.5,
    True,
    "3",
    None,
    [1],
    np.ones(2),
)
COUNTS = [5, 4, 3, 2, 1]
WORDS = ["aa", "bb", "cc", "dd", "ee"]


def _corpus() -> Corpus:
    return Corpus([["aa", "bb", "cc"], ["dd", "ee", "aa"]], cache=False)


def _vectors() -> WordVectors:
    return WordVectors(WORDS, np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32))


DOORS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "train_embeddings": (lambda **options: train_embeddings(_corpus(), **options), {"min_count": 1, "vector_size": 2}),
    "find_phrases": (lambda **options: find_phrases(_corpus(), **options), {}),
    "truncate": (Vocabulary(WORDS, COUNTS).truncate, {}),
    "huffman": (tree.huffman, {"counts": COUNTS}),
    "balanced": (tree.balanced, {"vocab_size": 5}),
    "random": (tree.random, {"vocab_size": 5}),
    "frequency_classes": (tree.frequency_classes, {"counts": COUNTS}),
    "clustered": (lambda **options: tree.clustered(_vectors(), **options), {}),
    "kmeans_classes": (lambda **options: tree.kmeans_classes(_vectors(), **options), {}),
    "most_similar": (lambda **options: _vectors().most_similar("aa", **options), {}),
    "analogy": (lambda **options: _vectors().analogy("aa", "bb", "cc", **options), {}),
    "advise": (lambda **options: advise(COUNTS, **options), {"hidden_size": 8}),
    "LanguageModelSettings": (LanguageModelSettings, {}),
    "RaceSettings": (RaceSettings, {"hidden_size": 8}),
    "ModelConfig": (ModelConfig, {"hidden_size": 8}),
    "Dense": (output.Dense, {"hidden_size": 4, "vocab_size": 5}),
    "Adaptive": (output.Adaptive, {"hidden_size": 4, "counts": COUNTS}),
    "Hierarchical": (output.Hierarchical, {"hidden_size": 4, "tree": tree.huffman(COUNTS)}),
    "CharCNN": (output.CharCNN, {"hidden_size": 4, "words": WORDS}),
    "CharLSTM": (output.CharLSTM, {"hidden_size": 4, "words": WORDS}),
    "Uniform": (proposal.Uniform, {"vocab_size": 5}),
    "Unigram": (proposal.Unigram, {"counts": COUNTS}),
    "LogUniform": (proposal.LogUniform, {"vocab_size": 5}),
    "InBatch": (proposal.InBatch, {"vocab_size": 5}),
}
"""Public names, and arguments with which they work."""

SIGNATURES = {
    "train_embeddings": train_embeddings,
    "find_phrases": find_phrases,
    "clustered": tree.clustered,
    "kmeans_classes": tree.kmeans_classes,
    "most_similar": WordVectors.most_similar,
    "analogy": WordVectors.analogy,
    "advise": advise,
}
"""Where the door above is a lambda."""


_NUMBER = re.compile(r"(int|float|None)( \| (int|float|None))*")


def _number_parameters(name: str) -> list[str]:
    function = SIGNATURES.get(name, DOORS[name][0])
    target = function.__init__ if inspect.isclass(function) else function
    hints = {each.name: str(each.annotation) for each in inspect.signature(target).parameters.values()}
    return [each for each, hint in hints.items() if _NUMBER.fullmatch(hint) and hint != "None"]


CASES = [(name, parameter) for name in DOORS for parameter in _number_parameters(name)]


def test_the_cases_are_read_from_signatures() -> None:
    assert {("train_embeddings", "vector_size"), ("clustered", "copies"), ("Dense", "hidden_size")} <= set(CASES)
    assert len(CASES) > 60


@pytest.mark.parametrize(("name", "parameter"), CASES, ids=lambda each: str(each))
def test_numbers_that_cannot_be_used(name: str, parameter: str) -> None:
    door, usual = DOORS[name]
    trouble = []
    for value in ODD_NUMBERS:
        try:
            door(**{**usual, parameter: value})
        except InputError as error:
            if len(str(error)) >= 400:
                trouble.append(f"{parameter}: a message of {len(str(error))} characters")
        except Exception as error:
            trouble.append(f"{parameter}={shown(value)}: {type(error).__name__}: {error}"[:200])
    assert not trouble, "\n".join(trouble)


def test_whole_and_real_take_numpy_and_name_what_they_refuse() -> None:
    assert (whole("n", np.int64(3), 1, None), type(whole("n", np.int64(3), 1, None))) == (3, int)
    assert type(real("x", np.float32(0.5), 0.0, 1.0)) is float
    for check, says in [
        (lambda: whole("n", 2**63, 1, None), "n is 9223372036854775808; expected at most 9223372036854775807"),
        (lambda: whole("n", 10**5000, 1, 5), "n is a whole number of 16,610 bits; expected a whole number from 1 to 5"),
        (lambda: whole("n", "x" * 1000, 1, 5), "n is 'xxx"),
        (lambda: real("x", 10**400, 0.0, 1.0), "x is a whole number of 1,329 bits; expected a number from 0 to 1"),
        (lambda: real("x", 0, 0.0, 1.0, above=True), "x is 0; expected a number above 0 and at most 1"),
    ]:
        with pytest.raises(InputError) as refused:
            check()
        assert str(refused.value).startswith(says)
        assert len(str(refused.value)) < 200


def test_counts_that_no_int64_can_add_up() -> None:
    """They came round to a sum of −2."""
    with pytest.raises(InputError, match=r"the counts add up to 18446744073709551614: at most 2\^63 − 1"):
        Vocabulary.from_counts({"a": MOST_COUNT, "b": MOST_COUNT})
    assert Vocabulary.from_counts({"a": MOST_COUNT - 1, "b": 1}).num_tokens == MOST_COUNT


def test_a_corpus_goes_through_pickle(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("a b a\nb c\n")
    for cache in (tmp_path / "cache", False):
        with Corpus(str(tmp_path / "text.txt"), cache=cache) as corpus:
            pickled = pickle.dumps(corpus)
            with pickle.loads(pickled) as again:
                assert again.ids.tolist() == corpus.ids.tolist()
                assert again.vocabulary == corpus.vocabulary
            assert corpus.read_ids(0, 2).tolist() == corpus.ids[:2].tolist()  # closing one leaves the other open
        with pytest.raises(InputError, match="was closed"):
            pickle.dumps(corpus)
    with pytest.raises(InputError, match=r"is gone.*read the text again"):
        pickle.loads(pickled)


def test_memory_is_asked_for_before_work(monkeypatch: pytest.MonkeyPatch) -> None:
    usable = usable_bytes()
    assert usable is None or usable > 1 << 28
    monkeypatch.setattr("vastmax.machine_memory.usable_bytes", lambda: 16 * 10**9)
    require_memory(16 * 10**9, "what fits", "nothing")
    with pytest.raises(
        InputError, match=r"vector_size 65,536 for 344,000 words needs at least 180\.4 GB of memory, but"
    ):
        require_memory_for_vectors(344_000, 65_536)
    for kind in ENCODERS.values():
        with pytest.raises(InputError, match=r"^hidden_size 1,000,000 with the encoder .* needs at least [\d,]+ GB of"):
            kind.require_memory(344_000, 1_000_000)
        kind.require_memory(1000, 64)
