"""Figures of the character-based layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from figures.style import FOURTH, INK, METHOD, OTHER, QUIET, THIRD, label, panels, short_ticks
from figures.tiny_model import D, Model, Text, text, train
from vastmax import RECIPES, Head
from vastmax.objective import SampledSoftmax
from vastmax.output import CharCNN, CharLSTM, Dense
from vastmax.proposal import Unigram

VOCAB_SIZE = 3_000
FAMILIES = (
    ("return", "returns", "returned", "returning"),
    ("call", "calls", "called", "calling"),
    ("object", "objects"),
    ("raise", "raises", "raised", "raising"),
    ("method", "methods"),
    ("import", "imports", "imported", "importing"),
)
COLOURS = (METHOD, OTHER, THIRD, FOURTH, QUIET, "#b98a00")
PARAMETERS_AT = 512  # D of the parameters that are counted
LSTM_VOCAB_SIZE = 1_000
LSTM_STEPS = 1_000


def cnn_numbers() -> dict[str, Any]:
    """Return parameters by V, and the vectors of inflected words after some training, without correction and CNN."""
    data = text(VOCAB_SIZE)
    names = [word for family in FAMILIES for word in family]
    vectors = _vectors(data, names, spelled=True)
    middle = vectors.mean(axis=0)
    _, _, axes = np.linalg.svd(vectors - middle, full_matrices=False)
    places = (vectors - middle) @ axes[:2].T
    sizes = [10_000, 100_000, 1_000_000]
    return {
        "sizes": sizes,
        "parameters": {
            "Dense": [V * (PARAMETERS_AT + 1) for V in sizes],
            "CharCNN, correction D/8": [_parameters(V, None) for V in sizes],
            "CharCNN, no correction": [_parameters(V, 0) for V in sizes],
        },
        "place": dict(zip(names, places.tolist(), strict=True)),
        "cosine": {
            "CharCNN": _cosines(vectors, names),
            "Dense": _cosines(_vectors(data, names, spelled=False), names),
        },
    }


def _parameters(vocab_size: int, correction_size: int | None) -> int:
    """Return the parameters of a layer with this many words, from the difference that one more word makes."""
    of_two, of_three = (
        sum(p.numel() for p in CharCNN(PARAMETERS_AT, list(words), correction_size).parameters())
        for words in ("ab", "abc")
    )
    return of_two + (vocab_size - 2) * (of_three - of_two)


def _trained(data: Text, spelled: bool) -> Model:
    words, counts = list(data.vocabulary.words), data.counts

    def build() -> Head:
        layer = CharCNN(D, words, 0) if spelled else Dense(D, len(words))
        return Head(layer, SampledSoftmax(Unigram(counts, unique=True), 256))

    return train(build, data, 400)


def _vectors(data: Text, names: list[str], *, spelled: bool) -> NDArray[np.float64]:
    rows = torch.tensor([data.vocabulary.id(name) for name in names])
    model = _trained(data, spelled)
    with torch.no_grad():
        table = model.head.output.freeze().frozen_table if spelled else model.head.output.weight
        return (table - table.mean(dim=0))[rows].double().numpy()  # what all words share says nothing


def _cosines(vectors: NDArray[np.float64], names: list[str]) -> dict[str, float]:
    """Mean cosine of two forms of one word, and of words of different families."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    family = np.array([next(i for i, family in enumerate(FAMILIES) if name in family) for name in names])
    cosine, same = unit @ unit.T, family[:, None] == family[None, :]
    off = ~np.eye(len(names), dtype=bool)
    return {"forms of one word": float(cosine[same & off].mean()), "other words": float(cosine[~same].mean())}


