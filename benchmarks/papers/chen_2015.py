"""Chen, Grangier & Auli 2015, "Strategies for training large vocabulary neural language models", on the Penn Treebank.

    python benchmarks/papers/chen_2015.py [--runs NAME …] [--folder FOLDER] [--list]

One feed-forward model, every output layer and objective of the paper, the same CPU time for each, with each of a few
learning rates. The layer of classes is trained over random classes, classes by frequency, by k-means of word vectors,
and by k-means weighted by count. Variants tell why a method stands where it does: NCE with few noise words, and
target sampling with other words beside the targets. $VASTMAX_DATA/ptb holds the text. Model and time are smaller than
the paper's, which trained for days; still an hour and a quarter of CPU time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cache
from itertools import pairwise
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: time is counted, not waited for

from study import Run, run_study, study_parser, with_seed  # isort: skip
from texts import Texts, penn_treebank  # isort: skip

import numpy as np

from harness import write_record
from vastmax import tree
from vastmax.embedding import WordVectors, train_embeddings
from vastmax.encoder import FeedForward
from vastmax.head import Head
from vastmax.language_model import SENTENCE_END, LanguageModel, LanguageModelSettings
from vastmax.objective import NCE, SampledSoftmax, SelfNormalised
from vastmax.output import Dense, Differentiated, Hierarchical
from vastmax.proposal import TargetPartition, Unigram
from vastmax.tree.two_levels import two_levels

NAME = "paper_chen_2015"
QUESTION = "Which way to train a feed-forward language model is the best at equal time, with 10,000 words?"
HIDDEN_SIZE, EMBEDDING_SIZE, CONTEXT = 64, 64, 4
SETTINGS = LanguageModelSettings(minutes=3.0, num_streams=32, bptt=16, partition_size=2500)
BLOCKS = ((0.2, 32), (0.3, 20), (0.5, 12))
"""Of the differentiated softmax: the share of the words, most frequent first, and numbers that each has."""
TRIED_RATES = (0.1, 0.3)
OTHER_RATES = {
    "softmax": (0.3, 1.0),
    "d-softmax": (0.3, 1.0),
    "weak-normalisation": (0.03, 0.1, 0.3),
    "weak-normalisation-squared": (0.03, 0.1, 0.3),
}
"""Where the best rate is not expected, or was not found, between those: few passes over the text want high ones."""
OTHERS = 2500
"""Words drawn beside the partition of target sampling, in the variant that has such."""
NCE_SAMPLES = 1024
"""Shared by the batch."""
OWN_SAMPLES = 25
"""Of each example, in the variant of NCE that has such."""
ALPHA, FRACTION = 0.1, 0.1
"""Of infrequent normalisation: the weight of the penalty, and the share of examples that pay for it."""


def clusterings(texts: Texts, seed: int) -> dict[str, Callable[[], tree.Tree]]:
    """Return the classes that the paper compares: √V of them."""
    vocabulary = texts.vocabulary
    vocab_size = len(vocabulary)
    num_classes = round(vocab_size**0.5)

    def at_random() -> tree.Tree:
        sizes = np.diff(np.linspace(0, vocab_size, num_classes + 1).astype(np.int64))
        return two_levels(np.random.default_rng(seed).permutation(vocab_size), sizes)

    @cache
    def vectors() -> WordVectors:
        """By skip-gram, of the training text; the paper takes principal components of co-occurrence counts."""
        end = vocabulary.id(SENTENCE_END)
        words = np.array(list(vocabulary.words))
        sentences = [
            words[part].tolist() for part in np.split(texts.training, np.flatnonzero(texts.training == end) + 1)
        ]
        return train_embeddings(
            sentences, vector_size=EMBEDDING_SIZE, window=3, min_count=1, epochs=10, threads=1, seed=seed
        )

    def by_kmeans(counts: Any = None) -> tree.Tree:
        return tree.kmeans_classes(vectors(), vocabulary.words, num_classes=num_classes, counts=counts, seed=seed)

    return {
        "random": at_random,
        "frequency": lambda: tree.frequency_classes(vocabulary.counts, num_classes, mass="count"),
        "k-means": by_kmeans,
        "weighted k-means": lambda: by_kmeans(vocabulary.counts),
    }


def runs_of(texts: Texts, settings: LanguageModelSettings) -> list[Run]:
    """Return the methods of the paper's table, and its clusterings."""
    counts = texts.vocabulary.counts
    vocab_size = len(counts)

    def dense() -> Dense:
        return Dense(HIDDEN_SIZE, vocab_size)

    def differentiated() -> Differentiated:
        edges = (np.cumsum([0.0, *(share for share, _ in BLOCKS)]) * vocab_size).round().astype(int)
        return Differentiated(HIDDEN_SIZE, counts, np.diff(edges).tolist(), [width for _, width in BLOCKS])

    heads: dict[str, tuple[dict[str, Any], Callable[[], Head]]] = {
        "softmax": ({"method": "softmax"}, lambda: Head(dense())),
        "d-softmax": ({"method": "D-softmax", "blocks": BLOCKS}, lambda: Head(differentiated())),
        "target-sampling": (
            {"method": "target sampling", "partition_size": settings.partition_size},
            lambda: Head(dense(), SampledSoftmax(TargetPartition(vocab_size))),
        ),
        "target-sampling-others": (
            {"method": f"target sampling, and {OTHERS:,} other words", "partition_size": settings.partition_size},
            lambda: Head(dense(), SampledSoftmax(TargetPartition(vocab_size, num_others=OTHERS))),
        ),
        "nce": (
            {"method": "NCE", "K": NCE_SAMPLES, "shared": True},
            lambda: Head(dense(), NCE(Unigram(counts), NCE_SAMPLES)),
        ),
        "nce-own": (
            {"method": "NCE, 25 noise words of each example's own", "K": OWN_SAMPLES, "shared": False},
            lambda: Head(dense(), NCE(Unigram(counts), OWN_SAMPLES, shared=False)),
        ),
        "weak-normalisation": (
            {"method": "weak normalisation", "fraction": FRACTION},
            lambda: Head(dense(), SelfNormalised(ALPHA, FRACTION, penalty="log")),
        ),
        "weak-normalisation-squared": (
            {"method": "weak normalisation, squared", "fraction": FRACTION, "alpha": ALPHA},
            lambda: Head(dense(), SelfNormalised(ALPHA, FRACTION, penalty="squared")),
        ),
    }
    for kind, make in clusterings(texts, settings.seed).items():
        name = "hsm-" + kind.replace(" ", "-")
        heads[name] = (
            {"method": "HSM", "classes": kind},
            lambda make=make: Head(Hierarchical(HIDDEN_SIZE, make(), counts=counts)),
        )

    def builder(head: Callable[[], Head]) -> Callable[[], LanguageModel]:
        def build() -> LanguageModel:
            encoder = FeedForward(
                vocab_size,
                HIDDEN_SIZE,
                embedding_size=EMBEDDING_SIZE,
                context_size=CONTEXT,
                padding_id=texts.first_id,
            )
            return LanguageModel(encoder, head())

        return build

    return [
        Run(
            name,
            facts,
            builder(head),
            settings,
            tried_rates=OTHER_RATES.get(name, TRIED_RATES),
        )
        for name, (facts, head) in heads.items()
    ]


def claims(test: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return the paper's order of clusterings as a test of ours; `test` holds perplexities by run."""
    found = [test[f"hsm-{kind}"] for kind in ("random", "frequency", "k-means", "weighted-k-means")]
    return [
        {
            "claim": f"classes: {better} better than {worse}",
            "target": "perplexity / perplexity < 1",
            "found": b / a,
            "met": b < a,
        }
        for (worse, a), (better, b) in pairwise(
            zip(("random", "by frequency", "k-means", "weighted k-means"), found, strict=True)
        )
    ]


def main() -> None:
    options = study_parser(NAME, __doc__).parse_args()
    texts = penn_treebank()
    results = run_study(runs_of(texts, with_seed(SETTINGS, options)), texts, options)
    if results is None:
        return
    test = {result["name"]: result["test_perplexity"] for result in results}
    write_record(NAME, QUESTION, {"text": texts.facts(), "runs": results, "claims": claims(test)})


if __name__ == "__main__":
    main()
