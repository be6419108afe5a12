"""Defaults that a measurement decides: its record says what the guide says, and its script starts where it claims."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from vastmax.language_model import LanguageModelSettings
from vastmax.text import Vocabulary

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def script() -> Iterator[Any]:
    before = [*sys.path]
    sys.path[:0] = [str(ROOT / "benchmarks" / "papers"), str(ROOT / "benchmarks")]
    import default_rates

    yield default_rates
    sys.path[:] = before


@pytest.fixture(scope="module")
def perplexity() -> dict[tuple[Any, ...], float]:
    """By text, epochs, method, start and rate."""
    record = json.loads((ROOT / "benchmarks" / "records" / "default_rates.json").read_text(encoding="utf-8"))
    names = ("text", "epochs", "method", "start", "rate")
    return {tuple(run["facts"][name] for name in names): run["best_validation_perplexity"] for run in record["runs"]}


def test_the_default_rate_is_the_one_that_was_better(perplexity: dict[tuple[Any, ...], float]) -> None:
    default = LanguageModelSettings().embedding_lr
    pairs = [(perplexity[*of, default], perplexity[*of, rate]) for *of, rate in perplexity if rate == 0.1]
    assert len(pairs) >= 12
    assert all(at_default < before for at_default, before in pairs)


def test_the_unigram_law_was_the_better_start(perplexity: dict[tuple[Any, ...], float]) -> None:
    guide = (ROOT / "docs" / "guides" / "language-models.md").read_text(encoding="utf-8")
    assert "Biases that start at the unigram distribution were better at every rate" in guide
    pairs = [
        (perplexity[*of, method, "unigram", rate], perplexity[*of, method, "level", rate])
        for *of, method, start, rate in perplexity
        if start == "level" and method != "negative-sampling"
    ]
    assert len(pairs) >= 15
    assert all(unigram < level for unigram, level in pairs)
    one_pass = "ptb", 1, "negative-sampling"
    assert perplexity[*one_pass, "unigram", 0.3] == pytest.approx(perplexity[*one_pass, "level", 0.3], rel=0.01)


@pytest.mark.parametrize("method", ["softmax", "nce", "negative-sampling", "adaptive"])
def test_a_run_starts_where_it_says(script: Any, method: str) -> None:
    counts = [900 // rank for rank in range(1, 901)]
    vocabulary = Vocabulary(["</s>", *(f"w{i}" for i in range(899))], counts)
    hidden = torch.zeros(1, 64)

    def log_prob(start: str) -> Any:
        return script.Case("ptb", method, start, 0.1).build(vocabulary).head.log_prob(hidden)[0].detach()

    law = torch.tensor(counts) / sum(counts)
    torch.testing.assert_close(log_prob(script.UNIGRAM).exp(), law, rtol=1e-4, atol=0)
    level = log_prob(script.LEVEL)
    if method == "negative-sampling":  # all words as much likelier than noise
        law = law**0.75
        torch.testing.assert_close(level.exp(), law / law.sum(), rtol=1e-4, atol=0)
    else:
        assert float(level[0]) == pytest.approx(float(level[1]), abs=1e-5)
    if method in ("softmax", "nce"):
        assert float(level[-1]) == pytest.approx(-math.log(len(counts)), abs=1e-5)
