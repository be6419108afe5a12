"""The interface of objectives: one loss per example from an output layer, hidden vectors and targets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from vastmax.errors import InputError
from vastmax.output.base import FlatOutput, Output
from vastmax.proposal.base import Context, Proposal
from vastmax.tensors.random import Rng


class Objective(nn.Module, ABC):
    """A training loss for an output layer.

    Attributes:
        label_smoothing: ε, in training.
        z_loss: ζ; in training, ζ·(log Z)² is added to an exact loss.
        is_exact: whether the loss is the negative log-likelihood, so word weights and label smoothing have the same
            meaning as in PyTorch.
        requires_flat: whether it trains only layers that score any word (`FlatOutput`).
        sampled: whether only the rows used in the step get a gradient in a flat layer.
        self_normalising: whether, after training, the raw score approximates log p.
        corrects_scores: whether `score_correction` returns a correction.
        takes_targets_as_noise: whether noise may contain each example's own target by construction (`InBatch`).
        per_example: names in `context` of tensors with one entry, of any shape, per example.
        shared: whether the batch shares its noise; False draws for each example.
        proposal: the source of the noise, or None.
    """

    label_smoothing: float = 0.0
    z_loss: float = 0.0
    is_exact: ClassVar[bool] = False
    requires_flat: ClassVar[bool] = True
    sampled: ClassVar[bool] = False
    corrects_scores: ClassVar[bool] = False
    takes_targets_as_noise: ClassVar[bool] = False
    per_example: ClassVar[frozenset[str]] = frozenset()
    shared: bool = True
    self_normalising: bool = False
    proposal: Proposal | None

    def __init__(self) -> None:
        super().__init__()
        self.proposal = None

    @abstractmethod
    def forward(
        self, output: Output, hidden: Tensor, target: Tensor, *, context: Context = None, generator: Rng = None
    ) -> Tensor:
        """Return losses in nats, (N,), of `hidden` (N, D) and `target` (N,). N may be 0. Arguments are not checked."""

    def exact_loss(
        self,
        output: Output,
        hidden: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        label_smoothing: float = 0.0,
    ) -> Tensor:
        """Return −log p(t), (N,): the loss of a head in eval mode, and of an exact objective.

        Equals `F.cross_entropy(scores, target, weight, label_smoothing=label_smoothing, reduction="none")`.

        Args:
            output: any layer.
            hidden: (N, D).
            target: (N,) int64.
            weight: (V,); the loss of a target t is multiplied by weight_t.
            label_smoothing: ε in (1 − ε)·weight_t·(−log p(t)) + (ε/V)·Σ_w weight_w·(−log p(w)), as in PyTorch. It reads
                every word, which a factored layer otherwise does not.
        """
        target_score, log_normaliser = output.exact(hidden, target)
        loss = log_normaliser - target_score
        penalty = self.z_loss * log_normaliser.square() if self.z_loss and self.training else None
        if weight is not None:
            weight = weight.to(loss.dtype)
            loss = loss * weight.index_select(0, target)
        if label_smoothing > 0:
            total = output.vocab_size if weight is None else weight.sum()
            smooth = total * log_normaliser - output.weighted_score(hidden, weight)
            loss = (1 - label_smoothing) * loss + (label_smoothing / output.vocab_size) * smooth
        return loss if penalty is None else loss + penalty

    @property
    def traces(self) -> bool:
        """Whether a training step, with noise drawn in it, can be part of a graph (`torch.compile`)."""
        return False

    @property
    def changes_scores(self) -> bool:
        """Whether `likelihood` is another layer than the one that is trained."""
        return self.corrects_scores

    @property
    def class_weight(self) -> Tensor | None:
        """Weights of words as targets in training, (V,); None for ones."""
        return None

    @property
    def needs(self) -> frozenset[str]:
        """Names that `context` must contain."""
        return self.proposal.needs if self.proposal is not None else frozenset()

    def check(self, output: Output) -> None:
        """Check, when a head is built, that this objective can train `output`.

        Raises:
            InputError: the layer is factored and the objective is for flat layers; the proposal has a different
                vocabulary size, or noise that this objective does not support.
        """
        name = type(self).__name__
        if self.requires_flat and not isinstance(output, FlatOutput):
            raise InputError(
                f"{name} cannot train {type(output).__name__}, which is factored: its log-probability of a word is "
                "already cheap; use CrossEntropy"
            )
        if self.proposal is not None:
            self._check_proposal(self.proposal, output.vocab_size)

    def _check_proposal(self, proposal: Proposal, vocab_size: int) -> None:
        name, noise = type(self).__name__, type(proposal).__name__
        if proposal.vocab_size is not None and proposal.vocab_size != vocab_size:
            raise InputError(
                f"{name}'s proposal {noise} draws from {proposal.vocab_size} words, but the output layer has "
                f"{vocab_size}: build both from the same counts"
            )
        if proposal.holds_target and not self.takes_targets_as_noise:
            raise InputError(
                f"{name} needs noise that is independent of the target, but that of {noise} always contains it: use "
                "SampledSoftmax or another proposal"
            )
        if proposal.shared_only and not self.shared:
            raise InputError(f"{noise} draws noise for the whole batch: use {name} with shared=True")

    def initial_bias(self, vocab_size: int, log_unigram: Tensor | None = None) -> float | Tensor | None:
        """Return the initial biases of a layer: one for all words, or (V,); None if they do not matter.

        They make Z about what training drives it to.

        Args:
            vocab_size: V.
            log_unigram: (V,) log relative frequencies of the words, if known: the untrained layer then predicts these;
                otherwise all words equally.
        """
        return log_unigram

    def score_correction(self, word_ids: Tensor) -> Tensor | None:
        """Return what to add to trained scores s(w) so that their softmax estimates p(w | h), or None."""
        return None

    def likelihood(self, output: Output) -> Output:
        """Return the layer whose softmax estimates p(w | h) under this objective: usually `output` itself."""
        if not self.corrects_scores:
            return output
        assert isinstance(output, FlatOutput)  # see `check`
        device = next((parameter.device for parameter in output.parameters()), None)
        correction = self.score_correction(torch.arange(output.vocab_size, device=device))
        return output if correction is None else output.shifted(correction)

    def diagnose(
        self, output: Output, hidden: Tensor, target: Tensor, *, context: Context = None, generator: Rng = None
    ) -> dict[str, float]:
        """Return statistics of this objective by name, such as the effective sample size; see `Head.diagnose`."""
        return {}
