"""The figures of the methods, one per recipe, each computed by the library itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from figures import characters, clustered, exact_layers, normalisers, sampling


@dataclass(frozen=True)
class MethodFigure:
    """The numbers of a figure, and how to draw them.

    Attributes:
        numbers: computes them, as plain data; seeded.
        draw: the figure of these numbers.
    """

    numbers: Callable[[], dict[str, Any]]
    draw: Callable[[dict[str, Any]], Figure]


FIGURES: dict[str, MethodFigure] = {
    "softmax": MethodFigure(exact_layers.softmax_numbers, exact_layers.softmax_figure),
    "hierarchical-softmax": MethodFigure(exact_layers.hierarchical_numbers, exact_layers.hierarchical_figure),
    "clustered-hierarchical": MethodFigure(clustered.fan_out_numbers, clustered.fan_out_figure),
    "clustered-classes": MethodFigure(clustered.class_numbers, clustered.class_figure),
    "two-level": MethodFigure(exact_layers.two_level_numbers, exact_layers.two_level_figure),
    "differentiated": MethodFigure(exact_layers.differentiated_numbers, exact_layers.differentiated_figure),
    "adaptive": MethodFigure(exact_layers.adaptive_numbers, exact_layers.adaptive_figure),
    "cnn-softmax": MethodFigure(characters.cnn_numbers, characters.cnn_figure),
    "char-lstm": MethodFigure(characters.lstm_numbers, characters.lstm_figure),
    "importance-sampling": MethodFigure(sampling.importance_numbers, sampling.importance_figure),
    "adaptive-importance-sampling": MethodFigure(sampling.adaptive_numbers, sampling.adaptive_figure),
    "target-sampling": MethodFigure(sampling.target_numbers, sampling.target_figure),
    "sampled-softmax": MethodFigure(sampling.sampled_numbers, sampling.sampled_figure),
    "nce": MethodFigure(normalisers.nce_numbers, normalisers.nce_figure),
    "negative-sampling": MethodFigure(normalisers.negative_numbers, normalisers.negative_figure),
    "self-normalised": MethodFigure(normalisers.self_normalised_numbers, normalisers.self_normalised_figure),
    "infrequent-normalisation": MethodFigure(normalisers.infrequent_numbers, normalisers.infrequent_figure),
}
"""By the name of the recipe."""
