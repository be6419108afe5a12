"""Races made up for tests of what reads them: no training, every figure chosen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from vastmax.compare.results import Band, MethodResult, Point, Race

SECONDS = 60.0
UNIGRAM_NATS = math.log(700)

HOSTILE = [
    "</script>",
    "<!--<script>",
    "<img/src=x/onerror=alert(1)>",
    "\"quoted\"&'so'",
    "&lt;",
    "<!-- fill in: style -->",
    "\u2028",
    "\u202egnorw",
    "\ud83d",
    "שלום",
    "👩‍👩‍👧",
    "",
    "W" * 300,
    "${1}",
]


def finished(name: str, perplexity: float, *, words_per_second: float = 10_000.0, **more: Any) -> MethodResult:
    """A method that ended at a perplexity, its curve flat in the last third of its time."""
    seconds = more.pop("training_seconds", SECONDS)
    nats = math.log(perplexity)
    words = int(words_per_second * seconds)
    shape = ((0.0, UNIGRAM_NATS + 2.0), (0.2, nats + 0.8), (0.5, nats + 0.1), (0.66, nats), (1.0, nats))
    given: dict[str, Any] = {
        "rates": {"embedding_lr": 0.1, "dense_lr": 0.002},
        "trials": (
            {"embedding_lr": 0.1, "dense_lr": 0.002, "nats": nats + 1},
            {"embedding_lr": 1.0, "dense_lr": 0.02, "nats": None},
        ),
        "parameters": 2_000_000,
        "output_parameters": 1_000_000,
        "training_words": words,
        "training_seconds": seconds,
        "training_cpu_seconds": 1.1 * seconds,
        "evaluation_words": 100_000,
        "evaluation_seconds": 10.0,
        "peak_bytes": 300_000_000,
        "curve": tuple(
            Point(share * seconds, 1.1 * share * seconds, int(share * words), level) for share, level in shape
        ),
        "nats": nats,
        "bits_per_character": nats / math.log(2) / 5,
        "bands": (Band(0, 60_000, nats - 2), Band(100, 30_000, nats + 2), Band(1_000, 10_000, nats + 4)),
    }
    return MethodResult(name, "finished", **{**given, **more})


def race(*methods: MethodResult, text: Mapping[str, Any] | None = None, tree: Mapping[str, Any] | None = None) -> Race:
    """On a text of 100,000 validation words and 30,000 different ones, unless `text` says otherwise."""
    facts = {
        "sources": ["book.txt"],
        "validation_sources": ["its last 5 %"],
        "training_words": 2_000_000,
        "validation_words": 100_000,
        "vocabulary_size": 30_000,
        "unknown_share": 0.02,
        "entropy_bits": UNIGRAM_NATS / math.log(2),
        "unigram_perplexity": math.exp(UNIGRAM_NATS),
    }
    settings = {"encoder": "log-bilinear", "hidden_size": 64, "minutes": 1.0, "patience": None}
    machine = {"processor": "a processor", "cores": 2}
    return Race({**facts, **(text or {})}, settings, machine, methods, tree)


def full_race(words: Sequence[str] = ("the", "of")) -> Race:
    """Ten methods of all kinds: finished, failed, waiting, without figures, not normalised."""
    methods = (
        finished("softmax", 320, words_per_second=2_000, evaluation_seconds=40.0),
        finished("hierarchical-softmax", 180, words_per_second=70_000),
        finished("two-level", 200, words_per_second=50_000),
        finished("adaptive", 220, words_per_second=40_000, parameters=1_300_000, output_parameters=300_000),
        finished("sampled-softmax", 210, words_per_second=20_000, evaluation_seconds=40.0),
        finished(
            "nce", 260, words_per_second=21_000, unnormalised_nats=5.4, diagnostics={"log_normaliser_mean_abs": 0.2}
        ),
        finished("importance-sampling", 250, words_per_second=9_000, diagnostics={"ess_mean": 33.0, "ess_min": 11.0}),
        replace(finished("char-lstm", 4e6, words_per_second=8_000), normalised=False),
        MethodResult("cnn-softmax", "failed", error="RuntimeError: <b>no memory</b> & no hope"),
        MethodResult("differentiated"),
    )
    leaves = [{"words": [word], "share": 0.4 / len(words), "children": []} for word in words]
    tree = {
        "words": list(words),
        "share": 1.0,
        "children": [
            {"words": list(words), "share": 0.4, "children": leaves},
            {"words": ["rare", "rarer", "rarest", "last", "least"], "share": 0.6, "children": []},
        ],
    }
    return race(*methods, tree=tree)
