"""Train a two-tower recommender with a softmax over all items or a sample of them, and with pairwise ranking.

A user tower and an item tower map to vectors of the same size; items are recommended by the cosine of the two. Trained
as a classifier over all items (a softmax with one class per item), this ranks well but costs O(items) per step. The
objectives that avoid the sum over the vocabulary in a language model avoid the sum over the catalog here: the script
compares the softmax over all items, over sampled items, and over in-batch items with log-Q correction with Bayesian
personalized ranking (Rendle et al. 2009).

    python examples/two_tower_gowalla.py FOLDER [--method full|sampled|in-batch|bpr …] [--epochs 20]

FOLDER (or $VASTMAX_DATA/gowalla) contains train.txt and test.txt with one line per user: the user's id, then the ids of
items, as in the Gowalla check-ins of He et al. (2020, LightGCN): 29,858 users, 40,981 items, 810,128 and 217,242 pairs.
Evaluation ranks *all* items for each user, except those of the user's training pairs.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from vastmax import Head, objective, output, proposal
from vastmax.errors import InputError
from vastmax.optim import RowAdam

METHODS = ("full", "sampled", "in-batch", "bpr")
RANKED = 20  # Recall@20 and NDCG@20
USERS_AT_ONCE = 512


@dataclass(frozen=True)
class Interactions:
    """Pairs of users and items.

    Attributes:
        user: (P,) int64, ascending.
        item: (P,) int64.
        num_users: users are 0 … num_users − 1.
        num_items: items likewise.
    """

    user: Tensor
    item: Tensor
    num_users: int
    num_items: int

    def of_first_users(self, fraction: float) -> Interactions:
        """Return the pairs of the first users only, this share of them; all items stay."""
        num_users = max(1, round(fraction * self.num_users))
        kept = self.user < num_users
        return Interactions(self.user[kept], self.item[kept], num_users, self.num_items)

    def items_of(self, first: int, last: int) -> tuple[Tensor, Tensor]:
        """(user − first, item) of the pairs of the users first … last − 1."""
        begin, end = torch.searchsorted(self.user, torch.tensor([first, last])).tolist()
        return self.user[begin:end] - first, self.item[begin:end]


def read(folder: Path) -> tuple[Interactions, Interactions]:
    """Return the training and the test pairs."""
    parts = []
    for name in ("train.txt", "test.txt"):
        path = folder / name
        if not path.is_file():
            raise InputError(f"{path} is missing; expected a folder with train.txt and test.txt, a line a user")
        with path.open(encoding="ascii") as lines:
            rows = [np.array(line.split(), dtype=np.int64) for line in lines]
        rows = [row for row in rows if row.size > 1]
        user = np.repeat([row[0] for row in rows], [row.size - 1 for row in rows])
        order = np.argsort(user, kind="stable")
        parts.append((user[order], np.concatenate([row[1:] for row in rows])[order]))
    num_users = 1 + max(int(user.max()) for user, _ in parts)
    num_items = 1 + max(int(item.max()) for _, item in parts)
    train, test = (
        Interactions(torch.from_numpy(user), torch.from_numpy(item), num_users, num_items) for user, item in parts
    )
    return train, test


class TwoTowers(nn.Module):
    """One vector per user and per item; scores are their cosine divided by a temperature.

    These towers use only ids; any networks with the same inputs and outputs can replace them.
    """

    def __init__(self, num_users: int, num_items: int, *, width: int, temperature: float) -> None:
        super().__init__()
        self.users = nn.Embedding(num_users, width, sparse=True)
        items = nn.Embedding(num_items, width, sparse=True)
        for embedding in (self.users, items):
            nn.init.normal_(embedding.weight, std=0.1)
        self.items = output.Given(items, width, num_items, temperature=temperature, cosine=True)


def objective_of(method: str, item_counts: NDArray[np.int64], num_samples: int) -> objective.Objective:
    """Return the objective of a method."""
    if method == "full":
        return objective.CrossEntropy()
    if method == "sampled":
        return objective.SampledSoftmax(proposal.Unigram(item_counts, unique=True), num_samples)
    if method == "in-batch":
        return objective.SampledSoftmax(proposal.InBatch(item_counts), accidental_hits="mask")
    raise InputError(f"method is {method!r}; expected one of {', '.join(METHODS)}")


class Ranking(nn.Module):
    """Bayesian personalised ranking: −log σ(s(item) − s(an item drawn uniformly)), the baseline that needs no head."""

    def __init__(self, items: output.Given) -> None:
        super().__init__()
        self.items = items

    def forward(self, hidden: Tensor, item: Tensor) -> Tensor:
        """Return the mean loss of a batch."""
        other = torch.randint(self.items.vocab_size, item.shape)
        item_ids, position = torch.unique(torch.cat([item, other]), return_inverse=True)
        rows = self.items.select(item_ids)
        score, other_score = (rows.score_at(hidden, part) for part in position.split(item.shape[0]))
        return -logsigmoid(score - other_score).mean()


class Trainer:
    """One method's model, loss and optimizer."""

    def __init__(
        self,
        method: str,
        train: Interactions,
        *,
        width: int = 64,
        temperature: float = 0.1,
        num_samples: int = 1024,
        learning_rate: float = 0.01,
        seed: int = 0,
    ) -> None:
        torch.manual_seed(seed)
        self.train = train
        self.model = TwoTowers(train.num_users, train.num_items, width=width, temperature=temperature)
        counts = np.bincount(train.item.numpy(), minlength=train.num_items)
        self.loss: nn.Module
        if method == "bpr":
            self.loss = Ranking(self.model.items)
        else:
            self.loss = Head(self.model.items, objective_of(method, counts, num_samples))
        self.optimizer = RowAdam(self.model.parameters(), lr=learning_rate)

    def step(self, pairs: Tensor) -> float:
        """One step on the training pairs of these positions; the loss."""
        self.optimizer.zero_grad()
        loss: Tensor = self.loss(self.model.users(self.train.user[pairs]), self.train.item[pairs])
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def epoch(self, batch_size: int) -> float:
        """Return all pairs once, in a new random order; the mean loss."""
        self.model.train()
        losses = [self.step(pairs) for pairs in torch.randperm(len(self.train.user)).split(batch_size)]
        return float(np.mean(losses))

    def recommend(self) -> Iterator[tuple[int, Tensor]]:
        """(first user, the best items (users, 20) of the users from there on), training items left out."""
        with torch.no_grad():
            items = self.model.items.freeze().frozen_table
            assert items is not None
            for first in range(0, self.train.num_users, USERS_AT_ONCE):
                last = min(first + USERS_AT_ONCE, self.train.num_users)
                scores = self.model.users.weight[first:last] @ items.T  # a user's length changes no ranking
                scores[self.train.items_of(first, last)] = -torch.inf
                yield first, scores.topk(min(RANKED, scores.shape[1]), dim=1).indices


