"""The exact objective: maximum likelihood."""

from __future__ import annotations

import math

from torch import Tensor

from vastmax.arguments import real
from vastmax.errors import InputError
from vastmax.objective.base import Objective
from vastmax.output.base import FlatOutput, Output
from vastmax.output.score_map import ScoreMap
from vastmax.proposal.base import Context
from vastmax.tensors.constants import Constants
from vastmax.tensors.random import Rng


class CrossEntropy(Constants, Objective):
    """Negative log-likelihood, −s(t) + log Z; for factored layers, −log p(t).

    Equals `F.cross_entropy(scores, target, reduction="none", …)` without allocating the (N, V) scores.

    `weight`, `label_smoothing` and `z_loss` apply to training only: in eval mode, a head returns the likelihood.
    `softcap` and `temperature` belong to the model, p = softmax(cap·tanh(s/cap)/T), and apply to every query.

    Args:
        weight: (V,); the loss of a target t is multiplied by weight_t, and the mean is weighted.
        label_smoothing: ε in [0, 1], as in `nn.CrossEntropyLoss`. It reads every word.
        z_loss: ζ ≥ 0 adds ζ·(log Z)², which keeps log Z near 0 (PaLM; usually 1e-4); flat layers only.
        softcap: the bound c > 0 of the scores (Gemma 2: 30), or None; flat layers only.
        temperature: T > 0.

    Raises:
        InputError: values out of these ranges; when a head is built, an option that its layer does not support.

    Cost: for a flat layer O(N·V·D), once forward and three times backward; for a factored layer, that of the layer.
    With a softcap, or with a temperature on a factored layer, PyTorch operations compute the scores in tiles.

    Example:
        >>> import torch
        >>> from vastmax.output import Dense
        >>> layer, hidden, target = Dense(4, 50), torch.ones(2, 4), torch.tensor([7, 7])
        >>> torch.allclose(CrossEntropy()(layer, hidden, target), -layer.log_prob(hidden, target))
        True
        >>> capped = 30 * (layer.logits(hidden) / 30).tanh()
        >>> expected = torch.nn.functional.cross_entropy(capped, target, reduction="none")
        >>> torch.allclose(CrossEntropy(softcap=30.0)(layer, hidden, target), expected)
        True
    """

    is_exact = True
    requires_flat = False
    weight: Tensor | None

    def __init__(
        self,
        *,
        weight: Tensor | None = None,
        label_smoothing: float = 0.0,
        z_loss: float = 0.0,
        softcap: float | None = None,
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        self.label_smoothing = real("label_smoothing", label_smoothing, 0.0, 1.0)
        self.z_loss = real("z_loss", z_loss, 0.0, math.inf)
        self.softcap = None if softcap is None else real("softcap", softcap, 0.0, math.inf, above=True)
        self.temperature = real("temperature", temperature, 0.0, math.inf, above=True)
        if weight is None:
            self.weight = None
        else:
            self.register_constant("weight", _checked_weight(weight).detach().cpu(), device=weight.device)

    def extra_repr(self) -> str:
        """Options that are not at their defaults."""
        options = {
            "weight": None if self.weight is None else "…",
            "label_smoothing": self.label_smoothing or None,
            "z_loss": self.z_loss or None,
            "softcap": self.softcap,
            "temperature": None if self.temperature == 1 else self.temperature,
        }
        return ", ".join(f"{name}={value}" for name, value in options.items() if value is not None)

    def check(self, output: Output) -> None:
        """See `Objective.check`."""
        super().check(output)
        for name in ("z_loss", "softcap"):
            if getattr(self, name) and not isinstance(output, FlatOutput):
                raise InputError(
                    f"{name} is for scores with a normalizer, but those of {type(output).__name__} are "
                    "log-probabilities: leave it out, or use a flat layer, such as Dense"
                )
        if self.weight is not None and self.weight.shape != (output.vocab_size,):
            raise InputError(
                f"weight has shape {tuple(self.weight.shape)}; expected one per word, ({output.vocab_size},)"
            )

    @property
    def class_weight(self) -> Tensor | None:
        """See `Objective.class_weight`."""
        return self.weight

    @property
    def changes_scores(self) -> bool:
        """See `Objective.changes_scores`."""
        return self.softcap is not None or self.temperature != 1

    def likelihood(self, output: Output) -> Output:
        """Return the layer with its scores capped and divided by the temperature; see `Objective.likelihood`."""
        return output.mapped(ScoreMap(self.softcap, self.temperature)) if self.changes_scores else output

    def forward(
        self, output: Output, hidden: Tensor, target: Tensor, *, context: Context = None, generator: Rng = None
    ) -> Tensor:
        """Return losses (N,); see `Objective.forward`."""
        return self.exact_loss(
            self.likelihood(output), hidden, target, weight=self.weight, label_smoothing=self.label_smoothing
        )


def _checked_weight(weight: object) -> Tensor:
    if not isinstance(weight, Tensor) or not weight.is_floating_point() or weight.ndim != 1:
        found = (
            f"{weight.dtype} of shape {tuple(weight.shape)}" if isinstance(weight, Tensor) else type(weight).__name__
        )
        raise InputError(f"weight is {found}; expected a tensor of floats, (V,)")
    return weight
