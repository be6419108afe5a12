"""Decimal numbers in text, against Python's own reading of each."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vastmax.kernels.decimals import read_decimals


def bits(fields: list[str]) -> list[int]:
    with np.errstate(over="ignore"):
        return np.array([np.float32(float(field)) for field in fields], np.float32).view(np.uint32).tolist()


NUMBERS = st.one_of(*(st.floats(width=width, allow_nan=False, allow_infinity=False) for width in (32, 64)))


@given(st.lists(NUMBERS, max_size=9), st.sampled_from(["%r", "%.9g", "%.17g", "%.3f", "%e"]))
def test_numbers_are_read_to_the_bit(values: list[float], layout: str) -> None:
    fields = [layout % value for value in values]
    found = read_decimals(" ".join(fields).encode(), len(fields))
    assert found is not None
    assert found.view(np.uint32).tolist() == bits(fields)


@given(st.integers(0, 2**70), st.integers(-60, 60), st.sampled_from(["", "-", "+"]), st.integers(0, 25))
def test_digits_and_exponents(whole: int, exponent: int, sign: str, point: int) -> None:
    digits = str(whole)
    field = f"{sign}{digits[:point]}.{digits[point:]}e{exponent}"
    found = read_decimals(field.encode(), 1)
    assert found is not None
    assert found.view(np.uint32).tolist() == bits([field])


def test_forms_of_numbers() -> None:
    text = b" 1\t-2.5 +3 .5 5. 1e3 1E-3 -0 0e999 00012 1e400 -1e39 1e-400 0.000000000000000000000000000001\n"
    found = read_decimals(text, 14)
    assert found is not None
    assert found.view(np.uint32).tolist() == bits(text.decode().split())
    assert found[10] == math.inf
    assert read_decimals(b"", 0) is not None


@pytest.mark.parametrize(
    "field",
    ["x", "nan", "inf", "1,5", "1-2", "1_0", "1e", "1e+", ".", "-", "e5", "1.2.3", "0x1", "1\0", "--1", "1e5.0"],
)
def test_what_is_no_number(field: str) -> None:
    for text in (field, f"1 {field} 2", f"{field} ", f" {field}"):
        assert read_decimals(text.encode(), len(text.split())) is None


def test_another_number_of_numbers() -> None:
    assert read_decimals(b"1 2 3", 2) is None
    assert read_decimals(b"1 2 3", 4) is None
    assert read_decimals(b"1 2 3 x", 3) is None
