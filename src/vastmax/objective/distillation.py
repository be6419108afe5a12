"""Learning from another model's probabilities, instead of or in addition to the target words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from vastmax.arguments import MOST_SIZE, real, whole
from vastmax.errors import InputError
from vastmax.objective.base import Objective
from vastmax.output.base import Output
from vastmax.output.score_map import ScoreMap
from vastmax.proposal.base import Context
from vastmax.tensors.random import Rng

Direction = Literal["forward", "reverse"]

TEACHER_HIDDEN = "teacher_hidden"
TEACHER_WORD_IDS = "teacher_word_ids"
TEACHER_PROB = "teacher_prob"

_SCORES_AT_ONCE = 2**22
"""For student and teacher each, when all words are compared."""

_LEAST_LOG = math.log(1e-8)
"""A lower bound for log q, without which the reverse divergence could be infinite."""


class Distillation(Objective):
    """The divergence between the probabilities q of a teacher and p of the layer, both at temperature T.

    J = (1 − mix)·(−log p(t)) + mix·T²·KL, where KL is Σ_w q(w)·log(q(w)/p(w)) if "forward" (Hinton et al. 2015), or
    Σ_w p(w)·log(p(w)/q(w)) if "reverse", which seeks a mode (Gu et al. 2024). T² preserves the size of the gradient.

    If q is known for a few words only, the others form one event, with probabilities 1 − Σq and 1 − Σp. This is a lower
    bound of the divergence over all words, and needs no (N, V) numbers.

    The teacher's probabilities are either stored, `context={"teacher_word_ids": (…, M), "teacher_prob": (…, M)}`, with
    distinct ids padded with −1; or computed by a head, `context={"teacher_hidden": (…, D′)}`.

    Args:
        teacher: the head of a model that is not trained; not part of this objective's parameters or state, and not
            moved with it. None for stored probabilities, which are q at temperature T.
        num_words: M, the number of best words of the teacher to distinguish; None for all. Requires a teacher.
        direction: "forward" or "reverse".
        temperature: T > 0.
        mix: in [0, 1].

    Raises:
        InputError: values out of these ranges; a teacher with a different vocabulary; in a step, a context with wrong
            shapes, ids out of range, or invalid probabilities.

    Cost: M words: that of `CrossEntropy`, M rows per example, and the teacher's `topk`. All words: the scores of both
    layers in tiles of examples, computed twice; (V, D) gradients are added once per tile.

    Example: if the teacher is certain of one word, the loss is the cross-entropy with that word.
        >>> from vastmax.output import Dense
        >>> layer, hidden, target = Dense(4, 50), torch.ones(2, 4), torch.tensor([7, 7])
        >>> sure = {"teacher_word_ids": target[:, None], "teacher_prob": torch.ones(2, 1)}
        >>> loss = Distillation()(layer, hidden, target, context=sure)
        >>> torch.allclose(loss, -layer.log_prob(hidden, target), atol=1e-5)
        True
    """

    requires_flat = False
    teacher: Any
    per_example = frozenset({TEACHER_HIDDEN, TEACHER_WORD_IDS, TEACHER_PROB})

    def __init__(
        self,
        teacher: Any = None,
        *,
        num_words: int | None = None,
        direction: Direction = "forward",
        temperature: float = 1.0,
        mix: float = 1.0,
    ) -> None:
        super().__init__()
        if direction not in get_args(Direction):
            raise InputError(f"direction is {direction!r}; expected 'forward' or 'reverse'")
        if teacher is not None and not callable(getattr(teacher, "likelihood", None)):
            raise InputError(
                f"teacher is of type {type(teacher).__name__}; expected a Head, or None for stored numbers"
            )
        if num_words is not None and teacher is None:
            raise InputError("num_words selects the best words of a teacher, and there is none: leave it out")
        self.__dict__["teacher"] = teacher  # not as a submodule: it is not trained, saved or moved
        self.num_words = None if num_words is None else whole("num_words", num_words, 1, MOST_SIZE)
        self.direction = direction
        self.temperature = real("temperature", temperature, 0.0, math.inf, above=True)
        self.mix = real("mix", mix, 0.0, 1.0)

    def extra_repr(self) -> str:
        """Options."""
        source = "stored" if self.teacher is None else "a head"
        return f"{source}, direction={self.direction!r}, temperature={self.temperature}, mix={self.mix}"

    @property
    def needs(self) -> frozenset[str]:
        """See `Objective.needs`."""
        return frozenset({TEACHER_WORD_IDS, TEACHER_PROB} if self.teacher is None else {TEACHER_HIDDEN})

    def check(self, output: Output) -> None:
        """See `Objective.check`."""
        super().check(output)
        if self.teacher is not None and self.teacher.vocab_size != output.vocab_size:
            raise InputError(
                f"the teacher has {self.teacher.vocab_size} words, but the output layer has {output.vocab_size}: "
                "distill between models with the same vocabulary"
            )

    def forward(
        self, output: Output, hidden: Tensor, target: Tensor, *, context: Context = None, generator: Rng = None
    ) -> Tensor:
        """Return losses (N,); see `Objective.forward`."""
        assert context is not None  # checked by the head
        layer = output if self.temperature == 1 else output.mapped(ScoreMap(temperature=self.temperature))
        if self.teacher is not None and self.num_words is None:
            divergence = self._of_all_words(layer, hidden, context[TEACHER_HIDDEN])
        else:
            word_ids, prob = self._of_teacher(context, output.vocab_size)
            divergence = self._of_some_words(layer, hidden, word_ids, prob)
        loss = self.mix * self.temperature**2 * divergence
        if self.mix == 1:
            return loss
        target_score, log_normaliser = output.exact(hidden, target)
        return loss + (1 - self.mix) * (log_normaliser - target_score)

    def _of_teacher(self, context: Mapping[str, Any], vocab_size: int) -> tuple[Tensor, Tensor]:
        """Return (word ids, their probabilities), (N, M) each, without a gradient."""
        if self.teacher is None or self.num_words is None:
            return _checked(context[TEACHER_WORD_IDS], context[TEACHER_PROB], vocab_size)
        with torch.no_grad():
            layer = self.teacher.likelihood(temperature=self.temperature)
            log_prob, word_ids = layer.topk(context[TEACHER_HIDDEN], min(self.num_words, vocab_size))
        return word_ids, log_prob.exp()

    def _of_some_words(self, layer: Output, hidden: Tensor, word_ids: Tensor, prob: Tensor) -> Tensor:
        """Return KL over the given words and all others as one event, (N,)."""
        known = word_ids >= 0
        score, log_normaliser = layer.exact_of(hidden, word_ids.clamp_min(0))
        log_p = (score - log_normaliser[:, None]).masked_fill(~known, -torch.inf)
        q = prob.to(log_p.dtype).masked_fill(~known, 0.0)
        log_rest = _log_rest(log_p)
        q_rest = (1 - q.sum(dim=1)).clamp_min(0)
        log_p, q = torch.cat([log_p, log_rest[:, None]], dim=1), torch.cat([q, q_rest[:, None]], dim=1)
        counted = torch.cat([known, known.new_ones(len(known), 1)], dim=1)
        return _divergence(log_p.masked_fill(~counted, 0.0), q, counted, self.direction)

    def _of_all_words(self, layer: Output, hidden: Tensor, teacher_hidden: Tensor) -> Tensor:
        """Return KL over the whole vocabulary, (N,), computed in tiles of examples."""
        teacher = self.teacher.likelihood(temperature=self.temperature)

        def of_rows(rows: Tensor, of_teacher: Tensor) -> Tensor:
            with torch.no_grad():
                q = teacher.log_prob(of_teacher).exp()
            return _divergence(layer.log_prob(rows), q, torch.ones_like(q, dtype=torch.bool), self.direction)

        step = max(1, _SCORES_AT_ONCE // layer.vocab_size)
        pairs = zip(torch.split(hidden, step), torch.split(teacher_hidden, step), strict=True)
        return torch.cat([checkpoint(of_rows, *pair, use_reentrant=False) for pair in pairs])


def _divergence(log_p: Tensor, q: Tensor, counted: Tensor, direction: Direction) -> Tensor:
    """Return the sum over the `counted` entries of each row."""
    if direction == "forward":
        return (torch.xlogy(q, q) - torch.where(q > 0, q * log_p, 0.0)).sum(dim=1)
    log_q = q.log().clamp_min(_LEAST_LOG)
    return torch.where(counted, log_p.exp() * (log_p - log_q), 0.0).sum(dim=1)


def _log_rest(log_p: Tensor) -> Tensor:
    """Return log(1 − Σ p), (N,), at least the log of one rounding error of Σ p."""
    mass = log_p.logsumexp(dim=1).clamp_max(math.log1p(-torch.finfo(log_p.dtype).eps))
    return torch.log(-torch.expm1(mass))


def _checked(word_ids: object, prob: object, vocab_size: int) -> tuple[Tensor, Tensor]:
    if not (isinstance(word_ids, Tensor) and isinstance(prob, Tensor) and word_ids.ndim == 2):
        raise InputError(f'context["{TEACHER_WORD_IDS}"] and ["{TEACHER_PROB}"] must be tensors, (…, M) each')
    if word_ids.shape != prob.shape:
        raise InputError(
            f"the teacher's word ids have shape {tuple(word_ids.shape)} and their probabilities {tuple(prob.shape)}; "
            "expected the same"
        )
    if word_ids.is_floating_point() or not prob.is_floating_point():
        raise InputError(
            f"the teacher's word ids are {word_ids.dtype} and probabilities {prob.dtype}; expected int64, float"
        )
    if bool(((word_ids < -1) | (word_ids >= vocab_size)).any()):
        raise InputError(f"a word id of the teacher is out of range; expected [0, {vocab_size}), or −1 for none")
    known = prob.detach().masked_fill(word_ids < 0, 0.0)
    if not bool(((known >= 0) & (known.sum(dim=1, keepdim=True) <= 1 + 1e-3)).all()):
        raise InputError("the teacher's probabilities are negative, NaN, or have a sum above 1: pass softmax outputs")
    return word_ids.long(), known
