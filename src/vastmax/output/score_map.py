"""What scores go through before the softmax: a cap, a temperature."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class ScoreMap:
    """What a score s goes through before the softmax: cap·tanh(s/cap)/temperature, or s/temperature without a cap."""

    cap: float | None = None
    temperature: float = 1.0

    def after(self, first: ScoreMap | None) -> ScoreMap:
        """Return this map of scores that went through `first`; only one of the two has a cap, and it comes first."""
        if first is None:
            return self
        assert self.cap is None
        return ScoreMap(first.cap, first.temperature * self.temperature)

    def __call__(self, scores: Tensor) -> Tensor:
        """Return the mapped scores, differentiable by the usual rules."""
        return scores / self.temperature if self.cap is None else (scores / self.cap).tanh() * self._range

    def in_place(self, scores: Tensor) -> Tensor:
        """Return `scores`, overwritten by what they are mapped to."""
        return scores.div_(self.temperature) if self.cap is None else scores.div_(self.cap).tanh_().mul_(self._range)

    def slope_times(self, gradient: Tensor, mapped: Tensor) -> Tensor:
        """Return `gradient` by mapped scores as one by the scores themselves; both arguments are overwritten."""
        if self.cap is None:
            return gradient.div_(self.temperature)
        return gradient.mul_(mapped.div_(self._range).square_().neg_().add_(1)).div_(self.temperature)

    @property
    def _range(self) -> float:
        assert self.cap is not None
        return self.cap / self.temperature
