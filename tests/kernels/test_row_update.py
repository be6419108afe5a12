"""Rows moved in place, on every instruction set, against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vastmax.kernels import row_update


@settings(max_examples=40, deadline=None)
@given(
    V=st.integers(1, 400),
    D=st.integers(1, 70),
    share=st.floats(0, 1),
    threads=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_equals_numpy(target: str, V: int, D: int, share: float, threads: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.standard_normal((V, D)).astype(np.float32)
    rows = np.flatnonzero(rng.random(V) < share)
    update = rng.standard_normal((len(rows), D)).astype(np.float32)
    expected = table.astype(np.float64)
    expected[rows] += -0.3 * update.astype(np.float64)
    row_update.add_rows(table, rows, update, scale=-0.3, threads=threads, target=target)
    np.testing.assert_allclose(table, expected, rtol=1e-6, atol=1e-6)


def test_threads_share_many_rows(target: str) -> None:
    table = np.zeros((3000, 256), np.float32)
    rows = np.arange(1, 3000, 2)
    update = np.repeat(rows[:, None], 256, axis=1).astype(np.float32)
    row_update.add_rows(table, rows, update, scale=2.0, threads=3, target=target)
    assert not table[::2].any()
    np.testing.assert_array_equal(table[rows], 2 * update)


@pytest.mark.parametrize(
    ("rows", "ascending"), [([], True), ([3], True), ([0, 1, 7], True), ([1, 1], False), ([2, 1], False)]
)
def test_ascending(rows: list[int], ascending: bool) -> None:
    assert row_update.is_ascending(np.array(rows, dtype=np.int64)) is ascending


def test_what_does_not_fit_is_refused_and_nothing_changed() -> None:
    table = np.zeros((4, 2), np.float32)

    def add(rows: list[int], update: np.ndarray, **options: str) -> None:
        row_update.add_rows(table, np.array(rows), update, scale=1.0, threads=1, **options)

    ones = np.ones((2, 2), np.float32)
    with pytest.raises(ValueError, match="ascending and distinct"):
        add([2, 2], ones)
    with pytest.raises(ValueError, match="out of range"):
        add([0, 4], ones)
    with pytest.raises(ValueError, match="out of range"):
        add([-1, 3], ones)
    with pytest.raises(ValueError, match="for each row was expected"):
        add([0, 1], np.ones((2, 3), np.float32))
    with pytest.raises(ValueError, match="not compiled in"):
        add([0, 1], ones, target="6502")
    with pytest.raises(TypeError):  # a silent copy would lose the result
        row_update.add_rows(table.astype(np.float64), np.array([0]), ones[:1], scale=1.0, threads=1)
    assert not table.any()
