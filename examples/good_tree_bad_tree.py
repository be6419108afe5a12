"""What is a good tree worth? The same words, the same shape of tree, a sensible nesting against a shuffled one.

A hierarchical softmax is only as good as its tree: siblings should be predictable from the same hidden vector. Here the
task is to predict a word from the one before it, on the English documentation that every Python carries. One tree nests
words by what kind of word they are: articles, prepositions, words in -ing, plurals … The other has the same shape, but
words have traded places with others of about the same frequency, so that path lengths and unigram probabilities are
alike and only the *sense* of the nesting is gone. A plain softmax, which needs no tree, is the yardstick.

    python examples/good_tree_bad_tree.py

takes about a minute, wants the extra `torch`, and downloads nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from vastmax import Head
from vastmax.optim import RowAdagrad
from vastmax.output import Dense, Hierarchical
from vastmax.text import Corpus, Vocabulary
from vastmax.text.builtin import python_documentation
from vastmax.tree import Tree, nested

CLOSED_CLASSES = {
    "articles": "a an the this that these those each every any some no all both such its their his her our your my",
    "prepositions": "of in to for on with by from at as into over under between through after before during without "
    "within about against than via per like upon until since",
    "conjunctions": "and or but if when while because so whether where nor unless although though once",
    "pronouns": "it he she they we you i them him us me itself themselves one what which who whose there",
    "auxiliaries": "is are was were be been being has have had do does did can could may might must shall should will "
    "would cannot doesn't isn't don't can't won't",
    "adverbs": "not also only then here now just very more most less too even still never always already again",
}
SUFFIXES = "ing ed ly tion sion ment ness ity ance ence able ible ive al ous ful less er or ize ise ate ify est".split()
FREQUENCY_BLOCK = 30  # words of neighbouring rank that may trade places in the shuffled tree


def sensible_nesting(words: list[str]) -> dict[str, list[str]]:
    """Words by kind: the small classes of grammar by name, all others by their ending."""
    kind_of = {word: kind for kind, members in CLOSED_CLASSES.items() for word in members.split()}
    kinds: dict[str, list[str]] = {}
    for word in words:
        kinds.setdefault(kind_of.get(word) or _ending(word), []).append(word)
    return kinds


def _ending(word: str) -> str:
    for suffix in SUFFIXES:
        if word.endswith(suffix) and len(word) > len(suffix) + 2:
            return f"words in -{suffix}"
    if word.endswith("s") and not word.endswith("ss") and len(word) > 3:
        return "plurals and verbs in -s"
    return "short words" if len(word) <= 4 else "other words"


def shuffled_nesting(kinds: dict[str, list[str]], words: list[str], seed: int) -> dict[str, list[str]]:
    """The same nesting with words exchanged among others of about the same frequency; `words` are in count order."""
    rng = np.random.default_rng(seed)
    exchanged = {}
    for start in range(0, len(words), FREQUENCY_BLOCK):
        block = words[start : start + FREQUENCY_BLOCK]
        exchanged.update(zip(block, rng.permutation(block).tolist(), strict=True))
    return {kind: [exchanged[word] for word in members] for kind, members in kinds.items()}


@dataclass(frozen=True)
class Result:
    """How one head did on text it had not seen."""

    name: str
    nats: float  # a word
    by_depth: list[float]  # nats a word lost at each depth of the tree

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
        """The loss in nats."""
        loss: torch.Tensor = self.head(self.embedding(previous), word)
        return loss


def pairs_of(corpus: Corpus, vocabulary: Vocabulary) -> tuple[torch.Tensor, torch.Tensor]:
    """(training, held-out) pairs of neighbouring words, (n, 2); every tenth paragraph is held out."""
    ids, offsets = np.asarray(corpus.ids, dtype=np.int64), np.asarray(corpus.sentence_offsets)
    pairs = np.stack([ids[:-1], ids[1:]], axis=1)
    within = np.ones(len(pairs), dtype=bool)
    within[offsets[1:-1] - 1] = False  # no pair straddles two paragraphs
    held_out = (np.searchsorted(offsets, np.arange(len(pairs)), side="right") - 1) % 10 == 0
    known = (pairs < len(vocabulary)).all(axis=1) & within
    return torch.from_numpy(pairs[known & ~held_out]), torch.from_numpy(pairs[known & held_out])


def batches(pairs: torch.Tensor, size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batches in a new random order."""
    for batch in pairs[torch.randperm(len(pairs))].split(size):
        yield batch[:, 0], batch[:, 1]


def train_and_evaluate(
    name: str, output: Dense | Hierarchical, train: torch.Tensor, held_out: torch.Tensor, *, epochs: int, seed: int
) -> Result:
    """Train a model with this output layer, then measure it on the held-out pairs."""
    torch.manual_seed(seed)
    model = NextWord(output.vocab_size, Head(output))
    optimiser = RowAdagrad(model.parameters(), lr=0.1)
    for _ in range(epochs):
        for previous, word in batches(train, 512):
            optimiser.zero_grad()
            model(previous, word).backward()
            optimiser.step()
    model.eval()
    with torch.no_grad():
        hidden = model.embedding(held_out[:, 0])
        loss = model.head(hidden, held_out[:, 1]).item()
        by_depth = output.loss_by_depth(hidden, held_out[:, 1]).tolist() if isinstance(output, Hierarchical) else []
    return Result(name, loss, by_depth)


def trees(vocabulary: Vocabulary, *, seed: int) -> dict[str, Tree]:
    """The sensible tree and the shuffled one, over the words of the vocabulary."""
    words = list(vocabulary.words)
    kinds = sensible_nesting(words)
    return {"sensible": nested(kinds, words), "shuffled": nested(shuffled_nesting(kinds, words, seed), words)}


def compare(
    corpus: Corpus, *, min_count: int = 20, hidden_size: int = 32, epochs: int = 4, seed: int = 1, softmax: bool = True
) -> list[Result]:
    """Train one model a tree (and one with the plain softmax) and report their losses on held-out text."""
    vocabulary = corpus.vocabulary.truncate(min_count=min_count)
    train, held_out = pairs_of(corpus, vocabulary)
    results = []
    for name, tree in trees(vocabulary, seed=seed).items():
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
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    corpus = Corpus(python_documentation(), cache=False)
    vocabulary = corpus.vocabulary.truncate(min_count=20)
    for name, tree in trees(vocabulary, seed=options.seed).items():
        depth = tree.describe(vocabulary.counts)
        print(f"{name} tree: {depth.num_nodes} nodes, {depth.expected_scores:.0f} scores a word, {tree!r}")
    print()
    results = compare(corpus, hidden_size=options.hidden_size, epochs=options.epochs, seed=options.seed)
    for result in results:
        where = ", ".join(f"{nats:.3f} at depth {depth}" for depth, nats in enumerate(result.by_depth))
        print(f"{result.name:>14}: {result.nats:.3f} nats a word, perplexity {result.perplexity:6.1f}  {where}")
    gap = results[1].nats - results[0].nats
    print(f"\nThe sensible nesting is worth {gap:.3f} nats a word.")


if __name__ == "__main__":
    main()
