"""The published claims: the table of the documentation says what the data say."""

from __future__ import annotations

import re
from pathlib import Path

from vastmax.compare.literature import PUBLISHED
from vastmax.compare.report.wording import NOTHING

PAGE = Path(__file__).resolve().parents[2] / "docs" / "concepts" / "methods" / "index.md"

# Methods that the survey's table lacks; the page says so below it.
NOT_IN_THE_SURVEY = {"two-level", "adaptive", "sampled-softmax", "char-lstm"}


def test_the_documentation_has_the_same_table() -> None:
    head = "| method | Chen et al. 2015 | own paper |"
    table = PAGE.read_text(encoding="utf-8").split(head)[1].split("\n\n")[0].splitlines()[2:]
    found = {}
    for line in table:
        name, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        found[re.search(r"\((.+)\.md\)", name)[1]] = cells  # type: ignore[index]
    expected = {
        name: [
            row.speed_up_chen, row.speed_up_paper, row.cheaper_training, row.cheaper_scoring, row.cheaper_search,
            row.small_vocabulary, row.large_vocabulary, row.parameters,
        ]
        for name, row in PUBLISHED.items()
        if name not in NOT_IN_THE_SURVEY
    }  # fmt: skip
    assert found == {name: [cell or NOTHING for cell in cells] for name, cells in expected.items()}


def test_every_speed_up_names_its_source() -> None:
    assert {(row.speed_up_paper is None) == (row.speed_up_source is None) for row in PUBLISHED.values()} == {True}


def test_speed_ups_are_told_with_their_sources() -> None:
    assert PUBLISHED["hierarchical-softmax"].speed_ups == "25×, Chen et al. 2015; 50–100×, as quoted by Ruder 2016"
    assert PUBLISHED["target-sampling"].speed_ups == "2×, Chen et al. 2015"
    assert PUBLISHED["char-lstm"].speed_ups is None
