"""One method's run: what is learned from a chain of known entropy, and that stopping and measuring change nothing."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from chain_race import Chain, Run, settings_of, without_times
from vastmax import RECIPES
from vastmax.compare import MethodResult
from vastmax.language_model import RunFolder, TrainingText
from vastmax.language_model.train import TrainingFailedError

EXACT = (
    "softmax", "hierarchical-softmax", "clustered-hierarchical", "two-level", "clustered-classes", "differentiated",
    "adaptive",
)  # fmt: skip
NATS_FROM_THE_CHAIN = 0.1


@pytest.mark.parametrize("method", sorted(RECIPES))
def test_every_method_learns_the_chain(chain: Chain, tmp_path: Path, method: str) -> None:
    run = Run(chain, settings_of(method, epochs=3 if method in EXACT else 1), tmp_path / "run")
    found = run(MethodResult(method, "running"))
    assert found.status == "finished"
    assert found.nats is not None
    if method in EXACT:
        assert -0.02 < found.nats - chain.validation_nats < NATS_FROM_THE_CHAIN
    elif found.normalised:
        assert chain.validation_nats < found.nats < chain.unigram_nats
    assert found.normalised == (method != "char-lstm")
    assert found.parameters > found.output_parameters > 0
    assert found.evaluation_words == sum(band.words for band in found.bands) == 500
    assert found.training_words == found.curve[-1].words == 8_000 * (3 if method in EXACT else 1)
    assert [point.words for point in found.curve] == sorted({point.words for point in found.curve})
    assert (len(found.curve), found.curve[0].words) == (4, 0)
    assert found.curve[0].training_seconds == found.prepared_seconds
    assert (found.prepared_seconds > 0) == (RECIPES[method].tree_from is not None)
    assert found.diagnostics["gap"] == pytest.approx(
        found.diagnostics["training_loss"] - found.diagnostics["exact_loss"], abs=1e-6
    )
    assert ("ess_mean" in found.diagnostics) == ("importance" in method)
    assert (found.unnormalised_nats is not None) == (method in ("nce", "self-normalised", "infrequent-normalisation"))
    assert run.shares == sorted(run.shares)
    assert run.shares[-1] == 1


def test_all_methods_begin_with_the_same_encoder(chain: Chain) -> None:
    settings = settings_of(*RECIPES)
    states = [
        settings.model(method).build(chain.text.vocabulary, chain.text.training).encoder.state_dict()
        for method in settings.methods
    ]
    for method, state in zip(settings.methods, states, strict=True):
        assert state.keys() == states[0].keys()
        assert all(torch.equal(value, states[0][name]) for name, value in state.items()), method
    other = settings_of("softmax", seed=2).model("softmax").build(chain.text.vocabulary).encoder.state_dict()
    assert not all(torch.equal(value, states[0][name]) for name, value in other.items())


@pytest.mark.parametrize("method", ["sampled-softmax", "target-sampling", "clustered-hierarchical"])
def test_stopped_anywhere_and_resumed_is_as_never_stopped(chain: Chain, tmp_path: Path, method: str) -> None:
    settings = settings_of(method, trials=2, trial_share=0.3, encoder="lstm", encoder_options={"dropout": 0.2})
    whole = Run(chain, settings, tmp_path / "whole")(MethodResult(method, "running"))
    assert len(whole.trials) == 2
    found, stops = MethodResult(method, "running"), 0
    while found.status == "running":
        times = 17 + 4 * stops  # so that it is in a trial, between steps, and while measuring
        found = Run(chain, settings, tmp_path / "parts")(found, stop=after(times))
        torch.manual_seed(999)  # a fresh process knows nothing
        stops += 1
    assert stops > 3
    assert without_times(found.to_json()) == without_times(whole.to_json())
    models = [RunFolder.open(tmp_path / name).load_model().state_dict() for name in ("whole", "parts")]
    assert all(torch.equal(value, models[1][name]) for name, value in models[0].items())
    assert {path.name for path in (tmp_path / "parts").iterdir()} == {
        "config.json",
        "log.csv",
        "model.safetensors",
        "vocabulary.txt",
        *(["tree.safetensors"] if found.prepared_seconds else []),
    }


def test_without_its_checkpoint_a_run_begins_anew(chain: Chain, tmp_path: Path) -> None:
    """Killed before it could save, or the file was deleted: what it told of before is not told twice."""
    settings = settings_of("softmax", trials=1, trial_share=0.1)
    whole = Run(chain, settings, tmp_path / "whole")(MethodResult("softmax", "running"))
    told = Run(chain, settings, tmp_path / "parts")(MethodResult("softmax", "running"), stop=after(40))
    assert len(told.trials) == 1
    assert len(told.curve) > 1
    (tmp_path / "parts" / "checkpoint.pt").unlink()
    again = Run(chain, settings, tmp_path / "parts")(told)
    assert without_times(again.to_json()) == without_times(whole.to_json())


def after(times: int) -> Callable[[], bool]:
    """Says yes when asked for so many times, once."""
    asked = itertools.count(1)
    return lambda: next(asked) == times


def test_measuring_changes_nothing(chain: Chain, tmp_path: Path) -> None:
    often, seldom = (
        Run(chain, settings_of("nce", points=points), tmp_path / str(points))(MethodResult("nce", "running"))
        for points in (9, 1)
    )
    assert (len(often.curve), len(seldom.curve)) == (10, 2)
    assert often.nats == seldom.nats


def test_the_curve_ends_with_the_last_figure_where_it_reads_the_whole_text(chain: Chain, tmp_path: Path) -> None:
    run = Run(chain, settings_of("softmax", curve_words=500), tmp_path / "run")
    found = run(MethodResult("softmax", "running"))
    assert found.curve[-1].nats == found.nats
    sampled = Run(chain, settings_of("softmax"), tmp_path / "other")(MethodResult("softmax", "running"))
    assert sampled.nats == found.nats
    assert sampled.curve[-1].nats not in (found.nats, None)


def test_rates_that_diverge_are_lowered(chain: Chain, tmp_path: Path) -> None:
    wild = {"embedding_lr": 1e30, "dense_lr": 1e30}
    run = Run(chain, settings_of("softmax", max_norm=None, trials=2, **wild), tmp_path / "run")
    with pytest.raises(TrainingFailedError, match="training diverged at all 2 rates; try lower ones"):
        run(MethodResult("softmax", "running"))
    assert [trial["nats"] for trial in run.told[-1].trials] == [None, None]
    run = Run(chain, settings_of("softmax", max_norm=None, **wild), tmp_path / "run")
    with pytest.raises(TrainingFailedError, match=r"try rates below embedding_lr=1e\+30"):
        run(MethodResult("softmax", "running"))


def test_an_untrained_model_is_where_the_curve_begins(chain: Chain, tmp_path: Path) -> None:
    found = Run(chain, settings_of("softmax"), tmp_path / "run")(MethodResult("softmax", "running"))
    assert found.curve[0].nats == pytest.approx(chain.unigram_nats, abs=0.1)


def test_a_text_of_one_word(chain: Chain, tmp_path: Path) -> None:
    words: Any = np.full(50, 2, dtype=np.int32)
    lonely = Chain(TrainingText(chain.text.vocabulary, words, words[:20]), 0.0, 0.0)
    found = Run(lonely, settings_of("adaptive"), tmp_path / "run")(MethodResult("adaptive", "running"))
    assert found.nats is not None
    assert found.nats < math.log(20)
