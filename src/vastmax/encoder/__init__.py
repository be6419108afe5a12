"""Encoders: modules that map text to hidden vectors for a head. Imported on first use; needs torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vastmax.encoder.base import Encoder, State
    from vastmax.encoder.cbow import CBOW
    from vastmax.encoder.feed_forward import FeedForward
    from vastmax.encoder.log_bilinear import LogBilinear
    from vastmax.encoder.lstm import LSTM
    from vastmax.encoder.registry import ENCODERS, EncoderKind
    from vastmax.encoder.skip_gram import SkipGram
    from vastmax.encoder.transformer import Transformer
    from vastmax.encoder.word_encoder import WordEncoder

_HOME = {
    "CBOW": "cbow",
    "ENCODERS": "registry",
    "Encoder": "base",
    "EncoderKind": "registry",
    "FeedForward": "feed_forward",
    "LSTM": "lstm",
    "LogBilinear": "log_bilinear",
    "SkipGram": "skip_gram",
    "State": "base",
    "Transformer": "transformer",
    "WordEncoder": "word_encoder",
}

__all__ = [
    "CBOW",
    "ENCODERS",
    "LSTM",
    "Encoder",
    "EncoderKind",
    "FeedForward",
    "LogBilinear",
    "SkipGram",
    "State",
    "Transformer",
    "WordEncoder",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"vastmax.encoder.{_HOME[name]}"), name)
    raise AttributeError(f"module 'vastmax.encoder' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