@dataclass(frozen=True)
class Quality:
    """Means over the users with test items."""

    recall: float
    ndcg: float


def evaluate(trainer: Trainer, test: Interactions) -> Quality:
    """Recall@20, the share of a user's test items among the 20, and NDCG@20, each item worth 1/log2(rank + 1)."""
    discount = 1 / torch.log2(torch.arange(2, RANKED + 2, dtype=torch.float64))
    ideal = discount.cumsum(0)
    recalls, gains = [], []
    for first, best in trainer.recommend():
        users, items = test.items_of(first, first + best.shape[0])
        wanted = torch.zeros(best.shape[0], test.num_items, dtype=torch.bool)
        wanted[users, items] = True
        hit = wanted.gather(1, best).to(torch.float64)
        relevant = wanted.sum(dim=1)
        has_items = relevant > 0
        best_gain = ideal[relevant.clamp(1, RANKED) - 1]
        recalls.append((hit.sum(dim=1) / relevant)[has_items])
        gains.append(((hit @ discount[: best.shape[1]]) / best_gain)[has_items])
    return Quality(torch.cat(recalls).mean().item(), torch.cat(gains).mean().item())


def data_folder() -> Path | None:
    """$VASTMAX_DATA/gowalla, if that is set."""
    root = os.environ.get("VASTMAX_DATA")
    return Path(root) / "gowalla" if root else None


def main() -> None:
    """Train each method and print what its ranking is worth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=data_folder())
    parser.add_argument("--method", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--every", type=int, default=5, help="epochs between evaluations")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=2048)
    parser.add_argument("--num-samples", type=int, default=1024, help="of the sampled softmax")
    parser.add_argument("--temperature", type=float, default=0.1)
    parser.add_argument("--learning-rate", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.folder is None:
        parser.error("name the folder of the data, or set VASTMAX_DATA to the one above it")
    train, test = read(options.folder)
    for method in options.method:
        trainer = Trainer(
            method,
            train,
            width=options.width,
            temperature=options.temperature,
            num_samples=options.num_samples,
            learning_rate=options.learning_rate,
            seed=options.seed,
        )
        seconds = 0.0
        for epoch in range(1, options.epochs + 1):
            started = time.process_time()
            loss = trainer.epoch(options.batch_size)
            seconds += time.process_time() - started
            if epoch % options.every == 0 or epoch == options.epochs:
                quality = evaluate(trainer, test)
                print(
                    f"{method:>9}, epoch {epoch:2}: loss {loss:.4f}, Recall@20 {quality.recall:.4f}, "
                    f"NDCG@20 {quality.ndcg:.4f}, {seconds:.0f} CPU-seconds of training",
                    flush=True,
                )


if __name__ == "__main__":
    main()
