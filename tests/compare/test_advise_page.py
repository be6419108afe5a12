"""The code of the guide runs, and its figures are the record's."""

from __future__ import annotations

import json
import re
from pathlib import Path

from page_programs import DOCS, run_programs

ROOT = Path(__file__).resolve().parents[2]
PAGE = DOCS / "guides" / "advise.md"


def test_the_code_of_the_page_runs() -> None:
    assert run_programs("guides/advise.md")["best"].why


def test_the_figures_of_the_page_are_those_of_the_record() -> None:
    record = json.loads((ROOT / "benchmarks" / "records" / "advise.json").read_text())
    off = record["factor_off"]
    steps = sum(len(case["steps"]) for case in record["cases"].values())
    expected = (
        f"Of {steps} steps, {100 * record['share_within_1_5']:.0f} % were predicted within a factor of 1.5, half of "
        f"them within {off['median']:.2f}, the worst by {off['most']:.2f}."
    )
    shown = re.search(r"<!-- advise-record -->\n(.*)\n<!-- /advise-record -->", PAGE.read_text(encoding="utf-8"))
    assert shown is not None
    assert shown[1] == expected
