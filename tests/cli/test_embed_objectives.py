"""`vastmax embed --objective` beyond the native kernels: results, stopping and going on, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vastmax import WordVectors
from vastmax.cli import embed

Invoke = Callable[..., Any]  # the fixtures of conftest.py
SMALL = ("--vector-size", "8", "--epochs", "2", "--sample", "0", "--threads", "1", "--batch-size", "512")


@pytest.mark.parametrize(
    ("objective", "options"),
    [
        ("nce", ("--objective-option", "num_samples=8", "--objective-option", "power=0.75")),
        ("two-level", ("--model", "cbow")),
        ("target-sampling", ("--partition-size", "8", "--window", "2")),
    ],
)
def test_other_objectives_give_the_same_kind_of_file(
    invoke: Invoke, corpus_file: Path, tmp_path: Path, objective: str, options: tuple[str, ...]
) -> None:
    output = tmp_path / "v.safetensors"
    ran = invoke("embed", corpus_file, "-o", output, *SMALL, "--objective", objective, *options, "--json")
    assert ran.code == 0, ran.err
    assert "Training: " in ran.err
    training = ran.json["training"]
    assert training["objective"] == objective
    assert len(training["losses"]) == 2
    vectors = WordVectors.load(output)
    assert vectors.vector_size == 8
    assert vectors.training == training
    assert list(tmp_path.iterdir()) == [output]


def test_ctrl_c_saves_and_the_command_it_names_goes_on(
    invoke: Invoke, corpus_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Pressed(embed.StopSignals):
        """Ctrl-C in the twentieth step."""

        steps = 0

        def __call__(self) -> bool:
            self.steps += 1
            if self.steps == 20:
                self._heard(2, None)
            return super().__call__()

    command = ("embed", corpus_file, *SMALL, "--objective", "nce", "--objective-option", "num_samples=8")
    whole, stopped = tmp_path / "whole.safetensors", tmp_path / "stopped.safetensors"
    assert invoke(*command, "-o", whole).code == 0
    with monkeypatch.context() as patch:
        patch.setattr(embed, "StopSignals", Pressed)
        ran = invoke(*command, "-o", stopped)
    assert ran.code == 130
    assert f"interrupted; {stopped}.checkpoint holds what was trained; resume with: vastmax embed" in ran.err
    assert ran.err.rstrip().endswith("--resume")
    assert not stopped.exists()
    assert invoke(*command, "-o", stopped, "--resume").code == 0
    np.testing.assert_array_equal(WordVectors.load(whole).vectors, WordVectors.load(stopped).vectors)
    assert not Path(f"{stopped}.checkpoint").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--objective", "nonsense"),
            "--objective is 'nonsense'; expected 'negative-sampling' or 'hierarchical-",
        ),
        (("--objective", "adaptive-importance-sampling"), "it is for language models only (vastmax lm train)"),
        (("--objective", "nce", "--negative", "5"), "--objective nce does not use --negative; leave it out, or "),
        (("--objective", "nce", "--start-from", "v.bin"), "--objective nce does not use --start-from"),
        (("--objective", "nce", "--objective-option", "samples=5"), "nce has no option 'samples'; it has num_samples"),
        (("--objective", "nce", "--objective-option", "num_samples=many"), "num_samples=many of nce: expected a whole"),
        (("--objective", "nce", "--device", "tpu"), "--device is 'tpu'; expected cpu, cuda or cuda:NUMBER"),
        (("--objective-option", "power=1"), "--objective negative-sampling does not use --objective-option"),
        (("--batch-size", "5"), "--objective negative-sampling does not use --batch-size; leave it out"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    invoke: Invoke, corpus_file: Path, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    assert message in invoke("embed", corpus_file, "-o", tmp_path / "v.bin", *options).refused()
    assert list(tmp_path.iterdir()) == []


def test_without_pytorch_the_fix_is_named(
    invoke: Invoke, corpus_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vastmax.extras.has", lambda module: False)
    said = invoke("embed", corpus_file, "-o", tmp_path / "v.bin", "--objective", "nce").refused()
    assert said.startswith("vastmax: --objective nce (all except negative-sampling, hierarchical-softmax")
    assert said.endswith(
        "needs PyTorch, which is not installed; in the source tree of vastmax, type: pip install '.[torch]'"
    )
