"""Tables that are no part of the state come along, however a module gets its memory."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from contract import D, HeadContract, V, zipf_words
from vastmax.characters import CharacterCNN
from vastmax.head import Head
from vastmax.methods import RECIPES, Method
from vastmax.objective import NCE, SampledSoftmax
from vastmax.output import Adaptive, Dense
from vastmax.proposal import LogUniform, Mixture, Uniform, Unigram
from vastmax.tensors.constants import Constants

MAKE = HeadContract()


@pytest.fixture(params=sorted(RECIPES))
def recipe(request: pytest.FixtureRequest) -> Method:
    return RECIPES[request.param]


def answers(head: Head, recipe: Method) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    hidden = torch.randn(4, D, generator=generator)
    target = torch.randint(V, (4,), generator=generator)
    torch.manual_seed(2)
    context = MAKE.context(recipe, (4,), "cpu")
    loss = MAKE.loss(head.train(), hidden, target, recipe, context=context)
    log_prob, word_ids = head.eval().topk(hidden, 4)
    drawn = head.sample(hidden, generator=torch.Generator().manual_seed(3))
    return [loss.detach(), log_prob, word_ids, drawn, head.log_prob(hidden).detach()]


def empty_like_junk(module: nn.Module) -> nn.Module:
    """As `to_empty`, which may come upon memory that still holds the right numbers."""
    return module._apply(lambda tensor: torch.full_like(tensor, 1, device="cpu"))


@pytest.mark.parametrize("way", ["to_empty", "meta and to_empty", "meta and assign"])
def test_heads_are_right_once_their_state_is_loaded(recipe: Method, way: str) -> None:
    trained = MAKE.build(recipe, "cpu", dtype=torch.float32)
    if way == "to_empty":
        head = empty_like_junk(recipe(D, zipf_words(V)))
    else:
        with torch.device("meta"):
            head = recipe(D, zipf_words(V))
        assert next(head.output.parameters()).is_meta
        head = empty_like_junk(head) if way == "meta and to_empty" else head
    head.load_state_dict(trained.state_dict(), assign=way == "meta and assign")
    assert not any(buffer.is_meta for buffer in head.buffers())
    for mine, theirs in zip(answers(head, recipe), answers(trained, recipe), strict=True):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("device", ["meta", "junk"])
def test_reset_parameters_makes_a_working_head(recipe: Method, device: str) -> None:
    """Built without numbers or full of junk, then given memory and drawn: as if it had been built here."""
    torch.manual_seed(5)
    fresh = recipe(D, zipf_words(V))
    if device == "junk":
        head = recipe(D, zipf_words(V))
    else:
        with torch.device("meta"):
            head = recipe(D, zipf_words(V))
    empty_like_junk(head)
    head.reset_parameters()
    for key, value in fresh.state_dict().items():
        mine = head.state_dict()[key]
        assert mine.dtype == value.dtype
        if value.is_floating_point() and value.numel() >= 64 and value.std() > 0:
            assert mine.std() / value.std() == pytest.approx(1, abs=0.5), key
        if value.numel() > 1 and (not value.is_floating_point() or key.endswith("bias")):
            of_linear = any(part in key for part in ("transform", "gate", "start", "next_symbol"))
            assert of_linear or mine.equal(value), key
    for mine, theirs in zip(answers(head, recipe), answers(fresh, recipe), strict=True):
        assert mine.shape == theirs.shape
        assert mine.isfinite().all()
    log_prob = head.log_prob(torch.zeros(1, D)).exp().sum()
    assert log_prob <= 1 + 1e-4
    if head.normalised:
        assert log_prob > 1 - 1e-4


def others() -> dict[str, nn.Module]:
    counts = [3, 9, 1, 4, 7]
    return {
        "ranks": Head(Dense(D, 5), SampledSoftmax(LogUniform(5, counts), 3)),
        "mixture": Head(Dense(D, 5), NCE(Mixture([Unigram(counts), Uniform(5)], [1, 1]), 4)),
        "order": Head(Adaptive(D, counts, [2])),
        "characters": CharacterCNN(["a", "bc", "def"], 4),
    }


@pytest.mark.parametrize("name", others())
def test_every_buffer_outside_the_state_is_a_constant(name: str) -> None:
    module = others()[name]
    before = {key: value.clone() for key, value in module.named_buffers() if key not in module.state_dict()}
    assert before
    state = copy.deepcopy(module.state_dict())
    empty_like_junk(module)
    module.load_state_dict(state)
    for key, value in before.items():
        assert module.get_buffer(key).equal(value), key


def test_recipes_keep_no_other_tables(recipe: Method) -> None:
    for module in recipe(D, zipf_words(V)).modules():
        lost = module._non_persistent_buffers_set - set(getattr(module, "_constants", {}))
        assert lost <= {"frozen_table"}  # made on demand, dropped when a state is loaded


class Table(Constants):
    def __init__(self) -> None:
        super().__init__()
        self.register_constant("numbers", torch.arange(3))


def test_no_second_copy_on_the_cpu() -> None:
    table = Table()
    for module in (table, copy.deepcopy(table), table.double(), table.to("meta").to_empty(device="cpu")):
        assert module.numbers.dtype == torch.int64
        assert module.numbers.tolist() == [0, 1, 2]
        assert module.numbers.data_ptr() == module._constants["numbers"].data_ptr()
    assert table.to("meta").numbers.is_meta


def test_memory_that_a_loader_puts_in_a_tables_place_is_the_table_again() -> None:
    noise = Unigram([3, 2, 1])
    before = noise.alias.clone()
    noise.alias = torch.full_like(before, 7)
    assert noise.alias.equal(before)
    assert "alias" in dict(noise.named_buffers())
