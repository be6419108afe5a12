"""Checks of arguments, and the bounds that several of them share: what comes through is a plain int or float in range.

The command line and callers in Python meet the same checks, and so the same words: the name, the value, what was
expected. (The command line prints the option that was typed in the place of the name: see `errors.argument`.)
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

from vastmax.errors import InputError, argument

MOST_EPOCHS = 1_000_000
MOST_THREADS = 4096
MOST_SEED = 2**64 - 1
"""What numpy's and PyTorch's generators take alike."""
MOST_MINUTES = 60.0 * 24 * 366
"""A year: what is longer is a typing error, and adding it to a clock soon loses the fractions of a second."""
MOST_RATE = 3.4e38
"""Learning rates are float32 in the kernels."""
MOST_STEPS = 10**12
"""Of a schedule: more than are made in any training."""
MOST_WORDS = 2**31 - 1
"""Words, and ids of them, are int32 in the files and the kernels."""
MOST_SIZE = 1 << 24
"""Numbers in a hidden vector, predictions in a batch, noise words: beyond, it is memory that says no."""
MOST_PASSES = 20
"""Of joining words to phrases: each may double their length."""
MOST_COUNT = 2**63 - 1
"""Counts are int64."""


def whole(name: str, value: Any, least: int, most: int | None, why: str = "") -> int:
    """Return the value as an int.

    Args:
        name: of the argument, for the message.
        value: an int, or what Python takes for one, such as numpy's; no bool.
        least, most: that are allowed; None: no upper bound but that of int64.
        why: a reason, for the message.

    Raises:
        InputError: it is no whole number, or out of range.

    Example:
        >>> whole("epochs", 5, 1, MOST_EPOCHS)
        5
    """
    highest = MOST_COUNT if most is None else most
    expected = f"a whole number of at least {least}" if most is None else f"a whole number from {least} to {most}"
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise _refusal(name, value, expected, why)
    try:
        number = int(value.__index__())
    except TypeError:  # an array of several numbers has the method, too
        raise _refusal(name, value, expected, why) from None
    if most is None and number > highest:
        expected = f"at most {highest}"
    if not least <= number <= highest:
        raise _refusal(name, number, expected, why)
    return number


def real(
    name: str, value: Any, least: float, most: float, *, above: bool = False, below: bool = False, why: str = ""
) -> float:
    """Return the value as a float of Python's: a record in JSON takes no others.

    Args:
        name: of the argument, for the message.
        value: a number, Python's or numpy's; no bool.
        least, most: that are allowed, infinities for none; NaN and the infinities themselves never are.
        above, below: `least`, or `most`, itself is not allowed.
        why: a reason, for the message.

    Raises:
        InputError: it is no number, not finite, or out of range.

    Example:
        >>> real("alpha", 1, 0.0, math.inf, above=True)
        1.0
    """
    expected = _span(least, most, above, below)
    if isinstance(value, bool) or not isinstance(value, Real):
        raise _refusal(name, value, expected, why)
    try:
        number = float(value)
    except OverflowError:  # a whole number beyond all floats
        raise _refusal(name, value, expected, why) from None
    excluded = (above and number == least) or (below and number == most)
    if excluded or not (math.isfinite(number) and least <= number <= most):
        raise _refusal(name, value if isinstance(value, int) else number, expected, why)
    return number


@dataclass(frozen=True)
class Whole:
    """What a field may hold: a whole number in a range, or None where it is `optional`; see `whole`."""

    least: int
    most: int | None = None
    optional: bool = False
    why: str = ""

    def checked(self, name: str, value: Any) -> int:
        """Return the value as an int; raise InputError unless it is in range."""
        return whole(name, value, self.least, self.most, self.why)

    @property
    def shown(self) -> str:
        """For help: "at least 1", "0 to 1000"; a bound that only typing errors reach is left out."""
        if self.most is None or self.most >= _UNTOLD:
            return f"at least {self.least}"
        return f"{self.least} to {self.most}"


@dataclass(frozen=True)
class Number:
    """What a field may hold: a finite number in a range, or None where it is `optional`; see `real`."""

    least: float
    most: float = math.inf
    above: bool = False
    below: bool = False
    optional: bool = False
    why: str = ""

    def checked(self, name: str, value: Any) -> float:
        """Return the value as a float; raise InputError unless it is in range."""
        return real(name, value, self.least, self.most, above=self.above, below=self.below, why=self.why)

    @property
    def shown(self) -> str:
        """For help: "above 0", "0 to below 1"; a bound that only typing errors reach is left out."""
        if math.isinf(self.least):
            return ""
        lower = f"above {self.least:g}" if self.above else f"at least {self.least:g}"
        if self.most >= _UNTOLD:
            return lower
        if self.above:
            return f"{lower}, {'below' if self.below else 'at most'} {self.most:g}"
        return f"{self.least:g} to {'below ' if self.below else ''}{self.most:g}"


def check_fields(settings: Any, bounds: Mapping[str, Whole | Number]) -> None:
    """Put fields of a frozen dataclass through their bounds, in its `__post_init__`; they become plain numbers.

    Raises:
        InputError: the first that is out of its bounds.
    """
    for name, bound in bounds.items():
        value = getattr(settings, name)
        if not (bound.optional and value is None):
            object.__setattr__(settings, name, bound.checked(name, value))


def one_of(name: str, value: Any, choices: Collection[str], why: str = "") -> None:
    """Raise InputError unless the value is one of the choices."""
    if not isinstance(value, str) or value not in choices:
        raise InputError(f"{argument(name)} is {shown(value)}; expected {' or '.join(map(repr, choices))}{why}")


def shown(value: Any) -> str:
    """Return the value for a message: in one short line, whatever it is."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 256:
        return f"a whole number of {value.bit_length():,} bits"  # Python refuses to write very long ones
    text = " ".join(repr(value).split())
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"


_LONGEST_SHOWN = 80

_UNTOLD = 65_536 * 2
"""Upper bounds from here on are there for typing errors: help does not tell them."""


def _span(least: float, most: float, above: bool, below: bool) -> str:
    lower = f"above {least:g}" if above else f"of at least {least:g}"
    if math.isinf(most):
        return "a finite number" if math.isinf(least) else f"a finite number {lower}"
    if not above and not below:
        return f"a number from {least:g} to {most:g}"
    return f"a number {lower} and {'below' if below else 'at most'} {most:g}"


def _refusal(name: str, value: Any, expected: str, why: str) -> InputError:
    return InputError(f"{argument(name)} is {shown(value)}; expected {expected}{f' ({why})' if why else ''}")
