"""Published claims are told with their sources."""

from __future__ import annotations

from vastmax.methods import RECIPES


def test_speed_ups_are_told_with_their_sources() -> None:
    told = {name: method.published.speed_ups for name, method in RECIPES.items()}
    assert told["hierarchical-softmax"] == "25×, Chen et al. 2015; 50–100×, as quoted by Ruder 2016"
    assert told["target-sampling"] == "2×, Chen et al. 2015"
    assert told["char-lstm"] is None
