"""Errors that a user can cause. Each message gives the value found, what was expected, and the fix."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_BEGIN, _VALUE, _END = "\ue000", "\ue001", "\ue002"
"""Around an argument within a message: private code points, which no text that people write holds."""

_MENTION = re.compile(f"{_BEGIN}([^{_VALUE}{_END}]*)(?:{_VALUE}([^{_END}]*))?{_END}")

Spell = Callable[[str, "str | None"], str]
"""How a surface prints an argument: its name, and its value or None where only the name is meant."""


def argument(name: str, value: Any = None) -> str:
    """Return how an argument is mentioned in a message, so that each surface prints its own name for it.

    The message is for `InputError` or `Message`; without them it is not fit to be shown.

    Args:
        name: as Python's callers know it.
        value: beside it, as in ``window=5``; None: the name alone.

    Example:
        >>> error = InputError(f"no word reaches {argument('min_count', 5)}; lower {argument('min_count')}")
        >>> str(error)
        'no word reaches min_count=5; lower min_count'
        >>> error.argument
        'min_count'
    """
    return f"{_BEGIN}{name}{'' if value is None else f'{_VALUE}{value}'}{_END}"


class Message(str):
    """A text as Python's callers read it, which other surfaces can spell in their way.

    Args:
        marked: the text with `argument` where it mentions one.
    """

    marked: str

    def __new__(cls, marked: str) -> Message:
        """Make the text."""
        text = super().__new__(cls, _spelled(marked, _as_python))
        text.marked = marked
        return text

    def spelled(self, spell: Spell) -> str:
        """Return the text with each argument as `spell` prints it."""
        return _spelled(self.marked, spell)


class InputError(ValueError):
    """Bad input from a file, an option or an argument; the command line prints it as one line and exits with 2.

    Args:
        message: what was found, expected, and the fix; arguments are mentioned by `argument`.
        argument: the one it is about, where the message does not mention it.

    Attributes:
        argument: the one it is about, as Python's callers know it; None: none.
    """

    def __init__(self, message: object = "", *, argument: str | None = None) -> None:
        text, mentioned = _read(message)
        super().__init__(text)
        self.argument = argument or mentioned

    def __str__(self) -> str:
        """Return the message itself, even in subclasses of KeyError (which would quote it)."""
        return str(self.args[0]) if self.args else ""

    @property
    def message(self) -> Message:
        """The message, to be spelled by another surface or to become a part of another error's: `.message.marked`."""
        return self.args[0] if self.args and isinstance(self.args[0], Message) else Message(str(self))


class UnknownWordError(InputError, KeyError):
    """A word that is not in the vocabulary."""


class CutOffError(InputError):
    """A file ends before what it announces."""


class EncodingError(InputError):
    """A file holds bytes that are not of its encoding."""


def _read(message: object) -> tuple[Message, str | None]:
    """Return the message of an error, and the argument that it mentions first, if any."""
    text = Message(message.marked if isinstance(message, Message) else str(message))
    mentioned = _MENTION.search(text.marked)
    return text, mentioned[1] if mentioned else None


def _as_python(name: str, value: str | None) -> str:
    return name if value is None else f"{name}={value}"


def _spelled(marked: str, spell: Spell) -> str:
    return _MENTION.sub(lambda found: spell(found[1], found[2]), marked)
