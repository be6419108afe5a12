"""The errors a user can cause. Each message names the value found, what was expected, and the fix."""

from __future__ import annotations


class InputError(ValueError):
    """Bad input from a file, an option or an argument; the command line prints it as one line and exits with 2."""

    def __str__(self) -> str:
        """The message itself, also in subclasses that are a KeyError (which would quote it)."""
        return str(self.args[0]) if self.args else ""


class UnknownWordError(InputError, KeyError):
    """A word that the vocabulary does not hold."""
