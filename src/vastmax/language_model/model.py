"""A language model: an encoder combined with a head."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from vastmax.encoder.base import Encoder, State
from vastmax.errors import InputError
from vastmax.head import Head
from vastmax.language_model.streams import IGNORED


class LanguageModel(nn.Module):
    """p(word | previous words): the encoder reads, the head predicts.

    Args:
        encoder: its hidden size is that of the head.
        head: for the same vocabulary.

    Raises:
        InputError: the sizes differ.

    Example:
        >>> from vastmax import RECIPES
        >>> from vastmax.encoder import LSTM
        >>> model = LanguageModel(LSTM(50, 8), RECIPES["softmax"](8, [1] * 50))
        >>> loss, state = model(torch.tensor([[1, 2, 3]]), torch.tensor([[2, 3, 4]]))
        >>> loss.backward()
    """

    def __init__(self, encoder: Encoder, head: Head) -> None:
        super().__init__()
        for name in ("hidden_size", "vocab_size"):
            of_encoder, of_head = getattr(encoder, name), getattr(head, name)
            if of_encoder != of_head:
                raise InputError(f"the encoder's {name} is {of_encoder}, the head's {of_head}; expected the same")
        self.encoder = encoder
        self.head = head

    @property
    def vocab_size(self) -> int:
        """V."""
        return self.head.vocab_size

    def forward(
        self,
        word_ids: Tensor,
        target: Tensor,
        state: State | None = None,
        *,
        reduction: str = "mean",
        context: dict[str, Any] | None = None,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, State]:
        """Return (loss, state) for predicting `target` (B, T) after `word_ids` (B, T); `IGNORED` targets do not count.

        The loss is the head's objective in training, and the exact negative log-likelihood in eval mode, in nats. A
        head that needs the previous word gets it; `context` holds other data that it needs.
        """
        hidden, state = self.encoder(word_ids, state)
        if "previous_word_id" in self.head.objective.needs:
            context = {**(context or {}), "previous_word_id": word_ids}
        loss = self.head(
            hidden,
            target,
            context=context,
            generator=generator,
            ignore_index=IGNORED,
            reduction=reduction,
        )
        return loss, state
