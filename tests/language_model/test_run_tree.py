"""The tree that a method makes of the text: made once, counted, kept with the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from vastmax.errors import InputError
from vastmax.language_model import LanguageModelSettings, ModelConfig, RunFolder, Trainer, TrainingText, train_run
from vastmax.language_model.run_folder import TREE
from vastmax.methods import text_tree
from vastmax.progress import Progress
from vastmax.tree import Tree

CLUSTERED = ModelConfig("lstm", "clustered-hierarchical", 8)


def folder_of(path: Path, text: TrainingText, model: ModelConfig = CLUSTERED, **changed: Any) -> RunFolder:
    settings = LanguageModelSettings(**{"epochs": 2, "num_streams": 4, "bptt": 5, "warmup_steps": 3, **changed})
    return RunFolder(path, model, settings, {"sources": ["small"], **text.digests()}, text.vocabulary)


def run(folder: RunFolder, text: TrainingText, *, steps: int | None = None, resume: bool = False) -> Trainer:
    """Train, to the end or for so many steps."""
    left = iter(range(1_000_000 if steps is None else steps))
    return train_run(folder, text.training, text.validation, resume=resume, stop=lambda: next(left, None) is None)


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was clustered, each time."""
    made: list[str] = []
    before = text_tree.clustered_text

    def counted(source: Any, *, of: str, progress: Progress | None = None, **options: Any) -> Tree:
        made.append(of)
        return before(source, of=of, progress=progress, **options)

    for room in ("clustered_hierarchical", "clustered_classes"):
        monkeypatch.setattr(f"vastmax.methods.{room}.clustered_text", counted)
    return made


def test_a_resumed_run_has_its_tree(tmp_path: Path, small_text: TrainingText, builds: list[str]) -> None:
    whole = folder_of(tmp_path / "whole", small_text)
    run(whole, small_text)
    stopped = folder_of(tmp_path / "stopped", small_text)
    assert not run(stopped, small_text, steps=5).finished
    assert builds == ["clustered-hierarchical"] * 2
    trainer = run(stopped, small_text, resume=True)
    assert len(builds) == 2
    assert 0 < trainer.progressed.prepared_seconds < trainer.progressed.training_seconds
    expected, found = (RunFolder.open(folder.path).load_model().state_dict() for folder in (whole, stopped))
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_the_model_is_loaded_with_its_tree(tmp_path: Path, small_text: TrainingText, builds: list[str]) -> None:
    folder = folder_of(tmp_path / "run", small_text, epochs=1)
    trained = run(folder, small_text).model
    found = RunFolder.open(folder.path).load_model()
    assert len(builds) == 1
    assert found.head.output.tree.leaf_depths.tolist() == trained.head.output.tree.leaf_depths.tolist()
    damaged = bytearray((folder.path / TREE).read_bytes())
    damaged[-3] ^= 1
    (folder.path / TREE).write_bytes(damaged)
    with pytest.raises(InputError, match=rf"{TREE}.* is damaged"):
        RunFolder.open(folder.path).load_model()


def test_a_run_of_before_goes_on_with_the_huffman_tree(
    tmp_path: Path, small_text: TrainingText, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_of(tmp_path / "run", small_text, ModelConfig("lstm", "hierarchical-softmax", 8))
    with monkeypatch.context() as before:
        before.setattr("vastmax.methods.hierarchical_softmax.has_text", lambda source: False)
        run(folder, small_text, steps=3)
    (folder.path / TREE).unlink()
    assert run(folder, small_text, resume=True).finished


def test_preparing_counts_as_training_time(tmp_path: Path, small_text: TrainingText) -> None:
    folder = folder_of(tmp_path / "run", small_text, minutes=1e-6)
    with pytest.raises(InputError, match=r"minutes is 1e-06, and making the tree of the output layer took .*, so no"):
        run(folder, small_text)


def test_a_tree_in_a_file_is_kept_with_the_run(tmp_path: Path, small_text: TrainingText, builds: list[str]) -> None:
    from vastmax import tree

    path = tmp_path / "given"
    tree.huffman(small_text.vocabulary.counts).with_words(small_text.vocabulary.words).save(path)
    model = ModelConfig("lstm", "clustered-hierarchical", 8, method_options={"tree": str(path)})
    folder = folder_of(tmp_path / "run", small_text, model, epochs=1)
    run(folder, small_text)
    path.unlink()
    assert RunFolder.open(folder.path).load_model().head.output.tree.vocab_size == len(small_text.vocabulary)
    assert builds == []
