"""Compare fixed bigrams and trigrams with unigrams as the proposal of importance sampling.

    python benchmarks/fixed_ngrams.py [--tokens T] [--epochs E] [--batch-sizes N …] [--only CASE …]

One feed-forward language model on the beginning of Penn Treebank ($VASTMAX_DATA/ptb), V = 10,000, trained by
importance sampling with K draws per step and no fallback except for losses below 0, so that only the proposal makes a
difference. A batch shares its noise, drawn from the mean of the proposal over the contexts of the batch; for many
contexts this mean is almost the unigram distribution, so two batch sizes are compared, on the same text. "Late" changes
from unigrams to the fixed mixture after half of the training. Finally, held-out text gives the effective sample size,
the share of examples that would get the exact loss with ESS ≥ 10 required, and the gap to the exact loss.

The baselines are sampled softmax with as many draws and, at the larger batch size, exact training.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness import corpora, write_record
from vastmax import Corpus, Head
from vastmax.distribution.ngrams import NGrams
from vastmax.encoder import FeedForward
from vastmax.language_model import SENTENCE_END, LanguageModelSettings, training_text
from vastmax.objective import CrossEntropy, ImportanceSampling, Objective, SampledSoftmax
from vastmax.optim import clip_grad_norm_
from vastmax.output import Dense
from vastmax.proposal import AdaptiveBigram, NGram, Proposal, Unigram
from vastmax.training.pytorch.optimizers import optimizers_for

CONTEXT = 4  # words before the one to be predicted
TABLE_RATE, DENSE_RATE = 0.1, 2e-3  # at the start; both fall linearly to a tenth
GUARD = 10.0  # effective sample size of the guard that is asked about
BIGRAM = (0.9,)
HELD_OUT = 4_096  # examples asked for effective sample sizes
TRIGRAM = (0.4, 0.5)  # of pairs and triples; the rest is the unigrams'


@dataclass(frozen=True)
class Text:
    """Windows (n, CONTEXT + 1) of word ids, the word to be predicted last."""

    counts: NDArray[np.int64]
    pairs: NGrams
    triples: NGrams
    train: Tensor
    valid: Tensor


@dataclass(frozen=True)
class Case:
    """One training: its objective, and what it changes to half-way, if to anything."""

    name: str
    objective: Callable[[Text, int], Objective]
    later: Callable[[Text, int], Objective] | None = None


def importance(proposal: Callable[[Text], Proposal]) -> Callable[[Text, int], Objective]:
    return lambda text, K: ImportanceSampling(proposal(text), 0, K, block_size=K)


UNIGRAM = importance(lambda text: Unigram(text.counts))
FIXED_BIGRAM = importance(lambda text: NGram(text.counts, [text.pairs], BIGRAM))
FIXED_TRIGRAM = importance(lambda text: NGram(text.counts, [text.pairs, text.triples], TRIGRAM))
ADAPTIVE = importance(lambda text: AdaptiveBigram(text.counts, text.pairs))
CASES = (
    Case("unigram", UNIGRAM),
    Case("bigram", FIXED_BIGRAM),
    Case("trigram", FIXED_TRIGRAM),
    Case("bigram, late", UNIGRAM, FIXED_BIGRAM),
    Case("trigram, late", UNIGRAM, FIXED_TRIGRAM),
    Case("adaptive bigram", ADAPTIVE),
    Case("sampled softmax", lambda text, K: SampledSoftmax(Unigram(text.counts, unique=True), K)),
)
EXACT = Case("exact softmax", lambda text, K: CrossEntropy())


def penn_treebank(num_tokens: int) -> Text:
    """Return the first tokens of the training part, the validation part, and the n-grams of the former."""
    folder = corpora() / "ptb"
    with Corpus(folder / "ptb.train.txt", cache=False) as train, Corpus(folder / "ptb.valid.txt", cache=False) as valid:
        text = training_text(train, valid, min_count=1)
    ids, end = text.training[:num_tokens], text.vocabulary.id(SENTENCE_END)
    assert text.validation is not None
    V = len(text.vocabulary)
    counts = np.bincount(ids, minlength=V)
    whole = np.array([0, ids.size])
    pairs, triples = (NGrams.from_ids(ids, whole, V, order) for order in (2, 3))
    return Text(counts, pairs, triples, windows(ids, end), windows(text.validation, end))


def windows(ids: NDArray[np.int32], end: int) -> Tensor:
    padded = np.concatenate([np.full(CONTEXT, end), ids]).astype(np.int64)
    return torch.from_numpy(np.lib.stride_tricks.sliding_window_view(padded, CONTEXT + 1).copy())


class Model(torch.nn.Module):
    """A window of words to the loss of the next."""

    def __init__(self, encoder: FeedForward, head: Head) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head

    def hidden(self, window: Tensor) -> Tensor:
        return self.encoder.encode(self.encoder.embedding(window[:, None, :-1]))[:, 0]

    def forward(self, window: Tensor) -> Tensor:
        return self.head(self.hidden(window), window[:, -1], context=context_of(window))


def context_of(window: Tensor) -> dict[str, Tensor]:
    return {
        "previous_word_id": window[:, -2].contiguous(),
        "second_previous_word_id": window[:, -3].contiguous(),
    }


def nats(model: Model, window: Tensor) -> float:
    """Return the exact mean loss."""
    model.eval()
    with torch.no_grad():
        total = sum(float(model(part)) * len(part) for part in window.split(4096))
    model.train()
    return total / len(window)


def figures(model: Model, window: Tensor, batch_size: int, K: int) -> dict[str, float]:
    """Return figures of the proposal on held-out text, `batch_size` contexts sharing K draws; means over batches."""
    proposal = model.head.objective.proposal
    assert proposal is not None
    guarded = model.head.with_objective(ImportanceSampling(proposal, GUARD, K, block_size=K)).eval()
    found = []
    with torch.no_grad():
        for part in window.split(batch_size):
            found.append(guarded.diagnose(model.hidden(part), part[:, -1], context=context_of(part)))
    names = ("ess_mean", "fallback_share", "gap")
    return {name: round(float(np.mean([each[name] for each in found])), 4) for name in names}


def train(case: Case, text: Text, batch_size: int, options: argparse.Namespace) -> dict[str, Any]:
    torch.manual_seed(options.seed)
    V, D, K = len(text.counts), options.hidden_size, options.num_samples
    encoder = FeedForward(V, D, context_size=CONTEXT)
    model = Model(encoder, Head(Dense(D, V), case.objective(text, K)))
    optimisers = optimizers_for(model, LanguageModelSettings(embedding_lr=TABLE_RATE, dense_lr=DENSE_RATE))
    steps_an_epoch = len(text.train) // batch_size
    total, step, seconds = steps_an_epoch * options.epochs, 0, 0.0
    for epoch in range(options.epochs):
        order = torch.randperm(len(text.train), generator=torch.Generator().manual_seed(epoch))
        began = time.process_time()
        for batch in order[: steps_an_epoch * batch_size].split(batch_size):
            if case.later is not None and 2 * step == total - total % 2:
                model.head = model.head.with_objective(case.later(text, K))
            for optimiser, rate in optimisers:
                for group in optimiser.param_groups:
                    group["lr"] = rate * (1 - 0.9 * step / total)
            model(text.train[batch]).backward()
            clip_grad_norm_(model.parameters(), 1.0)
            for optimiser, _ in optimisers:
                optimiser.step()
                optimiser.zero_grad()
            step += 1
        seconds += time.process_time() - began
    sampled = isinstance(model.head.objective, ImportanceSampling)
    result = {
        "case": case.name,
        "batch_size": batch_size,
        "valid_perplexity": round(math.exp(nats(model, text.valid)), 1),
        "held_out": figures(model, text.valid[:HELD_OUT], batch_size, K) if sampled else None,
        "training_cpu_seconds": round(seconds),
    }
    print(result, flush=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=120_000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--hidden-size", type=int, default=64)
    parser.add_argument("--num-samples", type=int, default=256)
    parser.add_argument("--batch-sizes", type=int, nargs="*", default=[1024, 64])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", help="names of cases; nothing is recorded then")
    options = parser.parse_args()
    torch.set_num_threads(1)
    text = penn_treebank(options.tokens)
    results = []
    for batch_size in options.batch_sizes:
        for case in (*CASES, EXACT) if batch_size == max(options.batch_sizes) else CASES:
            if options.only is None or case.name in options.only:
                results.append(train(case, text, batch_size, options))
    if options.only is None:
        settings = {**vars(options), "context": CONTEXT, "bigram": BIGRAM, "trigram": TRIGRAM, "guard": GUARD}
        write_record(
            "fixed_ngrams",
            "Do fixed bigrams or trigrams beat unigrams as the proposal of importance sampling?",
            {"settings": settings, "results": results},
        )


if __name__ == "__main__":
    main()
