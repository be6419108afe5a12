"""Counts as users give them, checked once and made fit for logarithms and trees."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vastmax.errors import InputError


def checked_counts(counts: npt.ArrayLike, *, vocab_size: int | None = None) -> npt.NDArray[np.float64]:
    """Counts as float64, positive: a zero (special token, cold item) is raised to the smallest positive count.

    The floor keeps every word possible and does not depend on whether counts or probabilities are given.

    Args:
        counts: (V,) numbers ≥ 0, not all zero: array, list or tensor.
        vocab_size: the V they must have, when it is known.

    Raises:
        InputError: another shape or length, no numbers, negative, NaN or infinite ones (the first is named), all zero.

    >>> checked_counts([5, 0, 2])
    array([5., 2., 2.])
    """
    try:
        values = np.array(counts, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError("counts must be numbers, one a word") from None
    if values.ndim != 1 or not values.size:
        raise InputError(f"counts must be a list of one number a word, found shape {values.shape}")
    if vocab_size is not None and values.size != vocab_size:
        raise InputError(f"found {values.size} counts for {vocab_size} words; give one a word, in id order")
    bad = ~(np.isfinite(values) & (values >= 0))
    if bad.any():
        word_id = int(bad.argmax())
        raise InputError(f"the count of word id {word_id} is {values[word_id]}; counts must be finite and not negative")
    positive = values > 0
    if not positive.any():
        raise InputError(f"all {values.size} counts are zero; one word at least must have been seen")
    if not positive.all():
        values[~positive] = values[positive].min()
    return values
