"""Errors that are an `InputError` and, for programs that catch it, the exception that gensim raises in that case."""

from __future__ import annotations

from vastmax.errors import CutOffError, EncodingError, InputError, Message


class NotReadyError(InputError, RuntimeError):
    """A model lacks what a method needs, such as a vocabulary."""


class WrongTypeError(InputError, TypeError):
    """An argument of a type that cannot be used."""


class WrongFileError(InputError, AttributeError):
    """A file holds another kind of object."""


class NotThereError(InputError, NotImplementedError):
    """Something that gensim does not do either."""


class CutOffFileError(CutOffError, EOFError):
    """A file of vectors ends early."""


class UndecodableError(EncodingError, UnicodeDecodeError):
    """A key is not of the encoding of its file; the message has the bytes, `object` and the positions are empty."""

    def __init__(self, message: Message) -> None:
        UnicodeDecodeError.__init__(self, "", b"", 0, 0, str(message))
        self.args, self.argument = (message,), None


class NothingGivenError(InputError, ZeroDivisionError):
    """An empty list where a mean is to be taken."""


class UnknownKeyError(InputError, KeyError):
    """A key that has no vector."""
