"""The kernel that reads decimal numbers from text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vastmax.kernels import _native


def read_decimals(text: bytes, count: int) -> NDArray[np.float32] | None:
    """Return the numbers in a text, (count,) float32; None unless there are exactly so many and nothing else.

    Each is ``np.float32(float(field))``, bit for bit, for the fields of ``text.split()``. Numbers are of ASCII digits
    with an optional sign, point and exponent; a NaN, an infinity by name and ``1_000`` are none.

    Cost: some 20 ns per number of up to 15 digits, some 100 ns for longer ones.
    """
    values = np.empty(count, dtype=np.float32)
    return values if _native.read_decimals(text, values) else None
