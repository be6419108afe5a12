"""Checks of a head's arguments: its parts, weights, temperature, generator. `examples.py` has the others."""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from vastmax.arguments import real
from vastmax.distribution.counts import Counts, log_unigram
from vastmax.errors import InputError
from vastmax.objective.base import Objective
from vastmax.output.base import Output

Reduction = Literal["mean", "sum", "none"]


def check_reduction(reduction: object) -> None:
    """Raise InputError unless `reduction` is valid."""
    if reduction not in get_args(Reduction):
        raise InputError(f"reduction is {reduction!r}; expected 'mean', 'sum' or 'none'")


def check_parts(output: object, objective: object) -> None:
    """Raise InputError unless these are instances of an output layer and an objective."""
    if not isinstance(output, Output):
        found, fix = _kind(output), "such as output.Dense(hidden_size, vocab_size)"
        if isinstance(output, nn.Linear):
            fix = "pass output.Dense.from_linear(linear), which shares its parameters"
        raise InputError(f"output is {found}; expected an output layer of vastmax.output: {fix}")
    if objective is not None and not isinstance(objective, Objective):
        found, fix = _kind(objective), "such as objective.SampledSoftmax(proposal, num_samples)"
        if isinstance(objective, nn.CrossEntropyLoss):
            fix = "pass objective.CrossEntropy(); pass weight, label_smoothing and ignore_index when you call the head"
        raise InputError(f"objective is {found}; expected one of vastmax.objective: {fix}")


def _kind(value: object) -> str:
    return (
        f"the class {value.__name__}, not an instance" if isinstance(value, type) else f"of type {type(value).__name__}"
    )


def check_example_weight(example_weight: object, hidden: Tensor) -> None:
    """Raise InputError unless there is one weight per row of `hidden`, or None."""
    if example_weight is None:
        return
    expected = f"expected one number per example, a tensor {tuple(hidden.shape[:-1])}"
    if not isinstance(example_weight, Tensor):
        raise InputError(f"example_weight is of type {type(example_weight).__name__}; {expected}")
    if example_weight.shape != hidden.shape[:-1]:
        raise InputError(f"example_weight has shape {tuple(example_weight.shape)}; {expected}")


def checked_log_unigram(counts: Counts, vocab_size: int) -> Tensor:
    """Return log relative frequencies, (V,); raise InputError if the number of counts is not V."""
    logs = torch.from_numpy(log_unigram(counts))
    if len(logs) != vocab_size:
        raise InputError(f"counts has {len(logs)} words, but the output layer has {vocab_size}")
    return logs


def checked_temperature(temperature: float) -> float:
    """Return `temperature`; raise InputError unless it is above 0."""
    return real("temperature", temperature, 0.0, math.inf, above=True)


def check_search(search: object) -> None:
    """Raise InputError unless this is an index or None."""
    if search is not None and not all(hasattr(search, name) for name in ("topk", "sample", "normaliser")):
        raise InputError(
            f"search is of type {type(search).__name__}; expected an index of vastmax.search: search.Certified(head), "
            "or search.load(path, head)"
        )


def check_generator(generator: object) -> None:
    """Raise InputError unless this is a PyTorch generator or None."""
    if generator is not None and not isinstance(generator, torch.Generator):
        raise InputError(f"generator is of type {type(generator).__name__}; expected a torch.Generator or None")


def check_weighting(weight: Tensor | None, label_smoothing: float, *, vocab_size: int, refused_by: str | None) -> None:
    """Raise InputError unless these are valid for a loss over `vocab_size` words that `refused_by` does not exclude."""
    if not isinstance(label_smoothing, int | float) or not 0.0 <= label_smoothing <= 1.0:
        raise InputError(f"label_smoothing is {label_smoothing!r}; expected between 0 and 1")
    if weight is None and label_smoothing == 0.0:
        return
    if refused_by is not None:
        raise InputError(
            f"weight and label_smoothing apply to the exact loss, but in training {refused_by} has a different one: "
            "leave them out, or train with CrossEntropy"
        )
    if weight is not None and not isinstance(weight, Tensor):
        raise InputError(
            f"weight is of type {type(weight).__name__}; expected a torch.Tensor: pass torch.as_tensor(weight)"
        )
    if weight is not None and weight.shape != (vocab_size,):
        raise InputError(f"weight has shape {tuple(weight.shape)}; expected one per word, ({vocab_size},)")
