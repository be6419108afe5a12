"""What is said of the ways to search holds: figures are the record's, names are there, and torch is not needed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from vastmax import search
from vastmax.search.facts import SCAN_BELOW, WAYS, advice_for

RECORD = Path(__file__).resolve().parents[2] / "benchmarks" / "records" / "search.json"


def test_figures_are_those_of_the_record() -> None:
    batches = json.loads(RECORD.read_text(encoding="utf-8"))["models"]["trained"]["batches"]
    for way in WAYS:
        for batch, factor in way.speed_ups.items():
            times = batches[str(batch)]["milliseconds_per_query"]
            assert factor == pytest.approx(times["PyTorch"]["cpu"] / times[way.name.lower()]["cpu"], rel=0.1), way.name


def test_every_way_is_a_class_and_every_class_a_way() -> None:
    classes = {name for name in search.__all__ if hasattr(getattr(search, name), "topk")} - {"Index", "Hnsw"}
    assert {way.name for way in WAYS} == classes
    with pytest.raises(AttributeError, match="has no attribute 'Best1'"):
        search.Best1  # noqa: B018


def test_small_tables_are_scanned_and_large_ones_get_an_index() -> None:
    width = 256
    assert "score every word" in advice_for(SCAN_BELOW // width - 1, width)[0]
    assert "builds a certified index" in advice_for(SCAN_BELOW // width + 1, width)[0]
    assert "best first" in advice_for(10, 4)[-1]


def test_facts_need_no_torch() -> None:
    program = "import sys, vastmax.search.facts; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "False\n"
