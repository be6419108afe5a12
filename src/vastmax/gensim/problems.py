"""Errors that are an `InputError` and, for programs that catch it, the exception that gensim raises in that case."""

from __future__ import annotations

from vastmax.errors import InputError


class NotReadyError(InputError, RuntimeError):
    """A model lacks what a method needs, such as a vocabulary."""


class WrongTypeError(InputError, TypeError):
    """An argument of a type that cannot be used."""


class WrongFileError(InputError, AttributeError):
    """A file holds another kind of object."""


class NothingGivenError(InputError, ZeroDivisionError):
    """An empty list where a mean is to be taken."""


class UnknownKeyError(InputError, KeyError):
    """A key that has no vector."""
