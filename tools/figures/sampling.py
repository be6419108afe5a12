"""Figures of the objectives that estimate log Z, or its gradient, from some words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from figures.style import METHOD, OTHER, QUIET, THIRD, label, panels, short, short_ticks
from figures.tiny_model import D, Model, text, train
from vastmax import RECIPES, Head
from vastmax.distribution.ngrams import NGrams
from vastmax.objective import ImportanceSampling, SampledSoftmax
from vastmax.output import Dense
from vastmax.proposal import AdaptiveBigram, NGram, Noise, Proposal, Unigram, partitions

RECORDS = Path(__file__).resolve().parents[2] / "benchmarks" / "records"
VOCAB_SIZE = 2_000
DRAWS = 256
LIFTS = {"unigram": (4, -11), "bigram": (4, -11), "trigram": (4, -11), "adaptive bigram": (10, 6)}


def record(name: str) -> dict[str, Any]:
    """Return the record of a benchmark."""
    found: dict[str, Any] = json.loads((RECORDS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def importance_numbers() -> dict[str, Any]:
    """Return the bias by K as recorded; ESS and what falls back while the small model is trained."""
    data = text(VOCAB_SIZE)
    window = data.valid[:1_024]
    rows: list[dict[str, float]] = []

    def look(model: Model, step: int) -> None:
        found = model.head.diagnose(model.hidden(window), window[:, -1], generator=torch.Generator().manual_seed(step))
        rows.append({"step": step, **{name: found[name] for name in ("ess_mean", "fallback_share")}})

    def build() -> Head:
        objective = ImportanceSampling(Unigram(data.counts), 10, 256, block_size=256)
        return Head(Dense(D, len(data.counts)), objective)

    train(build, data, 800, every=80, look=look)
    return {"laws": record("sampling_proposals")["groups"]["bias"]["laws"], "training": rows}


def importance_figure(numbers: dict[str, Any]) -> Figure:
    """Draw `importance_numbers`."""
    figure, (bias, ess) = panels()
    for (name, law), colour in zip(numbers["laws"].items(), (OTHER, METHOD, THIRD), strict=True):
        K = [row["K"] for row in law["by_K"]]
        bias.plot(K, [-row["first_order"] for row in law["by_K"]], color=colour, linewidth=1.4)
        bias.plot(K, [-row["bias"] for row in law["by_K"]], "o", color=colour)
        words = f"{name}\nΣp²/Q = {law['sum_p2_over_q']:.3g}"
        label(bias, K[1], -law["by_K"][1]["bias"], words, colour, xytext=(9, 12), bbox=None)
    bias.set(xscale="log", yscale="log", xlabel="K, words drawn", xlim=(12, 9e3))
    bias.set_xticks([16, 64, 256, 1_024, 4_096], ["16", "64", "256", "1,024", "4,096"])
    bias.tick_params(axis="x", which="minor", bottom=False)
    bias.set_title("Exact loss minus estimate, nats")
    steps = [row["step"] for row in numbers["training"]]
    size = [row["ess_mean"] for row in numbers["training"]]
    back = [100 * row["fallback_share"] for row in numbers["training"]]
    ess.plot(steps, size, "o-", color=METHOD, linewidth=2.6)
    ess.plot(steps, back, "o-", color=OTHER, linewidth=1.8)
    label(ess, steps[4], size[4], "effective sample size, of K = 256", METHOD, xytext=(6, 12))
    label(ess, steps[-1], back[-1], "% of examples that fall back", OTHER, xytext=(0, 13), ha="right")
    ess.set(xlabel="training steps", ylim=(0, 180))
    ess.set_title("As the model gets sharper than the unigrams")
    return figure


def adaptive_numbers() -> dict[str, Any]:
    """Return effective sample sizes of proposals by the number of contexts that share the draws; λ before and after."""
    data = text(VOCAB_SIZE)
    counts, ids = data.counts, data.train[:, -1].numpy()
    pairs, triples = (NGrams.from_ids(ids, [0, ids.size], len(counts), order) for order in (2, 3))

    def build() -> Head:
        objective = ImportanceSampling(AdaptiveBigram(counts, pairs), 0, DRAWS, block_size=DRAWS)
        return Head(Dense(D, len(counts)), objective)

    model = train(build, data, 500)
    learned = model.head.objective.proposal
    assert isinstance(learned, AdaptiveBigram)
    proposals = {
        "unigram": Unigram(counts),
        "bigram": NGram(counts, [pairs], [0.9]),
        "trigram": NGram(counts, [pairs, triples], [0.4, 0.5]),
        "adaptive bigram": learned,
    }
    sharing = [1, 4, 16, 64, 256]
    sizes = {
        name: [_mean_size(model, proposal, data.valid[: max(96, 2 * n)], n) for n in sharing]
        for name, proposal in proposals.items()
    }
    return {"K": DRAWS, "shared_by": sharing, "ess": sizes, "lambda": learned.bin_weights.tolist()}


def _mean_size(model: Model, proposal: Proposal, window: torch.Tensor, num_contexts: int) -> float:
    """Return the mean effective sample size of held-out examples, so many sharing the draws."""
    head = model.head.with_objective(ImportanceSampling(proposal, 0, DRAWS, block_size=DRAWS)).eval()
    generator, found = torch.Generator().manual_seed(0), []
    for part in window.split(num_contexts):
        with torch.no_grad():
            hidden = model.hidden(part)
        context = {"previous_word_id": part[:, -2], "second_previous_word_id": part[:, -3]}
        found.append(head.diagnose(hidden, part[:, -1], context=context, generator=generator)["ess_mean"])
    return float(np.mean(found))


def adaptive_figure(numbers: dict[str, Any]) -> Figure:
    """Draw `adaptive_numbers`."""
    figure, (ess, weight) = panels()
    colours = {"unigram": QUIET, "bigram": OTHER, "trigram": THIRD, "adaptive bigram": METHOD}
    x = numbers["shared_by"]
    for name, values in numbers["ess"].items():
        ess.plot(x, values, "o-", color=colours[name], linewidth=2.6 if name == "adaptive bigram" else 1.8)
        label(ess, x[0], values[0], name, colours[name], xytext=LIFTS[name], bbox=None)
    ess.set(xscale="log", xlabel="contexts that share the draws", ylim=(0, 155))
    ess.set_xticks(x, [str(n) for n in x])
    ess.tick_params(axis="x", which="minor", bottom=False)
    ess.set_title(f"Effective sample size of K = {numbers['K']}")
    bins = np.arange(len(numbers["lambda"]))
    weight.bar(bins, numbers["lambda"], color=METHOD, alpha=0.75, width=0.7)
    weight.axhline(0.5, color=QUIET, linewidth=1.2, linestyle=(0, (4, 2)))
    label(weight, bins[0] - 0.4, 0.5, "λ at the start", QUIET, xytext=(0, 9))
    weight.set(xlabel="times that the previous word occurs, at least", ylim=(0, 1))
    weight.set_xticks(bins[::2], [short(2**b) for b in bins[::2]])
    weight.grid(axis="x", visible=False)
    weight.set_title("λ after training: weight of the bigrams")
    return figure


def target_numbers() -> dict[str, Any]:
    """Return distinct targets along a text, and the probability mass of each partition's words."""
    data = text(5_000)
    batches = list(data.train[:, -1].split(256))[:400]
    limits = (500, 1_500)
    walks: dict[str, dict[str, list[float]]] = {}
    for limit in limits:
        walked, distinct, seen, last = [0], [0], 0, None
        words: set[int] = set()
        for partition, batch in partitions(batches, limit, lambda batch: batch):
            if partition is not last:
                walked, distinct, words, last = [*walked, seen], [*distinct, 0], set(), partition
            seen += len(batch)
            words |= set(batch.tolist())
            walked.append(seen)
            distinct.append(len(words))
        walks[str(limit)] = {"walked": walked, "distinct": distinct}
    every = torch.unique(torch.cat(batches))
    model = train(lambda: RECIPES["softmax"](D, data.counts), data, 600)
    window = data.train[: 400 * 256]
    shares = []
    for limit in (300, 500, 1_000, 1_500, 2_500, len(every)):
        first = [(partition, at) for at, (partition, _) in enumerate(partitions(batches, limit, lambda batch: batch))]
        inside, sizes = [], []
        for partition, at in first[:: len(first) // 12]:
            part = window[at * 256 : (at + 1) * 256]
            with torch.no_grad():
                p = model.head.log_prob(model.hidden(part)).exp()
            inside.append(float(p[:, partition.word_ids].sum(dim=1).mean()))
            sizes.append(len(partition.word_ids))
        shares.append({"size": float(np.mean(sizes)), "inside": float(np.mean(inside))})
    return {"walks": walks, "shares": shares, "vocab_size": len(data.counts)}


def target_figure(numbers: dict[str, Any]) -> Figure:
    """Draw `target_numbers`."""
    figure, (walk, share) = panels()
    for (limit, curve), colour in zip(numbers["walks"].items(), (OTHER, METHOD), strict=True):
        walk.plot(np.array(curve["walked"]) / 1e3, curve["distinct"], color=colour, linewidth=1.5)
        walk.axhline(int(limit), color=colour, linewidth=0.9, linestyle=(0, (4, 2)))
        closed = curve["distinct"].count(0) - 1
        label(walk, 100, int(limit), f"limit {int(limit):,}: {closed} partitions", colour, ha="right", xytext=(0, 9))
    walk.set(xlabel="thousands of words walked", ylim=(0, 1_850), xlim=(0, 103))
    walk.set_title("Distinct targets in the current partition")
    size = [row["size"] for row in numbers["shares"]]
    inside = [100 * row["inside"] for row in numbers["shares"]]
    share.plot(size, inside, "o-", color=METHOD, linewidth=2.6)
    share.fill_between(size, inside, 100, color=OTHER, alpha=0.18, linewidth=0)
    share.axhline(100, color=QUIET, linewidth=1.2, linestyle=(0, (4, 2)))
    label(share, size[0], 100, "words that are not pushed down", OTHER, xytext=(8, -12), bbox=None)
    share.set(xlabel=f"|V′|, words of a partition, of V = {numbers['vocab_size']:,}", ylim=(min(inside) - 5, 102))
    share.set_title("Probability that the model gives to V′, %")
    short_ticks(share, "x")
    return figure


class Uncorrected(Proposal):
    """A proposal that hides the expected counts of its words: the classic mistake."""

    def __init__(self, inner: Proposal) -> None:
        super().__init__()
        self.inner, self.vocab_size, self.unique = inner, inner.vocab_size, inner.unique

    def draw(self, target: Any, num_samples: int, **more: Any) -> Noise:
        """See `Proposal.draw`."""
        noise = self.inner.draw(target, num_samples, **more)
        return Noise(
            word_ids=noise.word_ids,
            log_expected_count=torch.zeros_like(noise.log_expected_count),
            target_log_expected_count=torch.zeros_like(noise.target_log_expected_count),
            num_samples=noise.num_samples,
            unique=noise.unique,
            multiplicity=noise.multiplicity,
        )

    def log_prob(self, word_ids: Any) -> Any:
        """See `Proposal.log_prob`."""
        return self.inner.log_prob(word_ids)


def sampled_numbers(*, repeats: int = 300) -> dict[str, Any]:
    """Return how far the mean gradient of SampledSoftmax is from the exact one, relative, by K."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    V, width, examples = 1_000, 16, 32
    counts = 1 / torch.arange(1, V + 1, dtype=torch.float64)
    layer = Dense(width, V, sparse_gradients=False, dtype=torch.float64)
    with torch.no_grad():  # a model that knows more than the unigrams
        layer.weight.normal_(std=0.3)
        layer.bias.copy_(counts.log())
    hidden = torch.randn(examples, width, dtype=torch.float64, requires_grad=True)
    target = torch.multinomial(layer.log_prob(hidden.detach()).exp(), 1)[:, 0]
    (exact,) = torch.autograd.grad(Head(layer)(hidden, target), hidden)
    unique, again = Unigram(counts, unique=True), Unigram(counts)
    ways = {
        "unique draws, corrected": SampledSoftmax(unique, 1),
        "with replacement, corrected": SampledSoftmax(again, 1),
        "no correction": SampledSoftmax(Uncorrected(unique), 1),
    }
    sizes = [8, 32, 128, 512, 1_000]
    errors: dict[str, list[float]] = {name: [] for name in ways}
    generator = torch.Generator().manual_seed(0)
    for name, objective in ways.items():
        head = Head(layer, objective)
        for K in sizes:
            objective.num_samples = K
            total = torch.zeros_like(exact)
            for _ in range(repeats):
                total += torch.autograd.grad(head(hidden, target, generator=generator), hidden)[0]
            errors[name].append(float((total / repeats - exact).norm() / exact.norm()))
    return {"vocab_size": V, "repeats": repeats, "K": sizes, "errors": errors}


def sampled_figure(numbers: dict[str, Any]) -> Figure:
    """Draw `sampled_numbers`."""
    figure, (axes,) = panels(1, height=4.3)
    K = numbers["K"]
    for (name, values), colour in zip(numbers["errors"].items(), (METHOD, THIRD, OTHER), strict=True):
        shown = [(k, v) for k, v in zip(K, values, strict=True) if v > 1e-6]
        axes.plot(*zip(*shown, strict=True), "o-", color=colour, linewidth=2.6 if colour == METHOD else 1.8)
        end = shown[-1]
        words = name if len(shown) == len(K) else f"{name}: exact at K = V"
        label(axes, *end, words, colour, xytext=(9, 0), bbox=None)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel=f"K, noise words, of V = {numbers['vocab_size']:,}",
        xlim=(7, 1.5e4),
        ylim=(1e-3, 1),
    )
    axes.set_xticks(K, [f"{k:,}" for k in K])
    axes.tick_params(axis="x", which="minor", bottom=False)
    axes.set_title(f"Distance of the mean gradient from the exact one, relative ({numbers['repeats']} draws)")
    axes.set_yticks([0.001, 0.01, 0.1, 1], ["0.1 %", "1 %", "10 %", "100 %"])
    return figure
