"""The alias table draws from the law it was built for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vastmax.distribution.alias import AliasTable
from vastmax.errors import InputError


@given(st.lists(st.floats(0, 1e12), min_size=1, max_size=200).filter(lambda w: sum(w) > 1e-6))
def test_slots_hold_exactly_the_law(weights):
    table = AliasTable.from_weights(weights)
    np.testing.assert_allclose(table.probabilities(), np.array(weights) / sum(weights), atol=1e-12)
    assert ((table.threshold >= 0) & (table.threshold <= 1)).all()


def test_thresholds_of_32_bits_lose_at_most_half_a_part_in_2_to_the_32():
    table = AliasTable.from_weights([5, 1, 3, 1])
    bits = table.thresholds_32_bits().astype(np.float64) + 1
    np.testing.assert_allclose(bits / 2**32, table.threshold, rtol=0, atol=2**-33)
    assert AliasTable.from_weights([2.0]).thresholds_32_bits()[0] == 2**32 - 1


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([], "shape"),
        ([[1.0]], "shape"),
        ([1.0, -2.0], "weight 1 is -2.0"),
        ([1.0, float("nan")], "weight 1 is nan"),
        ([0.0, 0.0], "have the sum 0"),
    ],
)
def test_what_is_no_law_is_refused(weights, message):
    with pytest.raises(InputError, match=message):
        AliasTable.from_weights(weights)
