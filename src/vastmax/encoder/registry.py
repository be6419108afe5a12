"""The registry of encoders for language models, used by the command line, the comparison, docs and tests."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vastmax.encoder.base import Encoder
from vastmax.encoder.feed_forward import FeedForward
from vastmax.encoder.log_bilinear import LogBilinear
from vastmax.encoder.lstm import LSTM
from vastmax.encoder.transformer import Transformer
from vastmax.errors import argument
from vastmax.machine_memory import require_memory

_NOT_OPTIONS = frozenset({"padding_id", "sparse_gradients"})  # of the text, and of what the word vectors are tied to


@dataclass(frozen=True)
class EncoderKind:
    """A kind of encoder.

    Attributes:
        name: its name in `ENCODERS`.
        summary: one line: what it reads, and when to use it.
        source: the publication.
        build: the class, with the encoder's options as keyword arguments.
        mixes: whether it has at least one matrix from word vectors to hidden vectors.
    """

    name: str
    summary: str
    source: str
    build: Callable[..., Encoder]
    mixes: bool = True

    @property
    def options(self) -> frozenset[str]:
        """The names of the options besides the sizes."""
        parameters = inspect.signature(self.build).parameters.values()
        return frozenset(p.name for p in parameters if p.kind is p.KEYWORD_ONLY) - _NOT_OPTIONS

    def require_memory(self, vocab_size: int, hidden_size: int, options: Mapping[str, Any] | None = None) -> None:
        """Raise InputError if the encoder alone needs more memory than is available, without allocating it."""
        width = (options or {}).get("embedding_size") or hidden_size
        least_numbers = vocab_size * width + (width * hidden_size if self.mixes else 0)
        require_memory(
            4 * least_numbers,  # float32
            f"{argument('hidden_size')} {hidden_size:,} with the encoder {self.name!r} and {vocab_size:,} words",
            f"lower {argument('hidden_size')}, or give a {argument('max_final_vocab')}",
        )

    def __call__(
        self,
        vocab_size: int,
        hidden_size: int,
        options: Mapping[str, Any] | None = None,
        *,
        first_id: int = 0,
        sparse_gradients: bool = True,
    ) -> Encoder:
        """Return the encoder.

        Args:
            vocab_size: V.
            hidden_size: D.
            options: the options of this kind, by name.
            first_id: the word at positions before the beginning of the text; used only by window encoders.
            sparse_gradients: whether word vectors have row-sparse gradients.
        """
        fixed: dict[str, Any] = {"sparse_gradients": sparse_gradients}
        if "padding_id" in inspect.signature(self.build).parameters:
            fixed["padding_id"] = first_id
        return self.build(vocab_size, hidden_size, **fixed, **(options or {}))


ENCODERS: dict[str, EncoderKind] = {
    kind.name: kind
    for kind in (
        EncoderKind(
            "log-bilinear",
            "a weighted sum of the last words' vectors: the cheapest, so the output layer dominates the cost",
            "Mnih & Teh 2012",
            LogBilinear,
            mixes=False,
        ),
        EncoderKind(
            "feed-forward",
            "a network over a window of the last words: cheap, and parallel over all words of a text",
            "Bengio et al. 2003; Chen et al. 2015",
            FeedForward,
        ),
        EncoderKind(
            "lstm",
            "a recurrent network that carries its state through the text: the usual choice on a CPU",
            "Hochreiter & Schmidhuber 1997; Jozefowicz et al. 2016",
            LSTM,
        ),
        EncoderKind(
            "transformer",
            "causal self-attention over the sequence: the best, given depth, data and a GPU",
            "Vaswani et al. 2017; Su et al. 2021",
            Transformer,
        ),
    )
}
