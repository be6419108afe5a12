"""Maps of scores before the softmax: a cap and a temperature."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class ScoreMap:
    """The map of a score s before the softmax: cap·tanh(s/cap)/temperature, or s/temperature without a cap."""

    cap: float | None = None
    temperature: float = 1.0

    def after(self, first: ScoreMap | None) -> ScoreMap:
        """Return this map applied after `first`; only `first` may have a cap."""
        if first is None:
            return self
        assert self.cap is None
        return ScoreMap(first.cap, first.temperature * self.temperature)

    def __call__(self, scores: Tensor) -> Tensor:
        """Return the mapped scores, with PyTorch's derivatives."""
        return scores / self.temperature if self.cap is None else (scores / self.cap).tanh() * self._range

    def in_place(self, scores: Tensor) -> Tensor:
        """Return `scores`, overwritten by the mapped scores."""
        return scores.div_(self.temperature) if self.cap is None else scores.div_(self.cap).tanh_().mul_(self._range)

    def slope_times(self, gradient: Tensor, mapped: Tensor) -> Tensor:
        """Return the gradient by scores, given that by mapped scores; both arguments are overwritten."""
        if self.cap is None:
            return gradient.div_(self.temperature)
        return gradient.mul_(mapped.div_(self._range).square_().neg_().add_(1)).div_(self.temperature)

    @property
    def _range(self) -> float:
        assert self.cap is not None
        return self.cap / self.temperature
