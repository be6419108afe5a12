"""Measure the value of the arrangement of words in a tree: the same model and text with different trees.

The corpus of Morin & Bengio (2005), the model and trees of Mnih & Hinton (2008): Brown with its 10,000 most frequent
words, and a log-bilinear model that predicts a word from the three previous ones. As in the second paper, clustered
trees are built from a first model with a random tree: a word's vector is the mean of the hidden vectors from which it
was predicted. The plain softmax is the baseline.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from harness import corpora, write_record
from vastmax import tree
from vastmax.head import Head
from vastmax.optim import RowAdagrad
from vastmax.output import Dense, Hierarchical
from vastmax.text import Corpus

VOCAB_SIZE = 10_000
CONTEXT = 3  # words before the one to be predicted
BATCH = 1024
LEARNING_RATE = 0.1  # in the first epoch; it falls linearly, epoch by epoch

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Text:
    """Windows (n, CONTEXT + 1) of word ids, the word to be predicted last; id V is the edge of a sentence."""

    words: list[str]
    counts: NDArray[np.int64]
    train: Tensor
    valid: Tensor
    test: Tensor


@dataclass(frozen=True)
class Result:
    """The result of one tree."""

    name: str
    valid_nats: list[float]  # after each epoch
    test_nats: float  # of the epoch that was best on the validation part
    leaves_a_word: float
    decisions: float  # expected, for one leaf
    training_cpu_seconds: float

    @property
    def perplexity(self) -> float:
        """exp of the loss."""
        return float(np.exp(self.test_nats))


class LogBilinear(nn.Module):
    """h = Σ_i C_i r(i-th word before) + c: a matrix for each place, no non-linearity (Mnih & Hinton 2007)."""

    def __init__(self, hidden_size: int, head: Head) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCAB_SIZE + 2, hidden_size, sparse=True)
        nn.init.normal_(self.embedding.weight, std=0.3)
        self.combine = nn.Linear(CONTEXT * hidden_size, hidden_size)
        self.head = head

    def hidden(self, windows: Tensor) -> Tensor:
        """(n, D) from (n, CONTEXT + 1)."""
        hidden: Tensor = self.combine(self.embedding(windows[:, :-1]).flatten(1))
        return hidden

    def forward(self, windows: Tensor) -> Tensor:
        """Return the loss in nats."""
        loss: Tensor = self.head(self.hidden(windows), windows[:, -1])
        return loss


def brown() -> Text:
    """Return the text; one sentence in ten is kept for validation and one for the test."""
    with Corpus(str(corpora() / "brown.txt"), cache=False) as corpus:
        vocabulary = corpus.vocabulary.truncate(max_size=VOCAB_SIZE)
        ids, offsets = np.array(corpus.ids, dtype=np.int64), np.array(corpus.sentence_offsets)
        words, counts = list(vocabulary.words), np.array(vocabulary.counts)
    unknown, edge = VOCAB_SIZE, VOCAB_SIZE + 1
    ids[ids >= VOCAB_SIZE] = unknown
    sentence = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    windows = np.full((len(ids), CONTEXT + 1), edge)
    windows[:, -1] = ids
    for back in range(1, CONTEXT + 1):
        same = np.zeros(len(ids), dtype=bool)
        same[back:] = sentence[back:] == sentence[:-back]
        windows[same, CONTEXT - back] = ids[np.flatnonzero(same) - back]
    known = ids < VOCAB_SIZE  # words outside the vocabulary are contexts, never targets

    def part(*rests: int) -> Tensor:
        return torch.from_numpy(windows[known & np.isin(sentence % 10, rests)])

    return Text(words, counts, part(*range(8)), part(8), part(9))


def nats(model: LogBilinear, windows: Tensor) -> float:
    """Return the mean loss."""
    model.eval()
    with torch.no_grad():
        total = sum(float(model(part)) * len(part) for part in torch.split(windows, 4096))
    model.train()
    return total / len(windows)


def train(
    name: str, make: Callable[[], Dense | Hierarchical], text: Text, options: argparse.Namespace
) -> tuple[Result, LogBilinear]:
    torch.manual_seed(options.seed)
    output = make()
    model = LogBilinear(options.hidden_size, Head(output))
    optimiser = RowAdagrad(model.parameters(), lr=LEARNING_RATE)
    valid, test, spent = [], [], 0.0
    for epoch in range(options.epochs):
        for group in optimiser.param_groups:
            group["lr"] = LEARNING_RATE * (1 - epoch / options.epochs)
        began = time.process_time()
        for batch in torch.split(text.train[torch.randperm(len(text.train))], BATCH):
            optimiser.zero_grad()
            model(batch).backward()
            optimiser.step()
        spent += time.process_time() - began
        valid.append(nats(model, text.valid))
        test.append(nats(model, text.test))
    described = output.tree.describe(text.counts) if isinstance(output, Hierarchical) else None
    result = Result(
        name,
        [round(x, 4) for x in valid],
        test[int(np.argmin(valid))],
        output.tree.num_leaves / VOCAB_SIZE if described else 1.0,
        described.expected_depth if described else 0.0,
        round(spent, 1),
    )
    print(
        f"{name:>32}: {result.test_nats:.4f} nats, perplexity {result.perplexity:6.1f}, "
        f"{result.leaves_a_word:.2f} leaves a word, {result.decisions:.1f} decisions, {spent:.0f} CPU-s",
        flush=True,
    )
    return result, model


def mean_hidden(model: LogBilinear, text: Text) -> Vectors:
    """For each word the mean of the hidden vectors before it in the training text; words not found there: the mean."""
    total = np.zeros((VOCAB_SIZE, model.head.hidden_size))
    times = np.zeros(VOCAB_SIZE)
    with torch.no_grad():
        for batch in torch.split(text.train, 65_536):
            np.add.at(total, batch[:, -1].numpy(), model.hidden(batch).numpy())
            times += np.bincount(batch[:, -1].numpy(), minlength=VOCAB_SIZE)
    everywhere = total.sum(axis=0) / times.sum()
    return np.where(times[:, None] > 0, total / np.maximum(times, 1)[:, None], everywhere).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hidden-size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", help="names of trees; nothing is recorded then")
    options = parser.parse_args()
    text = brown()
    counts = text.counts
    print(f"{len(text.train):,} words to train on, {len(text.valid):,} and {len(text.test):,} held out", flush=True)
    results = []

    def layer(t: tree.Tree) -> Callable[[], Hierarchical]:
        return lambda: Hierarchical(options.hidden_size, t, counts=counts)

    first, model = train("random", layer(tree.random(VOCAB_SIZE, options.seed)), text, options)
    results.append(first)
    vectors = mean_hidden(model, text)
    trees: dict[str, Callable[[], tree.Tree]] = {
        "balanced, by frequency": lambda: tree.balanced(VOCAB_SIZE),
        "Huffman": lambda: tree.huffman(counts),
        "clustered, balanced": lambda: tree.clustered(vectors, split="balanced"),
        "clustered, adaptive": lambda: tree.clustered(vectors),
        "clustered, halves of count": lambda: tree.clustered(vectors, split="balanced", counts=counts),
        "adaptive, overlap 0.4": lambda: tree.clustered(vectors, overlap=0.4),
        "adaptive, 2 copies": lambda: tree.clustered(vectors, copies=2),
        "adaptive, overlap 0.4, 2 copies": lambda: tree.clustered(vectors, overlap=0.4, copies=2),
        "WordNet": lambda: tree.wordnet(text.words, counts, corpora() / "wordnet"),
        "classes by frequency": lambda: tree.frequency_classes(counts),
        "classes by k-means": lambda: tree.kmeans_classes(vectors),
        "classes by weighted k-means": lambda: tree.kmeans_classes(vectors, counts=np.sqrt(counts)),
    }
    for name, build in trees.items():
        if options.only is None or name in options.only:
            results.append(train(name, layer(build()), text, options)[0])
    if options.only is None or "plain softmax" in options.only:
        results.append(train("plain softmax", lambda: Dense(options.hidden_size, VOCAB_SIZE), text, options)[0])
    if options.only is None:
        write_record(
            "tree_kinds",
            "How good a language model does each tree make, everything else being equal?",
            {
                "settings": {
                    **vars(options),
                    "corpus": "brown",
                    "context": CONTEXT,
                    "batch": BATCH,
                    "lr": LEARNING_RATE,
                },
                "results": [{**asdict(result), "perplexity": round(result.perplexity, 1)} for result in results],
            },
        )


if __name__ == "__main__":
    main()
