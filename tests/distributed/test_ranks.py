"""The checks of this folder, in pools of processes: see ranks.py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch.distributed as dist

pytestmark = pytest.mark.skipif(not dist.is_gloo_available(), reason="PyTorch was built without gloo")

CHECKS = [
    "shard_checks.check_exact_losses_are_those_of_one_process",
    "shard_checks.check_partial_normalisers",
    "shard_checks.check_replicated_examples",
    "shard_checks.check_questions",
    "shard_checks.check_samples_follow_the_law",
    "shard_checks.check_same_draws_same_gradients",
    "shard_checks.check_expected_counts",
    "shard_checks.check_what_cannot_be_sharded_is_refused",
    "training_checks.check_optimizers_do_what_they_do_alone",
    "training_checks.check_a_head_without_memory_is_drawn_in_shards",
    "training_checks.check_checkpoints_load_into_heads_of_any_split",
    "training_checks.check_fully_sharded_model_around_a_sharded_head",
    "guide_checks.check_the_guide_runs",
    "fully_shard_checks.check_every_recipe_answers_after_fully_shard",
]
LONG_CHECKS = [
    "shard_checks.check_exact_losses_in_other_meshes",
    "shard_checks.check_all_pairs_of_objectives_and_proposals",
    "training_checks.check_checkpoints_load_into_heads_of_any_split",
]


def run(size: int, checks: list[str]) -> None:
    command = [sys.executable, str(Path(__file__).with_name("ranks.py")), str(size), *checks]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_four_ranks() -> None:
    run(4, CHECKS)


@pytest.mark.slow
@pytest.mark.parametrize("size", [4, 8])
def test_more_meshes(size: int) -> None:
    run(size, LONG_CHECKS)
