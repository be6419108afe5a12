"""The code on the pages about output layers runs, and what they list is what there is."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from page_programs import DOCS, run_programs
from vastmax.methods import RECIPES


@pytest.mark.parametrize(
    "page",
    [
        "concepts/output-layers.md",
        "concepts/sampling.md",
        "guides/replace-an-output-layer.md",
        "guides/recommenders.md",
        "guides/rl-and-distillation.md",
        "guides/migrate.md",
        "guides/optimisers.md",
        "guides/read-the-report.md",
    ],
)
def test_the_code_of_a_page_runs(page: str) -> None:
    torch.set_num_threads(1)
    run_programs(page)


def test_the_code_for_transformers_runs() -> None:
    pytest.importorskip("transformers", reason="Transformers is not installed (extra: transformers)")
    torch.set_num_threads(1)
    run_programs("guides/transformers.md")


@pytest.mark.filterwarnings("ignore")  # Lightning's own, of workers, CPUs and folders
def test_the_code_for_lightning_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("lightning.pytorch", reason="Lightning is not installed (extra: lightning)")
    monkeypatch.chdir(tmp_path)  # checkpoints
    run_programs("guides/lightning.md")


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # PyTorch's own
def test_the_code_for_graphs_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the exported file
    torch.compiler.reset()
    run_programs("guides/compile-and-export.md")


def test_the_guide_builds_every_recipe_that_needs_counts_only() -> None:
    text = (DOCS / "guides/replace-an-output-layer.md").read_text(encoding="utf-8")
    for name, recipe in RECIPES.items():
        if not recipe.needs and name not in ("softmax", "sampled-softmax"):
            assert f'"{name}": Head(' in text, name