def cnn_figure(numbers: dict[str, Any]) -> Figure:
    """Draw `cnn_numbers`."""
    figure, (cost, plane) = panels(widths=(1, 1.25))
    sides = {QUIET: (1, (6, 14), "right"), METHOD: (1, (-14, -18), "left"), THIRD: (0, (0, 17), "left")}
    for (name, values), colour in zip(numbers["parameters"].items(), (QUIET, METHOD, THIRD), strict=True):
        cost.plot(numbers["sizes"], values, "o-", color=colour, linewidth=2.6 if colour == METHOD else 1.8)
        at, offset, side = sides[colour]
        label(cost, numbers["sizes"][at], values[at], name, colour, xytext=offset, ha=side)
    cost.set(xscale="log", yscale="log", xlabel="V, words in the vocabulary", ylim=(1.5e5, 1.2e9), xlim=(7e3, 2e6))
    cost.set_title(f"Parameters (D = {PARAMETERS_AT})")
    cost.set_xticks(numbers["sizes"])
    short_ticks(cost, "x", "y")
    every = np.array([numbers["place"][word] for family in FAMILIES for word in family])
    span = np.ptp(every, axis=0)
    low, high = every.min(axis=0) - 0.08 * span, every.max(axis=0) + np.array([0.16, 0.08]) * span
    plane.set(xticks=[], yticks=[], xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    taken: list[Box] = []
    for family, colour in zip(FAMILIES, COLOURS, strict=True):
        points = np.array([numbers["place"][word] for word in family])
        plane.plot(points[:, 0], points[:, 1], "o-", color=colour, linewidth=1, alpha=0.9)
        for word, (x, y) in zip(family, points, strict=True):
            free = _free_place(taken, *((np.array([x, y]) - low) / (high - low)), word)
            label(plane, x, y, word, colour, fontsize=8.5, bbox=None, **free)
    plane.set_title("Trained vectors of inflected words, no correction")
    cosine = numbers["cosine"]
    says = "\n".join(
        f"{name}: cosine {found['forms of one word']:.2f} in a family, {found['other words']:.2f} across"
        for name, found in cosine.items()
    )
    plane.set_xlabel(says, color=INK, fontsize=9)
    return figure


Box = tuple[float, float, float, float]


def _free_place(taken: list[Box], x: float, y: float, word: str) -> dict[str, Any]:
    """Return a position where a label overlaps no previous one, assuming that a letter is 1/60 of the width."""
    width, height = 0.016 * len(word), 0.045
    for right, up in ((1, 1), (1, -1), (-1, 1), (-1, -1), (1, 3), (1, -3)):
        left = x + 0.015 if right > 0 else x - 0.015 - width
        box = (left, left + width, y + 0.02 * up - height / 2, y + 0.02 * up + height / 2)
        if all(box[0] > b[1] or box[1] < b[0] or box[2] > b[3] or box[3] < b[2] for b in taken):
            break
    taken.append(box)
    return {"ha": "left" if right > 0 else "right", "xytext": (6 * right, 6 * up)}


def lstm_numbers() -> dict[str, Any]:
    """Return the mass on V, and the effect of renormalizing, during the training of a small model."""
    data = text(LSTM_VOCAB_SIZE)
    words = list(data.vocabulary.words)
    window = data.valid[:: len(data.valid) // 48][:48]
    rows: list[dict[str, float]] = []

    def look(model: Model, step: int) -> None:
        layer = model.head.output
        assert isinstance(layer, CharLSTM)
        with torch.no_grad():
            hidden, target = model.hidden(window), window[:, -1]
            mass, string = layer.log_mass(hidden), layer.exact(hidden, target)[0]
        string_nats = -float(string.mean())
        rows.append(
            {
                "step": step,
                "mass": float(mass.exp().mean()),
                "string_nats": string_nats,
                "word_nats": string_nats + float(mass.mean()),
            }
        )

    def build() -> Head:
        return Head(CharLSTM(D, words, state_size=96))

    train(build, data, LSTM_STEPS, every=LSTM_STEPS // 10, look=look, dense_lr=0.03)
    plain = train(lambda: RECIPES["softmax"](D, data.counts), data, LSTM_STEPS)
    return {"rows": rows, "softmax_nats": plain.exact_nats(window), "vocab_size": len(words), "examples": len(window)}


def lstm_figure(numbers: dict[str, Any]) -> Figure:
    """Draw `lstm_numbers`."""
    figure, (mass, loss) = panels()
    steps = [row["step"] for row in numbers["rows"]]
    values = [100 * row["mass"] for row in numbers["rows"]]
    mass.plot(steps, values, "o-", color=METHOD, linewidth=2.6)
    mass.axhline(100, color=QUIET, linewidth=1.2, linestyle=(0, (4, 2)))
    label(mass, steps[-1], 100, "any normalized layer, and renormalized: 100 %", QUIET, ha="right", xytext=(0, -11))
    label(mass, steps[-1], values[-1], f"{values[-1]:.0f} %", METHOD, xytext=(-4, -16), ha="right")
    mass.set(xlabel="training steps", ylim=(0, 106))
    mass.set_title(f"Probability on the {numbers['vocab_size']:,} words of V, %")
    string, word = ([row[name] for row in numbers["rows"][1:]] for name in ("string_nats", "word_nats"))
    loss.fill_between(steps[1:], word, string, color=METHOD, alpha=0.15, linewidth=0)
    loss.plot(steps[1:], string, "o-", color=OTHER, linewidth=1.8)
    loss.plot(steps[1:], word, "o-", color=METHOD, linewidth=2.6)
    loss.axhline(numbers["softmax_nats"], color=QUIET, linewidth=1.2, linestyle=(0, (4, 2)))
    label(loss, steps[2], string[1], "as strings", OTHER, xytext=(8, 10))
    label(
        loss,
        steps[-1],
        word[-1],
        f"renormalized: {string[-1] - word[-1]:.2f} nats less",
        METHOD,
        ha="right",
        xytext=(0, -16),
    )
    label(loss, steps[1], numbers["softmax_nats"], "plain softmax after as many steps", QUIET, xytext=(0, -9))
    loss.set(xlabel="training steps")
    loss.margins(y=0.16)
    loss.set_title("Held-out loss, nats per word")
    return figure
