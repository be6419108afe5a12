"""Figures of the objectives that control log Z: noise-contrastive ones, and self-normalization."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from figures.exact_layers import zipf
from figures.style import INK, METHOD, OTHER, QUIET, THIRD, label, panels, short_ticks
from figures.tiny_model import D, Model, text, train
from vastmax import RECIPES, Head
from vastmax.distribution.entropy import entropy_bits, perplexity_from_bits
from vastmax.objective import NegativeSampling, SelfNormalised
from vastmax.output import Dense
from vastmax.proposal import Noise, Unigram

VOCAB_SIZE = 2_000
HELD_OUT = 1_024
DEVLIN = {0.0: 5.02, 0.01: 1.35, 0.1: 0.68, 1.0: 0.28}
"""Mean |log Z| by α in Devlin et al. 2014."""


def nce_numbers() -> dict[str, Any]:
    """log Z on held-out text, and the loss with and without it, while NCE and sampled softmax train."""
    data = text(VOCAB_SIZE)
    window = data.valid[:HELD_OUT]
    found: dict[str, list[dict[str, float]]] = {}
    for name in ("nce", "sampled-softmax"):
        rows = found.setdefault(name, [])

        def look(model: Model, step: int, rows: list[dict[str, float]] = rows) -> None:
            log_z = model.log_normaliser(window).double()
            nats = model.exact_nats(window)
            rows.append(
                {
                    "step": step,
                    "mean": float(log_z.mean()),
                    "std": float(log_z.std()),
                    "nats": nats,
                    "raw_nats": nats - float(log_z.mean()),  # mean −s(t)
                }
            )

        def build(name: str = name) -> Head:
            return RECIPES[name].build(D, data.counts, num_samples=128)

        train(build, data, 1_000, every=100, look=look)
    return found


def nce_figure(numbers: dict[str, Any]) -> Figure:
    """Draw `nce_numbers`."""
    figure, (z, loss) = panels()
    for name, colour, words in (("sampled-softmax", OTHER, "sampled softmax"), ("nce", METHOD, "NCE, c = 0")):
        step, mean, std = (np.array([row[key] for row in numbers[name]]) for key in ("step", "mean", "std"))
        z.fill_between(step, mean - std, mean + std, color=colour, alpha=0.18, linewidth=0)
        z.plot(step, mean, "o-", color=colour, linewidth=2.6 if name == "nce" else 1.8)
        label(z, step[-1], mean[-1], f"{words}: {mean[-1]:.2f} ± {std[-1]:.2f}", colour, xytext=(0, 22), ha="right")
    z.set(xlabel="training steps")
    z.margins(y=0.2)
    z.set_title("log Z on held-out text, mean ± standard deviation")
    rows = numbers["nce"][1:]
    step = [row["step"] for row in rows]
    loss.plot(step, [row["nats"] for row in rows], "o-", color=METHOD, linewidth=2.6)
    loss.plot(step, [row["raw_nats"] for row in rows], "o-", color=THIRD, linewidth=1.8)
    loss.plot(step, [row["nats"] for row in numbers["sampled-softmax"][1:]], "o-", color=OTHER, linewidth=1.8)
    for key, colour, words, at, up in (
        ("nats", METHOD, "NCE, exact", 2, 14),
        ("raw_nats", THIRD, "NCE, −s(t) alone", 4, -15),
    ):
        label(loss, step[at], rows[at][key], words, colour, xytext=(6, up), bbox=None)
    last = numbers["sampled-softmax"][-1]["nats"]
    label(loss, step[-1], last, "sampled softmax, exact", OTHER, xytext=(0, 15), ha="right")
    loss.set(xlabel="training steps")
    loss.margins(y=0.15)
    loss.set_title("Held-out loss, nats per word")
    return figure


class Expected(Unigram):
    """Every word once with its expected count: the objective without sampling noise."""

    def draw(self, target: Any, num_samples: int, **more: Any) -> Noise:
        """See `Proposal.draw`."""
        word_ids = torch.arange(self.vocab_size)
        log_count = self.log_prob(word_ids).double() + math.log(num_samples)
        return Noise(word_ids, log_count, log_count[target], num_samples, False, log_count.exp())


def negative_numbers(*, K: int = 5) -> dict[str, Any]:
    """Return what negative sampling learns of a Zipf distribution without context, and two perplexities of it."""
    torch.set_num_threads(1)
    V = 1_000
    law = torch.from_numpy(zipf(V) / zipf(V).sum())
    noise = Expected(law, 0.75)
    head = Head(Dense(1, V, sparse_gradients=False, dtype=torch.float64), NegativeSampling(noise, K))
    assert isinstance(head.output, Dense)
    every, hidden = torch.arange(V), torch.zeros(V, 1, dtype=torch.float64)
    optimiser = torch.optim.LBFGS([head.output.bias], max_iter=400, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = (head(hidden, every, reduction="none") * law).sum()
        loss.backward()
        return loss

    optimiser.step(closure)
    score = head.output.bias.detach()
    q = noise.log_prob(every).double().exp()
    ranks = np.unique(np.geomspace(1, V, 24).astype(int)) - 1
    large = zipf(10_000) / zipf(10_000).sum()
    readings = {}
    for power in (0.75, 1.0):
        plain = large / large**power
        readings[f"softmax(s), Q ∝ count^{power:g}"] = float(np.exp(-(large @ np.log(plain / plain.sum()))))
    return {
        "rank": (ranks + 1).tolist(),
        "law": law[ranks].tolist(),
        "corrected": torch.softmax(score + q.log(), 0)[ranks].tolist(),
        "plain": torch.softmax(score, 0)[ranks].tolist(),
        "largest_error": float((score - (law / (K * q)).log()).abs().max()),
        "perplexity": {"softmax(s + log Q)": perplexity_from_bits(entropy_bits(zipf(10_000))), **readings},
        "K": K,
    }


def negative_figure(numbers: dict[str, Any]) -> Figure:
    """Draw `negative_numbers`."""
    figure, (law, bars) = panels(widths=(1.2, 1))
    x = numbers["rank"]
    law.plot(x, numbers["law"], color=QUIET, linewidth=6, alpha=0.45)
    law.plot(x, numbers["corrected"], "o", color=METHOD)
    law.plot(x, numbers["plain"], "o-", color=OTHER, linewidth=1.4)
    label(law, x[9], numbers["law"][9], "the text's law", QUIET, xytext=(12, 16))
    label(law, x[4], numbers["corrected"][4], "softmax(s + log Q)", METHOD, xytext=(-4, -20), ha="center")
    label(law, x[0], numbers["plain"][0], "softmax(s)", OTHER, xytext=(0, -20))
    law.set(xscale="log", yscale="log", xlabel="rank of the word")
    law.set_title(f"Learned probabilities (V = 1,000, K = {numbers['K']}, power ¾)")
    short_ticks(law, "x")
    names = list(numbers["perplexity"])
    values = list(numbers["perplexity"].values())
    bars.barh(range(len(names)), values, color=[METHOD, OTHER, OTHER], height=0.55)
    for row, (name, value) in enumerate(zip(names, values, strict=True)):
        label(bars, 0, row, name, INK, xytext=(0, 25), bbox=None)
        label(bars, value, row, f"{value:,.0f}", INK, xytext=(5, 0), bbox=None)
    bars.set_yticks([])
    bars.invert_yaxis()
    bars.grid(axis="y", visible=False)
    bars.set(xlim=(0, 12_000), ylim=(2.5, -0.75))
    short_ticks(bars, "x")
    bars.set_title("Perplexity at the optimum, V = 10,000")
    return figure


def _after_training(build: Callable[[], Head], steps: int) -> dict[str, float]:
    data = text(VOCAB_SIZE)
    window = data.valid[:HELD_OUT]
    model = train(build, data, steps)
    log_z = model.log_normaliser(window).double()
    return {
        "nats": model.exact_nats(window),
        "mean": float(log_z.mean()),
        "mean_abs": float(log_z.abs().mean()),
        "std": float(log_z.std()),
    }


def self_normalised_numbers() -> dict[str, Any]:
    """Mean |log Z| and the loss by α. α = 0 is the plain softmax from the same start, b = −log V."""
    V = len(text(VOCAB_SIZE).vocabulary)

    def build(alpha: float) -> Callable[[], Head]:
        # An α too small to matter in place of 0: the start, which the objective sets, stays the same.
        return lambda: Head(Dense(D, V), SelfNormalised(alpha or 1e-9))

    return {"rows": [{"alpha": a, **_after_training(build(a), 600)} for a in (0.0, 0.001, 0.01, 0.1, 1.0, 10.0)]}


def self_normalised_figure(numbers: dict[str, Any]) -> Figure:
    """Draw `self_normalised_numbers`."""
    figure, (z, loss) = panels()
    rows = numbers["rows"]
    place = {row["alpha"]: i for i, row in enumerate(rows)}
    ticks = [f"{a:g}" for a in place]
    values = [row["mean_abs"] for row in rows]
    z.plot(list(place.values()), values, "o-", color=METHOD, linewidth=2.6)
    z.plot([place[a] for a in DEVLIN], list(DEVLIN.values()), "s--", color=OTHER, linewidth=1.4)
    label(z, 0, values[0], "here", METHOD, xytext=(8, -12))
    label(z, 0, DEVLIN[0.0], "Devlin et al. 2014", OTHER, xytext=(9, 6))
    for a, value in DEVLIN.items():
        label(z, place[a], value, f"{value:g}", OTHER, xytext=(0, 12), ha="center", bbox=None) if a else None
    z.set(xlabel="α", yscale="log")
    z.set_title("Mean |log Z| on held-out text")
    z.set_ylim(0.03, 9)
    z.set_yticks([0.03, 0.1, 0.3, 1, 3], ["0.03", "0.1", "0.3", "1", "3"])
    z.tick_params(axis="y", which="minor", left=False)
    nats = [row["nats"] for row in rows]
    loss.plot(list(place.values()), nats, "o-", color=METHOD, linewidth=2.6)
    for i, value in enumerate(nats):
        label(loss, i, value, f"{value:.2f}", METHOD, xytext=(0, 12), ha="center", bbox=None)
    loss.set(xlabel="α", ylim=(min(nats) - 0.15, max(nats) + 0.25))
    loss.set_title("Held-out loss, nats per word")
    for axes in (z, loss):
        axes.set_xticks(range(len(ticks)), ticks)
    return figure


PENALTIES = {"likelihood": METHOD, "squared": OTHER, "log": THIRD}


def infrequent_numbers() -> dict[str, Any]:
    """log Z and the loss by the share γ of the examples that pay for log Z, for each penalty."""
    V = len(text(VOCAB_SIZE).vocabulary)

    def build(penalty: str, fraction: float) -> Callable[[], Head]:
        return lambda: RECIPES["infrequent-normalisation"].build(D, [1] * V, fraction=fraction, penalty=penalty)

    shares = [0.01, 0.03, 0.1, 0.3, 1.0]
    return {
        "fraction": shares,
        "penalties": {name: [_after_training(build(name, g), 400) for g in shares] for name in PENALTIES},
    }


def infrequent_figure(numbers: dict[str, Any]) -> Figure:
    """Draw `infrequent_numbers`."""
    figure, (z, loss) = panels()
    x = numbers["fraction"]
    for name, rows in numbers["penalties"].items():
        colour = PENALTIES[name]
        width = 2.6 if name == "likelihood" else 1.8
        mean, std, nats = (np.array([row[key] for row in rows]) for key in ("mean", "std", "nats"))
        z.fill_between(x, mean - std, mean + std, color=colour, alpha=0.15, linewidth=0)
        z.plot(x, mean, "o-", color=colour, linewidth=width)
        loss.plot(x, nats, "o-", color=colour, linewidth=width)
        label(z, x[-1], mean[-1], name, colour, xytext=(9, 0), bbox=None)
        lift = {"likelihood": 7, "log": -7}.get(name, 0)  # these two lie on each other
        label(loss, x[-1], nats[-1], name, colour, xytext=(9, lift), bbox=None)
    z.axhline(5, color=QUIET, linewidth=1, linestyle=(0, (4, 2)))
    label(z, x[0], 5, "1/(2α)", QUIET, xytext=(0, 8))
    for axes in (z, loss):
        axes.set(xscale="log", xlabel="γ, share of the examples that pay for log Z", xlim=(0.008, 4))
        axes.set_xticks(x, [f"{g:g}" for g in x])
        axes.tick_params(axis="x", which="minor", bottom=False)
    z.set_title("log Z on held-out text, mean ± standard deviation")
    loss.set_title("Held-out loss, nats per word")
    return figure
