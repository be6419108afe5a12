"""Checks of arguments, and bounds that several of them share: the result is a plain int or float in range.

The command line and Python callers use the same checks and get the same messages: the name, the value, what was
expected. (The command line shows the option that was typed instead of the name: see `errors.argument`.)
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
"""The largest seed that both NumPy's and PyTorch's generators accept."""
MOST_MINUTES = 60.0 * 24 * 366
"""A year. A larger value is a typing error, and adding it to a clock would lose fractions of a second."""
MOST_RATE = 3.4e38
"""Learning rates are float32 in the kernels."""
MOST_STEPS = 10**12
"""Steps of a schedule: more than in any training."""
MOST_WORDS = 2**31 - 1
"""Words, and ids of them, are int32 in the files and the kernels."""
MOST_NGRAM = 100
"""Characters in an n-gram."""
MOST_SIZE = 1 << 24
"""Size of a hidden vector, predictions in a batch, noise words: larger values do not fit in memory."""
MOST_PASSES = 20
"""Passes of joining words to phrases: each can double their length."""
MOST_COUNT = 2**63 - 1
"""Counts are int64."""


def whole(name: str, value: Any, least: int, most: int | None, why: str = "") -> int:
    """Return the value as an int.

    Args:
        name: the name of the argument, for the message.
        value: an int or an object with `__index__`, such as NumPy's integers; not a bool.
        least, most: the bounds; None: no upper bound except that of int64.
        why: a reason, for the message.

    Raises:
        InputError: the value is not a whole number, or is out of range.

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
    """Return the value as a Python float, which can be stored in JSON.

    Args:
        name: the name of the argument, for the message.
        value: a Python or NumPy number; not a bool.
        least, most: the bounds, infinite for none; NaN and infinities are never allowed.
        above, below: exclude `least`, or `most`, itself.
        why: a reason, for the message.

    Raises:
        InputError: the value is not a number, not finite, or out of range.

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
    """The bounds of a field: a whole number in a range, or None if `optional`; see `whole`."""

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
    """The bounds of a field: a finite number in a range, or None if `optional`; see `real`."""

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
    """Check fields of a frozen dataclass against bounds, in its `__post_init__`, and convert them to plain numbers.

    Raises:
        InputError: for the first field that is out of bounds.
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
    """Return the value for a message, as one short line."""
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
