"""What the pages on sampling and on recommenders show is what was measured, and their parts are offered."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def test_the_picture_shows_the_record() -> None:
    command = [sys.executable, str(ROOT / "tools" / "sampling_figure.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_record_agrees_with_the_formula_for_large_k() -> None:
    """To first order the loss is off by −(Σ p²/Q − 1)/(2K): what the page says, the code's own tests beside it."""
    record = json.loads((ROOT / "benchmarks" / "records" / "sampling_proposals.json").read_text())
    for law in record["groups"]["bias"]["laws"].values():
        for row in law["by_K"]:
            if row["K"] >= 1024:
                assert row["bias"] == pytest.approx(row["first_order"], rel=0.03)
            assert row["bias"] < 0
