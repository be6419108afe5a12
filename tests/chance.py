"""Is what was drawn what the law allows?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special


def chi_square_p_value(observed: npt.ArrayLike, expected: npt.ArrayLike) -> float:
    """The chance of counts at least as far from the expected ones, by Pearson's test.

    What `scipy.stats.chisquare` answers; to import that takes a second for each process of the suite.
    """
    counts, law = np.asarray(observed, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    np.testing.assert_allclose(counts.sum(), law.sum(), rtol=1.5e-8)
    return float(special.chdtrc(counts.size - 1, ((counts - law) ** 2 / law).sum()))
