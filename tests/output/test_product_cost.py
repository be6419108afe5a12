"""The fit of the cost model's constants, and that the measurement gives usable ones."""

from __future__ import annotations

import pytest

from vastmax.distribution.cutoffs import ProductCost
from vastmax.errors import InputError
from vastmax.output.product_cost import fit_product_cost, measure_product_cost


def test_constants_are_recovered_from_exact_timings() -> None:
    true = ProductCost(fixed=3e-4, small_cells=20_000.0, per_cell=5e-9)
    cells = [300_000, 1_000_000, 4_000_000]
    found = fit_product_cost(float(true.seconds(1)), cells, [float(true.seconds(c)) for c in cells])
    assert found.fixed == pytest.approx(true.fixed)
    assert found.small_cells == pytest.approx(true.small_cells)
    assert found.per_cell == pytest.approx(true.per_cell)


def test_noise_gives_no_negative_constants() -> None:
    falling = fit_product_cost(1e-3, [10, 20, 30], [3.0, 2.0, 1.0])
    assert falling.per_cell > 0
    below_zero = fit_product_cost(1e-3, [10, 20, 30], [1.0, 3.0, 5.0])
    assert below_zero.fixed == 0.0
    assert below_zero.small_cells == pytest.approx(1e-3 / 0.2)


def test_measured_constants_are_of_a_computer_of_this_world() -> None:
    cost = measure_product_cost(64)
    assert 1e-11 < cost.per_cell < 1e-5
    assert 0 <= cost.fixed < 1
    assert measure_product_cost(64) is cost


def test_bad_sizes() -> None:
    with pytest.raises(InputError, match="hidden_size is 0"):
        measure_product_cost(0)
