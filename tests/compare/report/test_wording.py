"""Figures in words: as many digits as say something."""

from __future__ import annotations

import pytest

from vastmax.compare.report.wording import band_name, digits, listed, percent, seconds, size


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.0, "0 %"), (0.004, "0.4 %"), (0.0972, "9.7 %"), (0.0996, "10 %"), (0.25, "25 %"), (-0.0972, "-9.7 %")],
)
def test_percent(share: float, words: str) -> None:
    assert percent(share) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0.00"),
        (0.0012, "0.001"),
        (0.01, "0.01"),
        (9.994, "9.99"),
        (9.996, "10.0"),
        (99.94, "99.9"),
        (99.96, "100"),
        (1234.5, "1,234"),
        (999_400, "999,400"),
        (999_600, "1 million"),
        (12_340_000, "12.3 million"),
    ],
)
def test_digits(value: float, words: str) -> None:
    assert digits(value) == words


def test_sizes_and_times() -> None:
    assert [size(number) for number in (999, 1_000, 2_340_000, 5e9)] == ["999 B", "1 kB", "2.34 MB", "5 GB"]
    assert [seconds(number) for number in (0.0123, 0.0994)] == ["12 ms", "99 ms"]
    assert not seconds(0.0996).endswith("ms")


def test_lists_and_bands() -> None:
    assert [listed(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
    assert listed(["a", "b"], "or") == "a or b"
    assert (band_name(0, 100), band_name(1_000, None)) == ("1–100", "from 1,001")
