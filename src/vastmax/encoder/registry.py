"""The encoders of language models, by name: what the command line, the comparison, docs and tests iterate over."""

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
    """One way to read text.

    Attributes:
        name: as in `ENCODERS`.
        summary: one line: what it looks at, and when to take it.
        source: where it was published.
        build: the class, with the encoder's options as keyword arguments.
        mixes: whether it has, at the least, a matrix from vectors of words to hidden vectors.
    """

    name: str
    summary: str
    source: str
    build: Callable[..., Encoder]
    mixes: bool = True

    @property
    def options(self) -> frozenset[str]:
        """The names of what may be chosen beside the sizes."""
        parameters = inspect.signature(self.build).parameters.values()
        return frozenset(p.name for p in parameters if p.kind is p.KEYWORD_ONLY) - _NOT_OPTIONS

    def require_memory(self, vocab_size: int, hidden_size: int, options: Mapping[str, Any] | None = None) -> None:
        """Raise InputError if the encoder alone needs more memory than there is. Nothing is allocated for it."""
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
        """The encoder.

        Args:
            vocab_size: V.
            hidden_size: D.
            options: of this kind, by name.
            first_id: the word that stands before the text begins; only window encoders ask.
            sparse_gradients: of the word vectors.
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
            "a weighted sum of the last words' vectors: the cheapest, so that the output layer is all there is to see",
            "Mnih & Teh 2012",
            LogBilinear,
            mixes=False,
        ),
        EncoderKind(
            "feed-forward",
            "a network over a window of the last words: cheap, and all words of a text at once",
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
            "causal self-attention over the stretch: the best, given depth, data and a GPU",
            "Vaswani et al. 2017; Su et al. 2021",
            Transformer,
        ),
    )
}
