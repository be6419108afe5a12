"""The checks of this folder, in one pool of processes: see ranks.py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch.distributed as dist

pytestmark = pytest.mark.skipif(not dist.is_gloo_available(), reason="PyTorch was built without gloo")

CHECKS = [
    "fully_shard_checks.check_every_recipe_answers_after_fully_shard",
]


def run(size: int, checks: list[str]) -> None:
    command = [sys.executable, str(Path(__file__).with_name("ranks.py")), str(size), *checks]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=150)
    assert done.returncode == 0, done.stdout + done.stderr


def test_four_ranks() -> None:
    run(4, CHECKS)
