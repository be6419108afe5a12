"""Numbers and lists for readers: significant digits, units, and conjunctions."""

from __future__ import annotations

from collections.abc import Sequence

from vastmax.progress import describe_seconds

NOTHING = "–"
"""The sign for no figure."""

_MILLION = 1e6


def digits(value: float) -> str:
    """Return about three digits: `4.53`, `24.2`, `350`, `1,800`, `4.5 million`."""
    if value >= 100 * _MILLION:
        return f"{value:.2g}"
    if value >= 0.9995 * _MILLION:
        return f"{value / _MILLION:.3g} million"
    if value >= 99.95:
        return f"{value:,.0f}"
    if value >= 9.995:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.01 or value == 0 else f"{value:.1g}"


def ratio(value: float) -> str:
    """Return text such as `23.6×`."""
    return f"{digits(value)}×"


def percent(share: float) -> str:
    """Return text such as `0.4 %` or `12 %`."""
    value = 100 * share
    return f"{value:.0f} %" if abs(value) >= 9.95 or value == 0 else f"{value:.2g} %"


def size(num_bytes: float) -> str:
    """Return text such as `1.5 GB` or `34 MB`."""
    for threshold, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if num_bytes >= threshold:
            return f"{num_bytes / threshold:.3g} {unit}"
    return f"{num_bytes:.0f} B"


def seconds(value: float) -> str:
    """Return a duration, in milliseconds below a tenth of a second."""
    return f"{1000 * value:.0f} ms" if 0 < value < 0.0995 else describe_seconds(value)


def listed(names: Sequence[str], conjunction: str = "and") -> str:
    """Return text such as `a`, `a and b` or `a, b and c`."""
    return f" {conjunction} ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def band_names(first_ranks: Sequence[int]) -> list[str]:
    """Return the names of consecutive bands."""
    return [band_name(*pair) for pair in zip(first_ranks, [*first_ranks[1:], None], strict=False)]


def band_name(first_rank: int, next_rank: int | None) -> str:
    """Return text such as `1–100`, counting ranks from 1."""
    if next_rank is None:
        return f"from {first_rank + 1:,}"
    return f"{first_rank + 1:,}–{next_rank:,}"
