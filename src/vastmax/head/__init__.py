"""A head: an output layer and what it is trained with."""

from vastmax.head.head import Head, LogProb

__all__ = ["Head", "LogProb"]
