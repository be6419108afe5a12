"""Measure the value of a good tree: the same words and tree shape, with a sensible and a shuffled arrangement.

A hierarchical softmax is only as good as its tree: siblings should be predictable from the same hidden vector. Here the
task is to predict a word from the previous one, on the English documentation that ships with every Python.

The sensible tree groups words that are used in similar ways: word vectors are trained on the same text, and the words
are recursively divided along the direction in which their vectors differ most, with half of the text in each part. The
shuffled tree has the same shape, but words have swapped places with others of about the same frequency, so path lengths
and unigram probabilities are the same, and only the *meaning* of the arrangement is lost. A plain softmax, which needs
no tree, is the baseline.

    python examples/good_tree_bad_tree.py

takes a minute or two, needs the extra `torch`, and downloads nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from vastmax import train_embeddings
from vastmax.head import Head
from vastmax.optim import RowAdagrad
from vastmax.output import Dense, Hierarchical
from vastmax.text import Corpus, Vocabulary
from vastmax.text.builtin import python_documentation
from vastmax.tree import Tree, nested

SMALLEST_BLOCK = 4  # words of neighbouring rank that may trade places; further down a quarter of the rank

Nesting = list["str | Nesting"]


def sensible_nesting(words: list[str], vectors: NDArray[np.float32], counts: NDArray[np.int64]) -> str | Nesting:
    """Divide words recursively along the first principal component of their vectors, at half of their total count."""
    if len(words) == 1:
        return words[0]
    centred = vectors - vectors.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    order = np.argsort(centred @ directions[0], kind="stable")
    mass = counts[order].cumsum()
    cut = int(np.clip(np.searchsorted(mass, mass[-1] / 2) + 1, 1, len(words) - 1))
    halves = (order[:cut], order[cut:])
    return [sensible_nesting([words[i] for i in half], vectors[half], counts[half]) for half in halves]


def exchanged(words: list[str], seed: int) -> dict[str, str]:
    """Return each word's partner among those of about the same frequency; `words` are in count order."""
    rng = np.random.default_rng(seed)
    partner: dict[str, str] = {}
    while len(partner) < len(words):
        start = len(partner)
        block = words[start : start + max(SMALLEST_BLOCK, start // 4)]
        partner.update(zip(block, rng.permutation(block).tolist(), strict=True))
    return partner


def renamed(nesting: str | Nesting, partner: dict[str, str]) -> str | Nesting:
    """Return the same nesting with every word replaced by its partner."""
    return partner[nesting] if isinstance(nesting, str) else [renamed(part, partner) for part in nesting]


@dataclass(frozen=True)
class Result:
    """The result of one head on held-out text."""

    name: str
    nats: float  # per word
    by_depth: list[float]  # nats per word lost at each depth of the tree
    path: float | None  # expected decisions a word

    @property
    def perplexity(self) -> float:
        """exp of the loss."""
        return float(np.exp(self.nats))


class NextWord(nn.Module):
    """p(word | the word before it): a vector for the word before, a head for the word."""

    def __init__(self, vocab_size: int, head: Head) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, head.hidden_size, sparse=True)
        nn.init.normal_(self.embedding.weight, std=0.5)
        self.head = head

    def forward(self, previous: torch.Tensor, word: torch.Tensor) -> torch.Tensor:
        """Return the loss in nats."""
        loss: torch.Tensor = self.head(self.embedding(previous), word)
        return loss


def pairs_of(corpus: Corpus, vocabulary: Vocabulary) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (training, held-out) pairs of adjacent words, (n, 2); every tenth paragraph is held out."""
    ids, offsets = np.asarray(corpus.ids, dtype=np.int64), np.asarray(corpus.sentence_offsets)
    pairs = np.stack([ids[:-1], ids[1:]], axis=1)
    within = np.ones(len(pairs), dtype=bool)
    within[offsets[1:-1] - 1] = False  # no pair straddles two paragraphs
    held_out = (np.searchsorted(offsets, np.arange(len(pairs)), side="right") - 1) % 10 == 0
    known = (pairs < len(vocabulary)).all(axis=1) & within
    return torch.from_numpy(pairs[known & ~held_out]), torch.from_numpy(pairs[known & held_out])


def batches(pairs: torch.Tensor, size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batches in a new random order."""
    for batch in torch.split(pairs[torch.randperm(len(pairs))], size):
        yield batch[:, 0], batch[:, 1]


def train_and_evaluate(
    name: str, output: Dense | Hierarchical, train: torch.Tensor, held_out: torch.Tensor, *, epochs: int, seed: int
) -> Result:
    """Train a model with this output layer, then measure it on the held-out pairs."""
    torch.manual_seed(seed)
    model = NextWord(output.vocab_size, Head(output))
    optimiser = RowAdagrad(model.parameters(), lr=0.1)
    for _ in range(epochs):
        for previous, word in batches(train, 1024):
            optimiser.zero_grad()
            model(previous, word).backward()
            optimiser.step()
    model.eval()
    with torch.no_grad():
        hidden = model.embedding(held_out[:, 0])
        loss = model.head(hidden, held_out[:, 1]).item()
        if not isinstance(output, Hierarchical):
            return Result(name, loss, [], None)
        by_depth = output.loss_by_depth(hidden, held_out[:, 1]).tolist()
        path = output.tree.leaf_depths[held_out[:, 1].numpy()].mean()
    return Result(name, loss, by_depth, float(path))


def trees(corpus: Corpus, vocabulary: Vocabulary, *, seed: int) -> dict[str, Tree]:
    """Return the sensible tree and the shuffled one, over the words of the vocabulary."""
    min_count = int(vocabulary.counts.min())
    vectors = train_embeddings(corpus, vector_size=50, window=2, min_count=min_count, epochs=10, threads=1, seed=seed)
    words = list(vocabulary.words)
    unit = vectors.vectors / np.linalg.norm(vectors.vectors, axis=1, keepdims=True)
    rows = unit[[vectors.key_to_index[word] for word in words]]
    sensible = sensible_nesting(words, rows, np.asarray(vocabulary.counts))
    shuffled = renamed(sensible, exchanged(words, seed))
    return {"sensible": nested(sensible, words), "shuffled": nested(shuffled, words)}


def compare(
    corpus: Corpus, *, min_count: int = 20, hidden_size: int = 32, epochs: int = 3, seed: int = 1, softmax: bool = True
) -> list[Result]:
    """Train one model a tree (and one with the plain softmax) and report their losses on held-out text."""
    vocabulary = corpus.vocabulary.truncate(min_count=min_count)
    train, held_out = pairs_of(corpus, vocabulary)
    results = []
    for name, tree in trees(corpus, vocabulary, seed=seed).items():
        torch.manual_seed(seed)
        layer = Hierarchical(hidden_size, tree, counts=vocabulary.counts)
        results.append(train_and_evaluate(name, layer, train, held_out, epochs=epochs, seed=seed))
    if softmax:
        torch.manual_seed(seed)
        plain = Dense(hidden_size, len(vocabulary))
        results.append(train_and_evaluate("plain softmax", plain, train, held_out, epochs=epochs, seed=seed))
    return results


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hidden-size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    corpus = Corpus(python_documentation(), cache=False)
    results = compare(corpus, hidden_size=options.hidden_size, epochs=options.epochs, seed=options.seed)
    for result in results:
        path = f", {result.path:.1f} decisions per word" if result.path else ""
        print(f"{result.name:>14}: {result.nats:.3f} nats per word, perplexity {result.perplexity:.1f}{path}")
    print("\nnats lost at each depth of the tree")
    for depth, (sensible, shuffled) in enumerate(zip(results[0].by_depth, results[1].by_depth, strict=True)):
        print(f"{depth:>14}: sensible {sensible:.3f}, shuffled {shuffled:.3f}")
    gap = results[1].nats - results[0].nats
    print(f"\nThe sensible nesting is worth {gap:.3f} nats per word.")


if __name__ == "__main__":
    main()
