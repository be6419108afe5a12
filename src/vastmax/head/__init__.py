"""A head: an output layer combined with an objective."""

from vastmax.head.head import Head, LogProb

__all__ = ["Head", "LogProb"]
