"""The example on a small world: users and items of a few kinds, and a slice of the real data where there is one."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from vastmax.errors import InputError

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "two_tower_gowalla.py"
NUM_KINDS, USERS_A_KIND, ITEMS_A_KIND = 4, 15, 20


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("two_tower_gowalla", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Users of a kind like the items of their kind: half of these to train on, a quarter to test."""
    folder = tmp_path_factory.mktemp("interactions")
    rng = np.random.default_rng(0)
    train, test = [], []
    for user in range(NUM_KINDS * USERS_A_KIND):
        liked = user % NUM_KINDS + NUM_KINDS * rng.permutation(ITEMS_A_KIND)
        train.append(" ".join(map(str, [user, *liked[:10]])))
        test.append(" ".join(map(str, [user, *liked[10:15]])) if user else "0")  # a user without test items
    (folder / "train.txt").write_text("\n".join(train) + "\n")
    (folder / "test.txt").write_text("\n".join(test) + "\n")
    return folder


@pytest.mark.parametrize("method", ["full", "sampled", "in-batch", "bpr"])
def test_every_method_learns_to_rank(example: ModuleType, folder: Path, method: str) -> None:
    torch.set_num_threads(1)
    train, test = example.read(folder)
    assert (train.num_users, train.num_items, len(train.user)) == (60, 80, 600)
    trainer = example.Trainer(method, train, width=8, num_samples=24, learning_rate=0.05)
    before = example.evaluate(trainer, test)
    losses = [trainer.epoch(100) for _ in range(14)]
    after = example.evaluate(trainer, test)
    assert losses[-1] < losses[0]
    assert before.recall < 0.5
    assert after.recall > 0.9  # the ten of a user's kind that are left fit into 20
    assert after.ndcg > before.ndcg + 0.2


def test_recall_and_ndcg_of_a_known_ranking(example: ModuleType) -> None:
    """User 0 finds one of two items in the third place; user 1 both, first and second; user 2 has no test items."""
    best = torch.tensor([[5, 6, 1, *range(7, 24)], [3, 2, *range(4, 22)], list(range(20))])

    class Known:
        def recommend(self) -> Any:
            yield 0, best

    test = example.Interactions(torch.tensor([0, 0, 1, 1]), torch.tensor([1, 30, 2, 3]), 3, 40)
    found = example.evaluate(Known(), test)
    assert found.recall == pytest.approx((0.5 + 1) / 2)
    ideal = 1 + 1 / np.log2(3)
    assert found.ndcg == pytest.approx((1 / np.log2(4) / ideal + 1) / 2)


def test_training_items_are_not_recommended(example: ModuleType, folder: Path) -> None:
    train, _ = example.read(folder)
    trainer = example.Trainer("sampled", train, width=8, num_samples=24)
    seen = {(user, item) for user, item in zip(train.user.tolist(), train.item.tolist(), strict=True)}
    asked = 0
    for first, best in trainer.recommend():
        assert best.shape[1] > 0
        asked += len(best)
        for user, items in enumerate(best.tolist(), start=first):
            assert not {(user, item) for item in items} & seen
    assert asked == train.num_users


def test_a_missing_file_is_named(example: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"train\.txt is missing; expected a folder with"):
        example.read(tmp_path)
    with pytest.raises(InputError, match="method is 'magic'"):
        example.objective_of("magic", np.ones(3), 2)


def test_a_slice_of_gowalla(example: ModuleType, data_folder: Path) -> None:
    torch.set_num_threads(1)
    train, test = example.read(data_folder / "gowalla")
    assert (train.num_users, train.num_items) == (29_858, 40_981)
    assert (len(train.user), len(test.user)) == (810_128, 217_242)
    train, test = train.of_first_users(0.01), test.of_first_users(0.01)
    trainer = example.Trainer("sampled", train, width=16, num_samples=256, learning_rate=0.05)
    for _ in range(20):
        trainer.epoch(512)
    assert example.evaluate(trainer, test).recall > 0.02  # by chance 0.0005
