"""The interface of output layers: hidden vectors in, probabilities of words out.

Layers do not check their arguments: `hidden` is (N, D), `target` (N,) int64 in [0, V). `vastmax.Head` checks them and
flattens leading dimensions.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, Self

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from vastmax.errors import InputError
from vastmax.output.score_map import ScoreMap
from vastmax.tensors.numbers import require_law
from vastmax.tensors.random import Rng

_SCORES_AT_ONCE = 2**22
"""Maximum size of an (N, V) tile of scores that is reduced at a time."""


class Search(Protocol):
    """An index that finds the best words of a layer without reading all of them."""

    def topk(self, output: Output, hidden: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Return (log_prob, word_ids), both (N, k), best first."""

    def sample(
        self, output: Output, hidden: Tensor, *, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return one word per row, drawn from softmax(s/temperature), (N,) int64."""

    def normaliser(
        self, output: Output, hidden: Tensor, *, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return (log Z, its standard error), (N,) each."""


class Output(nn.Module, ABC):
    """A parameterization of p(w | h).

    Attributes:
        hidden_size: D, the width of the hidden vector.
        vocab_size: V, the number of words.
    """

    hidden_size: int
    vocab_size: int
    normalised: bool = True
    """Whether `log_prob` sums to one over the vocabulary."""
    is_sharded: bool = False
    """Whether each process holds a part of the words, and all of them ask together."""

    @property
    def traces_scores(self) -> bool:
        """Whether `logits`, `log_prob` of all words and `topk` can be part of a graph (`torch.compile`, export)."""
        return False

    @property
    def traces_exact(self) -> bool:
        """Whether `exact`, `exact_of` and `moments` can be part of a graph."""
        return False

    @property
    def traces_rows(self) -> bool:
        """Whether `traced_scores` is there, for sampled objectives in a graph."""
        return False

    @abstractmethod
    def exact(self, hidden: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return (target_score, log_normaliser), (N,) each, differentiable; the difference is log p(target | hidden).

        (N, V) is never stored. A factored layer returns (log p, 0). Results are in at least float32.
        """

    @abstractmethod
    def log_prob(self, hidden: Tensor, target: Tensor | None = None) -> Tensor:
        """Return log p of every word, (N, V), or of the targets, (N,)."""

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the scores of all words, (…, V), of `hidden` (…, D), like an `nn.Linear`."""
        scores = self.logits(hidden.reshape(-1, hidden.shape[-1]))
        return scores.reshape(*hidden.shape[:-1], self.vocab_size)

    def logits(self, hidden: Tensor) -> Tensor:
        """Return the score s(w) of every word, (N, V), whose softmax is p(w | h): log p in a factored layer."""
        return self.log_prob(hidden)

    def exact_of(self, hidden: Tensor, word_ids: Tensor) -> tuple[Tensor, Tensor]:
        """Return what `exact` does for several words per example: `word_ids` (N, M) → scores (N, M), log Z (N,)."""
        num_words = word_ids.shape[1]
        scores, log_normaliser = self.exact(hidden.repeat_interleave(num_words, dim=0), word_ids.reshape(-1))
        return scores.view(word_ids.shape), log_normaliser.view(word_ids.shape)[:, 0]

    def moments(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Return log Z of the scores and their mean under p, both (N,); their difference is the entropy of p."""
        log_normaliser, mean = self._by_tile(hidden, _moments_of).unbind(1)
        return log_normaliser, mean

    def weighted_score(self, hidden: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return Σ_w weight_w·s(w), (N,), for `weight` (V,) or ones, without storing (N, V)."""
        return self._by_tile(
            hidden, lambda scores: scores.sum(dim=1) if weight is None else scores @ weight.to(scores.dtype)
        )

    def mapped(self, score_map: ScoreMap) -> Output:
        """Return a layer with shared parameters whose probabilities are softmax(score_map(s))."""
        return _Mapped(self, score_map)

    def _by_tile(self, hidden: Tensor, reduce: Callable[[Tensor], Tensor]) -> Tensor:
        """Return `reduce` of the logits (n, V), tile by tile; under autograd, backward computes them again."""

        def of_rows(rows: Tensor) -> Tensor:
            return reduce(self.logits(rows))

        parts = []
        for rows in torch.split(hidden, max(1, _SCORES_AT_ONCE // self.vocab_size)):
            parts.append(checkpoint(of_rows, rows, use_reentrant=False) if torch.is_grad_enabled() else of_rows(rows))
        return torch.cat(parts)

    def initialise_bias(self, value: float | Tensor) -> bool:
        """Set the biases to `value`, a number or (V,) in id order, if there are any and all are zero.

        Returns:
            Whether they were set.
        """
        return False

    def remove_bias(self) -> None:
        """Remove the biases of words, if there are any."""

    def tie(self, weight: nn.Parameter) -> None:
        """Replace the weight by `weight` (V, D), which other modules may share.

        Raises:
            InputError: the layer does not have one vector of size D per word, or the shape differs.
        """
        raise InputError(
            f"{type(self).__name__} has no vector of size {self.hidden_size} for each of {self.vocab_size} words, so "
            "no weight can be tied: use a method with Dense, such as softmax or sampled-softmax"
        )

    @abstractmethod
    def topk(self, hidden: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Return the k best words, 1 ≤ k ≤ V: (log_prob, word_ids), (N, k) each, best first."""

    @abstractmethod
    def sample(self, hidden: Tensor, *, generator: Rng = None) -> Tensor:
        """Return one word per row, drawn from p(· | hidden): (N,) int64."""


class Rows(ABC):
    """The parameters of some words, gathered once; opaque to the objectives that score with them.

    `position` is an index into `word_ids`, not a word id.

    Attributes:
        word_ids: (U,) int64, sorted and distinct.
    """

    word_ids: Tensor

    @abstractmethod
    def score(self, hidden: Tensor, position: Tensor | None = None) -> Tensor:
        """Return scores of all rows, (N, U), or of the rows at distinct `position` (K,), (N, K): one matrix product.

        The caller may overwrite the result, so the backward pass must not use it. The same applies to `score_at`.
        """

    @abstractmethod
    def score_at(self, hidden: Tensor, position: Tensor) -> Tensor:
        """Return scores of each example for its own rows: `position` is (N,) or (N, M), as is the result."""

    def score_both(
        self, hidden: Tensor, noise_position: Tensor, target_position: Tensor, *, noise_shift: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return (`score(hidden, noise_position)` + noise_shift, `score_at(hidden, target_position)`), (N, K) and (N,).

        They are the scores of a step with shared noise; `noise_shift` (K,) is a constant. The caller may overwrite
        them. A layer overrides this method if the two are cheaper together.
        """
        noise_score = self.score(hidden, noise_position)
        if noise_shift is not None:
            noise_score = noise_score.add_(noise_shift)
        return noise_score, self.score_at(hidden, target_position)


@dataclass(frozen=True)
class NoiseStep:
    """A training step with noise words shared by the batch, whose loss a layer may compute itself.

    With x = s + `noise_shift` for noise words and t = s + `target_shift` for the target, "softmax" is
    −t + log(e^t + Σ e^x), and "logistic" is −log σ(t) − Σ `multiplicity`·log σ(−x).

    Attributes:
        kind: the loss.
        word_ids: (K,) int64, sorted and distinct.
        noise_shift: (K,), a constant; None for 0.
        target_shift: (N,), a constant; None for 0.
        multiplicity: (K,), a constant; None for 1. "logistic" only.
        mask_target: whether to leave out a noise word for examples whose target it is.
        target_among_noise: "softmax" only: whether e^t is in the sum already, as a noise word.
    """

    kind: Literal["softmax", "logistic"]
    word_ids: Tensor
    noise_shift: Tensor | None = None
    target_shift: Tensor | None = None
    multiplicity: Tensor | None = None
    mask_target: bool = False
    target_among_noise: bool = False


class FlatOutput(Output):
    """A layer that can score any word, so every objective can train it: p(w | h) ∝ exp s(w).

    Attributes:
        sparse_gradients: whether gradients through `select` are row-sparse or dense. Those through methods that read
            all words, such as `exact`, are always dense.
        score_shift: (V,) added to the scores, or None. See `shifted`.
        score_map: the map applied to scores before the softmax in every exact query, or None. See `mapped`.
    """

    sparse_gradients: bool
    score_shift: Tensor | None = None
    score_map: ScoreMap | None = None

    @abstractmethod
    def select(self, word_ids: Tensor) -> Rows:
        """Return the rows of `word_ids` (U,), sorted and distinct: one gather for targets and noise together."""

    def traced_scores(self, hidden: Tensor, noise_ids: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scores of shared noise (N, K) and of targets (N,) in a graph; noise may be repeated, in any order.

        Raises:
            NotImplementedError: `traces_rows` is False.
        """
        raise NotImplementedError

    def noise_loss(self, hidden: Tensor, target: Tensor, step: NoiseStep) -> Tensor | None:
        """Return the losses (N,) of `step`, or None if the layer has no kernel for it.

        Losses and gradients equal those that the objectives compute with `select`.
        """
        return None

    @abstractmethod
    def exact(self, hidden: Tensor, target: Tensor, *, normaliser_rows: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """See `Output.exact`; with `normaliser_rows` (n,) int64, distinct, log Z is (n,), of these rows only."""

    @abstractmethod
    def initialise_bias(self, value: float | Tensor) -> bool:
        """See `Output.initialise_bias`."""

    def shifted(self, shift: Tensor) -> Self:
        """Return a layer with shared parameters and `shift` (V,) added to its scores.

        It turns scores trained by negative sampling into likelihoods (`Objective.score_correction`).
        """
        view = copy.copy(self)
        view.score_shift = self.shifted_bias(shift)
        return view

    def shifted_bias(self, bias: Tensor | None, word_ids: Tensor | None = None) -> Tensor | None:
        """Return `bias` of the words `word_ids`, or of all, with `score_shift` added."""
        if self.score_shift is None:
            return bias
        shift = self.score_shift if word_ids is None else self.score_shift.index_select(0, word_ids)
        return shift if bias is None else bias + shift

    def mapped(self, score_map: ScoreMap) -> Self:
        """See `Output.mapped`."""
        view = copy.copy(self)
        view.score_map = score_map.after(self.score_map)
        return view


class _Mapped(Output):
    """A factored layer whose scores go through a map, so every query reads all words."""

    def __init__(self, layer: Output, score_map: ScoreMap) -> None:
        super().__init__()
        self.layer = layer
        self.score_map = score_map
        self.hidden_size, self.vocab_size = layer.hidden_size, layer.vocab_size

    def logits(self, hidden: Tensor) -> Tensor:
        return self.score_map(self.layer.logits(hidden))

    def exact(self, hidden: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        scores, log_normaliser = self.exact_of(hidden, target[:, None])
        return scores.squeeze(1), log_normaliser

    def exact_of(self, hidden: Tensor, word_ids: Tensor) -> tuple[Tensor, Tensor]:
        return self.score_map(self.layer.exact_of(hidden, word_ids)[0]), self.moments(hidden)[0]

    def log_prob(self, hidden: Tensor, target: Tensor | None = None) -> Tensor:
        if target is None:
            return self.logits(hidden).log_softmax(dim=1)
        score, log_normaliser = self.exact(hidden, target)
        return score - log_normaliser

    @torch.no_grad()
    def topk(self, hidden: Tensor, k: int) -> tuple[Tensor, Tensor]:
        log_prob, word_ids = self.layer.topk(hidden, k)  # maps are monotonic
        return self.score_map(log_prob) - self.moments(hidden)[0][:, None], word_ids

    @torch.no_grad()
    def sample(self, hidden: Tensor, *, generator: Rng = None) -> Tensor:
        def drawn(scores: Tensor) -> Tensor:
            require_law(scores)
            return torch.multinomial(scores.softmax(dim=1), 1, generator=generator).squeeze(1)

        return self._by_tile(hidden, drawn)


def _moments_of(scores: Tensor) -> Tensor:
    """Return (log Z, mean score) of scores (n, V), (n, 2)."""
    log_normaliser = scores.logsumexp(dim=1)
    share = (scores - log_normaliser[:, None]).exp()
    return torch.stack([log_normaliser, (share * scores).sum(dim=1)], dim=1)


@torch.no_grad()
def set_if_zero(biases: Sequence[Tensor], values: Sequence[float | Tensor]) -> bool:
    """Set each bias to its value if there are any and all are zero; return whether they were set."""
    # Nothing can be set on the meta device; the state that is loaded later has the values.
    if not biases or any(not bias.is_meta and bias.any() for bias in biases):
        return False
    for bias, value in zip(biases, values, strict=True):
        bias.copy_(torch.as_tensor(value))
    return True
