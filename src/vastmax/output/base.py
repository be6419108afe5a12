"""What an output layer is: hidden vectors in, probabilities of words out.

Layers trust their arguments: `hidden` is (N, D), `target` (N,) int64 in [0, V). `vastmax.Head` is the door where
arguments are checked and leading dimensions are flattened.
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
"""Log-probabilities (N, V) held together where all are added up."""


class Search(Protocol):
    """An index that finds the best words of a layer without looking at all of them."""

    def topk(self, output: Output, hidden: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """(log_prob, word_ids), both (N, k), best first."""

    def sample(
        self, output: Output, hidden: Tensor, *, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """One word a row of softmax(s/temperature), (N,) int64."""

    def normaliser(
        self, output: Output, hidden: Tensor, *, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """(log Z, its standard error), (N,) each."""


class Output(nn.Module, ABC):
    """p(w | h): parameters to probabilities, exactly.

    Attributes:
        hidden_size: D, the width of the hidden vector.
        vocab_size: V, the number of words.
        normalised: whether `log_prob` sums to one over the vocabulary.
    """

    hidden_size: int
    vocab_size: int
    normalised: bool = True

    @abstractmethod
    def exact(self, hidden: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """(target_score, log_normaliser), both (N,) and differentiable; their difference is log p(target | hidden).

        Never holds (N, V). A factored layer returns (log p, 0). Results are in at least float32.
        """

    @abstractmethod
    def log_prob(self, hidden: Tensor, target: Tensor | None = None) -> Tensor:
        """log p of every word, (N, V), or of the targets, (N,)."""

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the scores of all words, (…, V), of `hidden` (…, D), as an `nn.Linear` in the layer's place would."""
        scores = self.logits(hidden.reshape(-1, hidden.shape[-1]))
        return scores.reshape(*hidden.shape[:-1], self.vocab_size)

    def logits(self, hidden: Tensor) -> Tensor:
        """Return the score s(w) of every word, (N, V), whose softmax is p(w | h): log p itself in a factored layer."""
        return self.log_prob(hidden)

    def exact_of(self, hidden: Tensor, word_ids: Tensor) -> tuple[Tensor, Tensor]:
        """As `exact`, for several words of each example: `word_ids` (N, M) → scores (N, M), log_normaliser (N,)."""
        num_words = word_ids.shape[1]
        scores, log_normaliser = self.exact(hidden.repeat_interleave(num_words, dim=0), word_ids.reshape(-1))
        return scores.view(word_ids.shape), log_normaliser.view(word_ids.shape)[:, 0]

    def moments(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Return log Z of the scores and their mean under p, both (N,); their difference is the entropy of p."""
        log_normaliser, mean = self._by_tile(hidden, _moments_of).unbind(1)
        return log_normaliser, mean

    def weighted_score(self, hidden: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return Σ_w weight_w·s(w), (N,), `weight` (V,) or all ones, without holding (N, V)."""
        return self._by_tile(
            hidden, lambda scores: scores.sum(dim=1) if weight is None else scores @ weight.to(scores.dtype)
        )

    def mapped(self, score_map: ScoreMap) -> Output:
        """Return the same layer, sharing its parameters, whose scores go through `score_map`: softmax(map(s))."""
        return _Mapped(self, score_map)

    def _by_tile(self, hidden: Tensor, reduce: Callable[[Tensor], Tensor]) -> Tensor:
        """What `reduce` makes of the logits (n, V) of some examples at a time; under autograd they are made again."""

        def of_rows(rows: Tensor) -> Tensor:
            return reduce(self.logits(rows))

        parts = []
        for rows in torch.split(hidden, max(1, _SCORES_AT_ONCE // self.vocab_size)):
            parts.append(checkpoint(of_rows, rows, use_reentrant=False) if torch.is_grad_enabled() else of_rows(rows))
        return torch.cat(parts)

    def initialise_bias(self, value: float | Tensor) -> bool:
        """Set the biases to `value`, a number or (V,) in id order, if words have some and all are zero still.

        Returns:
            whether that was so.
        """
        return False

    def remove_bias(self) -> None:
        """Leave out the biases of words from now on; nothing to do where there are none."""

    def tie(self, weight: nn.Parameter) -> None:
        """Use `weight` (V, D) in place of the layer's own, shared with whoever else holds it.

        Raises:
            InputError: the layer has no vector of width D for each word, or of another shape.
        """
        raise InputError(
            f"{type(self).__name__} has no vector of width {self.hidden_size} for each of {self.vocab_size} words, and "
            "so no weight that could be tied: take a recipe over Dense, such as softmax or sampled-softmax"
        )

    @abstractmethod
    def topk(self, hidden: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """The k best words, 1 ≤ k ≤ V: (log_prob, word_ids), (N, k) each, best first."""

    @abstractmethod
    def sample(self, hidden: Tensor, *, generator: Rng = None) -> Tensor:
        """One word a row, drawn from p(· | hidden): (N,) int64."""


class Rows(ABC):
    """The parameters of some words, gathered once; the objectives score with them and never look inside.

    `position` counts within `word_ids`; it is not a word id.

    Attributes:
        word_ids: (U,) int64, sorted and distinct.
    """

    word_ids: Tensor

    @abstractmethod
    def score(self, hidden: Tensor, position: Tensor | None = None) -> Tensor:
        """Scores of every row, (N, U), or of the rows at `position` (K,) distinct, (N, K): one matrix product.

        The result is the caller's to overwrite: nothing may keep it for the backward pass. So with `score_at`.
        """

    @abstractmethod
    def score_at(self, hidden: Tensor, position: Tensor) -> Tensor:
        """Scores of each example with rows of its own: `position` (N,) or (N, M), the result has its shape."""

    def score_both(
        self, hidden: Tensor, noise_position: Tensor, target_position: Tensor, *, noise_shift: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """(`score(hidden, noise_position)` + noise_shift, `score_at(hidden, target_position)`), (N, K) and (N,).

        That is a step of noise that the batch shares; `noise_shift` (K,) is a constant. The results are the caller's to
        overwrite. A layer overrides this where the two are cheaper together.
        """
        noise_score = self.score(hidden, noise_position)
        if noise_shift is not None:
            noise_score = noise_score.add_(noise_shift)
        return noise_score, self.score_at(hidden, target_position)


@dataclass(frozen=True)
class NoiseStep:
    """A training step against noise words that the batch shares, whose loss a layer may compute by itself.

    With x = s + `noise_shift` of each noise word and t = s + `target_shift` of the target: "softmax" is
    −t + log(e^t + Σ e^x), "logistic" −log σ(t) − Σ `multiplicity`·log σ(−x).

    Attributes:
        kind: which loss.
        word_ids: (K,) int64, sorted and distinct.
        noise_shift: (K,), a constant; None for 0.
        target_shift: (N,), a constant; None for 0.
        multiplicity: (K,), a constant; None for 1. "logistic" only.
        mask_target: whether a noise word is left out for the example whose target it is.
    """

    kind: Literal["softmax", "logistic"]
    word_ids: Tensor
    noise_shift: Tensor | None = None
    target_shift: Tensor | None = None
    multiplicity: Tensor | None = None
    mask_target: bool = False


class FlatOutput(Output):
    """A layer that gives any word a score s(w), so that every objective trains it: p(w | h) ∝ exp s(w).

    Attributes:
        sparse_gradients: whether `select` gives row-sparse gradients (True) or dense ones (False). `exact` and
            everything else that touches all words gives dense ones in any case.
        score_shift: None, or (V,) to be added to the scores. See `shifted`.
        score_map: None, or what scores go through before the softmax, in every exact question. See `mapped`.
    """

    sparse_gradients: bool
    score_shift: Tensor | None = None
    score_map: ScoreMap | None = None

    @abstractmethod
    def select(self, word_ids: Tensor) -> Rows:
        """The rows of `word_ids` (U,), sorted and distinct: one gather for target and noise together."""

    def noise_loss(self, hidden: Tensor, target: Tensor, step: NoiseStep) -> Tensor | None:
        """The losses (N,) of `step`, gradients as from `select`, where the layer has a kernel for it; None: it has not.

        The objectives' own arithmetic on `select` is what it must equal.
        """
        return None

    @abstractmethod
    def exact(self, hidden: Tensor, target: Tensor, *, normaliser_rows: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """As `Output.exact`; `normaliser_rows` (n,) int64 distinct asks for log Z of these only: (N,), (n,)."""

    @abstractmethod
    def initialise_bias(self, value: float | Tensor) -> bool:
        """See `Output.initialise_bias`."""

    def shifted(self, shift: Tensor) -> Self:
        """The same layer, sharing its parameters, with `shift` (V,) added to its scores.

        Scores trained by negative sampling become likelihoods that way (`Objective.score_correction`).
        """
        view = copy.copy(self)
        view.score_shift = shift if self.score_shift is None else self.score_shift + shift
        return view

    def mapped(self, score_map: ScoreMap) -> Self:
        """See `Output.mapped`."""
        view = copy.copy(self)
        view.score_map = score_map.after(self.score_map)
        return view


class _Mapped(Output):
    """A layer that gives no scores of some words alone, seen through a map: what is asked looks at all words."""

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
        log_prob, word_ids = self.layer.topk(hidden, k)  # no map changes which scores are the highest
        return self.score_map(log_prob) - self.moments(hidden)[0][:, None], word_ids

    @torch.no_grad()
    def sample(self, hidden: Tensor, *, generator: Rng = None) -> Tensor:
        def drawn(scores: Tensor) -> Tensor:
            require_law(scores)
            return torch.multinomial(scores.softmax(dim=1), 1, generator=generator).squeeze(1)

        return self._by_tile(hidden, drawn)


def _moments_of(scores: Tensor) -> Tensor:
    """(log Z, mean score) of scores (n, V), (n, 2)."""
    log_normaliser = scores.logsumexp(dim=1)
    share = (scores - log_normaliser[:, None]).exp()
    return torch.stack([log_normaliser, (share * scores).sum(dim=1)], dim=1)


@torch.no_grad()
def set_if_zero(biases: Sequence[Tensor], values: Sequence[float | Tensor]) -> bool:
    """Set each of some biases to its value if all of them are zero still; whether they were, and there are any."""
    # On the meta device nothing is set yet, and nothing can be: the state that is loaded later says what they are.
    if not biases or any(not bias.is_meta and bias.any() for bias in biases):
        return False
    for bias, value in zip(biases, values, strict=True):
        bias.copy_(torch.as_tensor(value))
    return True
