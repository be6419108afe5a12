"""Which optimiser moves what: the decisions of trees begin with visits, and runs of before go on without."""

from __future__ import annotations

import torch

from vastmax.language_model import LanguageModelSettings, ModelConfig, Trainer, TrainingText
from vastmax.output.hierarchical import STEADY_WIDTH
from vastmax.training.pytorch.optimizers import optimizers_for

SETTINGS = LanguageModelSettings(epochs=1, num_streams=4, bptt=5)


def trainer_of(text: TrainingText, method: str) -> Trainer:
    model = ModelConfig("lstm", method, 2 * STEADY_WIDTH).build(text.vocabulary, text.training)
    return Trainer(model, text.training, SETTINGS, first_id=0)


def test_decisions_of_a_tree_have_prior_visits_by_the_width(small_text: TrainingText) -> None:
    trainer = trainer_of(small_text, "hierarchical-softmax")
    groups = trainer.optimizers[0][0].param_groups
    assert [group["prior_visits"] for group in groups] == [0.0, 4.0]
    assert {id(p) for p in groups[1]["params"]} == {id(p) for p in trainer.model.head.output.parameters()}
    assert [id(p) for p in groups[0]["params"]] == [id(trainer.model.encoder.embedding.weight)]
    flat = trainer_of(small_text, "softmax").optimizers[0][0].param_groups
    assert [group["prior_visits"] for group in flat] == [0.0]


def test_a_run_of_before_goes_on_by_the_rule_of_then(small_text: TrainingText) -> None:
    before = trainer_of(small_text, "hierarchical-softmax")
    before.optimizers = optimizers_for(before.model, SETTINGS)
    next(before.steps(lambda: False))
    saved = before.state_dict()
    after = trainer_of(small_text, "hierarchical-softmax")
    after.load_state_dict(saved)
    (group,) = after.optimizers[0][0].param_groups
    assert group["prior_visits"] == 0
    weight = after.model.head.output.weight
    assert torch.equal(after.optimizers[0][0].state[weight]["sum"], saved["optimizers"][0]["state"][1]["sum"])
