"""What is compared: nats after the time that all methods had."""

from __future__ import annotations

from dataclasses import replace

import pytest

from race_examples import SECONDS, finished, race
from vastmax.compare.report.comparison import Comparison
from vastmax.compare.results import Point


def test_the_curve_says_how_far_the_figure_of_the_whole_text_would_have_been_from_its_end() -> None:
    """A curve is measured on a sample, on which a method may be better or worse than on the whole text."""
    levels = ((0.0, 6.0), (SECONDS, 5.0), (10 * SECONDS, 3.0))
    curve = tuple(Point(seconds, seconds, int(seconds), nats) for seconds, nats in levels)
    slow = replace(finished("softmax", 150, training_seconds=10 * SECONDS), curve=curve, nats=3.5)
    quick = replace(finished("nce", 200), nats=5.25)
    comparison = Comparison.of(race(slow, quick))
    assert comparison.equal_seconds == SECONDS
    assert comparison.nats(slow) == 3.5 + (5.0 - 3.0)
    assert comparison.nats(quick) == pytest.approx(5.25)
