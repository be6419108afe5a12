"""A few kills of each kind of run, as benchmarks/kill_runs.py does by the hundred."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "kill_runs.py"


@pytest.mark.slow
def test_nothing_is_lost_by_a_kill(tmp_path: Path) -> None:
    record = tmp_path / "record.json"
    kills = {"embed": 4, "lm": 2, "compare": 1, "vocab": 2}
    options = [word for kind, number in kills.items() for word in (f"--{kind}", str(number))]
    done = subprocess.run(
        [sys.executable, SCRIPT, *options, "--record", record],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert {kind: found["kills"] for kind, found in json.loads(record.read_text())["kinds"].items()} == kills
