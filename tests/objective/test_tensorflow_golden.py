"""SampledSoftmax and NCE agree with TensorFlow's losses for the same noise words and expected counts.

The golden values were written by `benchmarks/golden_tensorflow.py`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from vastmax.head import Head
from vastmax.objective import NCE, SampledSoftmax
from vastmax.objective.base import Objective
from vastmax.output import Dense, Differentiated
from vastmax.output.base import FlatOutput
from vastmax.proposal.base import Context, Noise, Proposal

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "tensorflow_losses.json").read_text())


class Drawn(Proposal):
    """The words that TensorFlow drew."""

    def __init__(self, unique: bool) -> None:
        super().__init__()
        self.vocab_size = len(GOLDEN["weight"])
        self.unique = unique

    def draw(
        self,
        target: Tensor,
        num_samples: int,
        *,
        shared: bool = True,
        context: Context | None = None,
        generator: torch.Generator | None = None,
    ) -> Noise:
        word_ids, order = torch.tensor(GOLDEN["noise"]).sort()
        return Noise(
            word_ids=word_ids,
            log_expected_count=torch.tensor(GOLDEN["noise_expected_count"])[order].log(),
            target_log_expected_count=torch.tensor(GOLDEN["target_expected_count"]).log(),
            num_samples=num_samples,
            unique=self.unique,
        )


def dense(sparse_gradients: bool) -> Dense:
    V, D = len(GOLDEN["weight"]), len(GOLDEN["weight"][0])
    output = Dense(D, V, sparse_gradients=sparse_gradients)
    output.load_state_dict({"weight": torch.tensor(GOLDEN["weight"]), "bias": torch.tensor(GOLDEN["bias"])})
    return output


def one_block(sparse_gradients: bool) -> Differentiated:
    V, D = len(GOLDEN["weight"]), len(GOLDEN["weight"][0])
    output = Differentiated(D, range(V, 0, -1), [V], [D], sparse_gradients=sparse_gradients)
    with torch.no_grad():
        output.get_parameter("weight_0").copy_(torch.tensor(GOLDEN["weight"]))
        output.get_parameter("bias_0").copy_(torch.tensor(GOLDEN["bias"]))
    return output


@pytest.mark.parametrize("make", [dense, one_block])
@pytest.mark.parametrize("sparse_gradients", [True, False])
@pytest.mark.parametrize(
    ("name", "objective"),
    [
        ("sampled_softmax", SampledSoftmax(Drawn(unique=True), 8)),
        ("sampled_softmax, hits kept", SampledSoftmax(Drawn(unique=False), 8, accidental_hits="keep")),
        ("nce", NCE(Drawn(unique=True), 8)),
    ],
)
def test_agrees_with_tensorflow(name: str, objective: Objective, sparse_gradients: bool, make: Any) -> None:
    output: FlatOutput = make(sparse_gradients)
    hidden = torch.tensor(GOLDEN["hidden"], requires_grad=True)
    head = Head(output, objective)
    loss = head(hidden, torch.tensor(GOLDEN["target"]), reduction="none")
    golden = GOLDEN["losses"][name]
    torch.testing.assert_close(loss, torch.tensor(golden["loss"]), rtol=1e-5, atol=1e-5)
    loss.sum().backward()
    parameters = dict(zip(("weight", "bias"), output.parameters(), strict=True))
    for what, tensor in {**parameters, "hidden": hidden}.items():
        assert tensor.grad is not None
        expected = torch.tensor(golden[f"{what}_gradient"])
        torch.testing.assert_close(tensor.grad.to_dense(), expected, rtol=1e-5, atol=1e-5)


def test_the_golden_draws_hold_an_accidental_hit() -> None:
    """Else the two sampled softmax losses would be one and the same test."""
    assert set(GOLDEN["noise"]) & set(GOLDEN["target"])
    assert GOLDEN["losses"]["sampled_softmax"]["loss"] != GOLDEN["losses"]["sampled_softmax, hits kept"]["loss"]
