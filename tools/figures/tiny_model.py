"""The small language model that some figures train: a log-bilinear one on Python's own documentation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vastmax import Corpus, Head
from vastmax.encoder import LogBilinear
from vastmax.language_model import SENTENCE_END, LanguageModelSettings, training_text
from vastmax.text import Vocabulary
from vastmax.text.builtin import python_documentation
from vastmax.training.pytorch.optimizers import optimizers_for

CONTEXT = 3  # words before the one to be predicted
D = 32
N = 256
NUM_PARAGRAPHS = 6_000
TABLE_RATE, DENSE_RATE = 0.1, 3e-3  # at the start; both fall linearly to 0


@dataclass(frozen=True)
class Text:
    """Windows (n, CONTEXT + 1) of word ids, the word to be predicted last."""

    vocabulary: Vocabulary
    train: Tensor
    valid: Tensor

    @property
    def counts(self) -> NDArray[np.int64]:
        """(V,) in the training text."""
        counts: NDArray[np.int64] = np.bincount(self.train[:, -1].numpy(), minlength=len(self.vocabulary))
        return counts


@cache
def documentation_counts() -> NDArray[np.int64]:
    """(V,) of all words of Python's documentation that occur twice or more, most frequent first."""
    counts = Corpus(python_documentation(), cache=False).vocabulary.truncate(min_count=2).counts
    found: NDArray[np.int64] = np.sort(np.asarray(counts))[::-1].copy()
    return found


@cache
def text(vocab_size: int) -> Text:
    """Return the first paragraphs, a tenth of their words held out."""
    paragraphs = list(islice(python_documentation(), NUM_PARAGRAPHS))
    parts = training_text(Corpus(paragraphs, cache=False), held_out=0.1, min_count=1, max_size=vocab_size)
    assert parts.validation is not None
    end = parts.vocabulary.id(SENTENCE_END)
    return Text(parts.vocabulary, _windows(parts.training, end), _windows(parts.validation, end))


def _windows(ids: NDArray[np.int32], end: int) -> Tensor:
    padded = np.concatenate([np.full(CONTEXT, end), ids]).astype(np.int64)
    return torch.from_numpy(np.lib.stride_tricks.sliding_window_view(padded, CONTEXT + 1).copy())


class Model(nn.Module):
    """A window of words to the loss of the next."""

    def __init__(self, head: Head) -> None:
        super().__init__()
        self.encoder = LogBilinear(head.vocab_size, head.hidden_size, context_size=CONTEXT)
        self.head = head

    def hidden(self, window: Tensor) -> Tensor:
        """(n, D)."""
        return self.encoder.encode(self.encoder.embedding(window[:, None, :-1]))[:, 0]

    def forward(self, window: Tensor) -> Tensor:
        """Return the mean loss in nats."""
        previous = {"previous_word_id": window[:, -2].contiguous()}
        loss: Tensor = self.head(self.hidden(window), window[:, -1], context=previous)
        return loss

    @torch.no_grad()
    def exact_nats(self, window: Tensor) -> float:
        """Return the exact mean loss."""
        self.eval()
        nats = float(self(window))
        self.train()
        return nats

    @torch.no_grad()
    def log_normaliser(self, window: Tensor) -> Tensor:
        """log Z (n,)."""
        return self.head.output.exact(self.hidden(window), window[:, -1])[1]


def train(
    build: Callable[[], Head],
    data: Text,
    steps: int,
    *,
    every: int = 0,
    look: Callable[[Model, int], None] | None = None,
    dense_lr: float = DENSE_RATE,
    seed: int = 0,
) -> Model:
    """Build a head and train it; `look` is called before the first step and after each `every` steps."""
    torch.set_num_threads(1)  # sums in one order: the same figures every time
    torch.manual_seed(seed)
    model = Model(build())
    optimisers = optimizers_for(model, LanguageModelSettings(embedding_lr=TABLE_RATE, dense_lr=dense_lr))
    order = torch.Generator().manual_seed(seed)
    for step in range(steps):
        if look is not None and step % every == 0:
            look(model, step)
        for optimiser, rate in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate * (1 - step / steps)
            optimiser.zero_grad()
        model(data.train[torch.randint(len(data.train), (N,), generator=order)]).backward()
        for optimiser, _ in optimisers:
            optimiser.step()
    if look is not None:
        look(model, steps)
    return model
