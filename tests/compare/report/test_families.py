"""How methods look: each different, readable on its paper, and told apart by those who see fewer colours."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from vastmax.compare.report.families import INKS, OTHER, looks_of
from vastmax.methods import RECIPES

PAPER = {"light": "#ffffff", "dark": "#1e1b28"}

# Machado, Oliveira & Fernandes 2009, the severest form of each, on linear RGB.
SIGHT = {
    "full": np.eye(3),
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def linear(colour: str) -> NDArray[np.float64]:
    parts = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def luminance(colour: str) -> float:
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


def oklab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ottosson 2020: equal distances look about equally different."""
    cones = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    mixed = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    return mixed @ np.cbrt(cones @ np.clip(rgb, 0, 1))


@pytest.mark.parametrize("light", PAPER)
def test_names_in_the_colours_can_be_read(light: str) -> None:
    paper = luminance(PAPER[light])
    for family in (*INKS, OTHER):
        ink = luminance(getattr(family, light))
        contrast = (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05)
        assert contrast >= 4.5, (family.name, contrast)  # WCAG 2.2, level AA


@pytest.mark.parametrize("light", PAPER)
@pytest.mark.parametrize("sight", SIGHT)
def test_families_are_told_apart(light: str, sight: str) -> None:
    seen = {family.name: oklab(np.array(SIGHT[sight]) @ linear(getattr(family, light))) for family in INKS}
    apart = {pair: float(np.linalg.norm(seen[pair[0]] - seen[pair[1]])) for pair in combinations(seen, 2)}
    nearest = min(apart, key=lambda pair: apart[pair])
    assert apart[nearest] > 0.05, (nearest, apart[nearest])  # about twice what is just noticeable in large areas


def test_no_two_methods_look_the_same() -> None:
    looks = looks_of([*RECIPES, "one of mine", "another"])
    assert len({(look.family, look.mark, look.dash) for look in looks.values()}) == len(looks)


def test_a_method_looks_the_same_whoever_else_runs() -> None:
    assert looks_of(["nce"])["nce"] == looks_of(["softmax", "mine", "nce"])["nce"]
