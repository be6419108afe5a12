"""What every head must do, whatever it is made of. `tests/test_recipes.py` runs it over all of RECIPES.

A test class inherits `HeadContract` and gives a fixture `recipe`. `device` goes over the CPU and, where there is one,
CUDA.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from chance import chi_square_p_value
from vastmax.errors import InputError
from vastmax.head import Head
from vastmax.methods import Method
from vastmax.methods.parts import softmax_work
from vastmax.proposal import Partition
from vastmax.proposal.fixed import FixedProposal
from vastmax.text import Vocabulary

D = 8
V = 37
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@dataclass(frozen=True)
class Words:
    """Enough of a Vocabulary for any recipe."""

    words: list[str]
    counts: np.ndarray

    @property
    def vocabulary(self) -> Vocabulary:
        """And enough of a corpus, each word once."""
        return Vocabulary(self.words, self.counts)

    def blocks(self) -> list[tuple[np.ndarray, np.ndarray]]:
        return [(np.arange(len(self.counts)), np.array([0, len(self.counts)]))]


def zipf_words(vocab_size: int) -> Words:
    counts = np.maximum(1000 / np.arange(1, vocab_size + 1), 1).astype(np.int64)
    return Words([f"w{chr(97 + i % 26)}{i}" for i in range(vocab_size)], counts)


def own_method(name: str, build: Callable[..., Head], needs: frozenset[str] = frozenset()) -> Method:
    """Return a method that is in no registry, around a function that builds heads."""
    return Method(
        name=name,
        title=name,
        summary=f"{name}, of one's own",
        source="Anybody 2026",
        family="all words",
        family_rank=99,
        build=build,
        work=softmax_work,
        complexity=99,
        needs=needs,
    )


class HeadContract:
    """The suite. Heads are float64 unless a test is about dtypes, so that equalities can be tight."""

    @pytest.fixture(params=DEVICES)
    def device(self, request: pytest.FixtureRequest) -> str:
        return request.param

    @pytest.fixture(autouse=True)
    def _seed(self) -> None:
        torch.manual_seed(20240607)
        torch.set_num_threads(1)  # these are small products: more threads only wait for each other

    def build(self, recipe: Method, device: str, *, vocab_size: int = V, dtype: torch.dtype = torch.float64) -> Head:
        return self.scatter(recipe(D, zipf_words(vocab_size))).to(device=device, dtype=dtype)

    def scatter(self, head: Head) -> Head:
        """Move the parameters away from where they start, so that words differ; wide matrices by less an entry."""
        with torch.no_grad():
            for parameter in head.parameters():
                width = parameter.shape[-1] if parameter.ndim > 1 else D
                parameter.add_(0.5 * min(1, D / width) ** 0.5 * torch.randn_like(parameter))
        return head

    def context(self, recipe: Method, leading: tuple[int, ...], device: str, vocab_size: int = V) -> Any:
        """Word ids, one an example, for whatever a recipe needs that is no word ids by its nature."""
        names = [need.removeprefix("context:") for need in recipe.needs if need.startswith("context:")]
        context: dict[str, Any] = {name: torch.randint(vocab_size, leading, device=device) for name in names}
        if "partition" in context:
            context["partition"] = Partition(torch.arange(vocab_size, device=device))
        return context or None

    def batch(self, *leading: int, device: str, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
        hidden = torch.randn(*leading, D, device=device, dtype=dtype, requires_grad=True)
        return hidden, torch.randint(V, leading, device=device)

    def loss(self, head: Head, hidden: Tensor, target: Tensor, recipe: Method, seed: int = 1, **options: Any) -> Tensor:
        options.setdefault("context", self.context(recipe, tuple(hidden.shape[:-1]), hidden.device.type))
        options.setdefault("generator", torch.Generator(device=hidden.device).manual_seed(seed))
        learned = {name: value.clone() for name, value in head.objective.state_dict().items()}
        loss = head(hidden, target, **options)
        head.objective.load_state_dict(learned)  # a proposal that learns must not tell one call from the next
        return loss

    # --- as nn.CrossEntropyLoss does -------------------------------------------------------------------------------

    def test_any_leading_dimensions(self, recipe: Method, device: str) -> None:
        head = self.build(recipe, device)
        hidden, target = self.batch(2, 3, device=device)
        context = self.context(recipe, (2, 3), device)
        flat_context = context and {
            name: value.flatten() if isinstance(value, Tensor) else value for name, value in context.items()
        }
        shaped = self.loss(head, hidden, target, recipe, reduction="none", context=context)
        flat = self.loss(head, hidden.flatten(0, 1), target.flatten(), recipe, reduction="none", context=flat_context)
        assert shaped.shape == (2, 3)
        torch.testing.assert_close(shaped.flatten(), flat)
        single = head.eval()(hidden[0, 0], target[0, 0])
        torch.testing.assert_close(single, head(hidden, target, reduction="none")[0, 0])

    def test_reductions_agree(self, recipe: Method, device: str) -> None:
        head = self.build(recipe, device)
        hidden, target = self.batch(11, device=device)
        context = self.context(recipe, (11,), device)
        none, total, mean = (
            self.loss(head, hidden, target, recipe, reduction=kind, context=context) for kind in ("none", "sum", "mean")
        )
        torch.testing.assert_close(none.sum(), total)
        torch.testing.assert_close(total / 11, mean)

    @pytest.mark.parametrize("ignore_index", [-100, 3])
    def test_ignored_targets_take_no_part(self, recipe: Method, device: str, ignore_index: int) -> None:
        head = self.build(recipe, device)
        hidden, target = self.batch(9, device=device)
        target[target == ignore_index] = 4
        ignored = torch.tensor([1, 5, 8], device=device)
        kept = torch.tensor([0, 2, 3, 4, 6, 7], device=device)
        target[ignored] = ignore_index
        loss = self.loss(head, hidden, target, recipe, reduction="none", ignore_index=ignore_index)
        assert loss[ignored].eq(0).all()
        mean = self.loss(head, hidden, target, recipe, ignore_index=ignore_index)
        mean.backward()
        assert hidden.grad is not None
        assert hidden.grad[ignored].eq(0).all()
        assert hidden.grad[kept].ne(0).any(dim=1).all()
        head.eval()
        torch.testing.assert_close(
            head(hidden, target, ignore_index=ignore_index), head(hidden[kept], target[kept], ignore_index=ignore_index)
        )

    def test_several_targets_share_an_example(self, recipe: Method, device: str) -> None:
        head = self.build(recipe, device)
        hidden, _ = self.batch(3, device=device)
        target = torch.tensor([[4, 7, 9], [1, -100, -100], [5, 2, -100]], device=device)
        loss = self.loss(head, hidden, target, recipe)
        loss.backward()
        assert hidden.grad is not None
        assert loss.isfinite()
        assert hidden.grad.ne(0).any(dim=1).all()
        head.eval()
        log_prob = head.log_prob(hidden)
        expected = -torch.stack([log_prob[0, [4, 7, 9]].mean(), log_prob[1, 1], log_prob[2, [5, 2]].mean()])
        torch.testing.assert_close(head(hidden, target, reduction="none"), expected)
        torch.testing.assert_close(head(hidden, target), expected.mean())

    def test_nothing_to_learn_from(self, recipe: Method, device: str) -> None:
        """No examples, or none that count: the loss is 0, and so is every gradient."""
        head = self.build(recipe, device)
        hidden, target = self.batch(4, device=device)
        for empty_hidden, empty_target in [(hidden[:0], target[:0]), (hidden, torch.full_like(target, -100))]:
            loss = self.loss(head, empty_hidden, empty_target, recipe)
            assert loss.item() == 0
            loss.backward()
            for parameter in head.parameters():
                assert parameter.grad is None or parameter.grad.to_dense().eq(0).all()
        assert hidden.grad is not None
        assert hidden.grad.eq(0).all()
        assert head.topk(hidden[:0], 3)[1].shape == (0, 3)
        assert head.sample(hidden[:0]).shape == (0,)
        assert head.log_prob(hidden[:0]).shape == (0, V)
        assert head.log_prob(hidden[:0], target[:0]).shape == (0,)

    def test_memory_layout_changes_nothing(self, recipe: Method, device: str) -> None:
        head = self.build(recipe, device)
        hidden = torch.randn(D, 6, 2, device=device, dtype=torch.float64).permute(2, 1, 0)
        target = torch.randint(V, (6, 2), device=device).T
        context = self.context(recipe, (2, 6), device)
        assert not hidden.is_contiguous()
        assert not target.is_contiguous()
        torch.testing.assert_close(
            self.loss(head, hidden, target, recipe, context=context),
            self.loss(head, hidden.contiguous(), target.contiguous(), recipe, context=context),
        )
        torch.testing.assert_close(head.log_prob(hidden), head.log_prob(hidden.contiguous()))
        assert head.topk(hidden, 4)[1].equal(head.topk(hidden.contiguous(), 4)[1])

    # --- numbers ---------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    def test_dtypes(self, recipe: Method, device: str, dtype: torch.dtype) -> None:
        precise = self.build(recipe, device)
        head = copy.deepcopy(precise).to(dtype)
        hidden, target = self.batch(16, device=device)
        low = hidden.detach().to(dtype).requires_grad_()
        tolerance = 1e-5 if dtype == torch.float32 else 0.1
        context = self.context(recipe, (16,), device)
        loss = self.loss(head, low, target, recipe, context=context)
        assert loss.dtype == torch.float32
        reference = self.loss(precise, low.detach().to(torch.float64), target, recipe, context=context)
        torch.testing.assert_close(loss.double(), reference, rtol=tolerance, atol=tolerance)
        loss.backward()
        assert low.grad is not None
        assert low.grad.dtype == dtype
        assert low.grad.isfinite().all()
        for parameter in head.parameters():
            if parameter.grad is not None:
                assert parameter.grad.dtype == parameter.dtype
                assert parameter.grad.to_dense().isfinite().all()
        torch.testing.assert_close(
            head.eval()(low, target).double(), precise.eval()(hidden, target), rtol=tolerance, atol=tolerance
        )

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
    def test_autocast(self, recipe: Method, device: str, dtype: torch.dtype) -> None:
        head = self.build(recipe, device, dtype=torch.float32)
        hidden, target = self.batch(16, device=device, dtype=torch.float32)
        context = self.context(recipe, (16,), device)
        reference = self.loss(head, hidden, target, recipe, context=context)
        with torch.autocast(device, dtype=dtype):
            loss = self.loss(head, hidden, target, recipe, context=context)
            from_encoder = self.loss(head, hidden.to(dtype), target, recipe, context=context)
        assert loss.dtype == from_encoder.dtype == torch.float32
        torch.testing.assert_close(loss, reference, rtol=0.05, atol=0.05)
        torch.testing.assert_close(from_encoder, reference, rtol=0.05, atol=0.05)
        loss.backward()
        assert hidden.grad is not None
        assert hidden.grad.isfinite().all()
        for parameter in head.parameters():
            assert parameter.grad is None or parameter.grad.dtype == torch.float32
        with torch.autocast(device, dtype=dtype):
            assert head.eval()(hidden, target).sub(reference).abs() < 10
            assert head.topk(hidden, 2)[0].isfinite().all()

    def test_probabilities_sum_to_one(self, recipe: Method, device: str) -> None:
        head = self.build(recipe, device)
        hidden, target = self.batch(2, 3, device=device)
        log_prob = head.log_prob(hidden)
        assert log_prob.shape == (2, 3, V)
        if head.normalised:
            torch.testing.assert_close(log_prob.exp().sum(dim=-1), torch.ones_like(log_prob[..., 0]))
        of_target = log_prob.gather(-1, target[..., None]).squeeze(-1)
        torch.testing.assert_close(head.log_prob(hidden, target), of_target)
        torch.testing.assert_close(head.eval()(hidden, target, reduction="none"), -of_target)

    @pytest.mark.parametrize("vocab_size", [1, 2, 3])
    def test_tiny_vocabularies(self, recipe: Method, device: str, vocab_size: int) -> None:
        head = self.build(recipe, device, vocab_size=vocab_size)
        hidden = torch.randn(5, D, device=device, dtype=torch.float64, requires_grad=True)
        target = torch.randint(vocab_size, (5,), device=device)
        context = self.context(recipe, (5,), device, vocab_size)
        loss = self.loss(head, hidden, target, recipe, context=context)
        loss.backward()
        assert loss.isfinite()
        assert hidden.grad is not None
        assert hidden.grad.isfinite().all()
        log_prob, word_ids = head.topk(hidden, vocab_size)
        if head.normalised:
            torch.testing.assert_close(log_prob.exp().sum(dim=1), torch.ones(5, device=device, dtype=torch.float64))
        assert word_ids.sort(dim=1).values.equal(torch.arange(vocab_size, device=device).expand(5, -1))
        assert (head.sample(hidden) < vocab_size).all()

    def test_learns(self, recipe: Method, device: str) -> None:
        """Plain SGD on the training loss brings the exact loss down."""
        head = recipe(D, zipf_words(V)).to(device)
        words = torch.randn(V, D, device=device)
        target = torch.randint(V, (256,), device=device)
        hidden = words[target]
        optimiser = torch.optim.SGD(head.parameters(), lr=0.5)
        before = head.eval()(hidden, target).item()
        head.train()
        context = self.context(recipe, (256,), device)
        for step in range(60):
            optimiser.zero_grad()
            self.loss(head, hidden, target, recipe, seed=step, context=context).backward()
            optimiser.step()
        assert head.eval()(hidden, target).item() < 0.7 * before

    # --- queries ---------------------------------------------------------------------------------------------------

    def test_exact_loss_takes_weights_and_smoothing(self, recipe: Method, device: str) -> None:
        """In eval mode, whatever the layer: PyTorch's own loss of its scores."""
        head = self.build(recipe, device).eval()
        hidden, target = self.batch(3, 4, device=device)
        weight = torch.rand(V, dtype=torch.float64, device=device)
        scores = head.likelihood().logits(hidden.flatten(0, 1))
        log_prob = head.log_prob(hidden).flatten(0, 1)
        if head.normalised:
            torch.testing.assert_close(scores.log_softmax(dim=1), log_prob)
        loss = head(hidden, target, weight=weight, label_smoothing=0.3, reduction="sum")
        of_target = log_prob.gather(1, target.view(-1, 1)).squeeze(1)
        expected = -0.7 * (weight[target.view(-1)] * of_target).sum() - 0.3 / V * (log_prob @ weight).sum()
        torch.testing.assert_close(loss, expected)

    @pytest.mark.parametrize("k", [1, 5, V])
    def test_topk_is_brute_force(self, recipe: Method, device: str, k: int) -> None:
        head = self.build(recipe, device)
        hidden, _ = self.batch(3, 4, device=device)
        expected = head.log_prob(hidden).topk(k, dim=-1)
        log_prob, word_ids = head.topk(hidden, k)
        assert word_ids.equal(expected.indices)
        torch.testing.assert_close(log_prob, expected.values)

    def test_samples_follow_the_distribution(self, recipe: Method, device: str) -> None:
        head = self.build(recipe, device)
        hidden, _ = self.batch(1, device=device)
        draws = 20_000
        generator = torch.Generator(device=device).manual_seed(3)
        word_ids = head.sample(hidden.expand(draws, -1), generator=generator)
        probability = head.log_prob(hidden)[0].exp().detach().cpu().numpy()
        probability /= probability.sum()  # 1 already if the head is normalised
        observed = np.bincount(word_ids.cpu().numpy(), minlength=V).astype(float)
        order = np.argsort(probability)
        rare = order[: np.searchsorted(np.cumsum(probability[order]) * draws, 10) + 1]  # one cell of at least 10
        often = np.setdiff1d(np.arange(V), rare)
        expected = np.append(probability[often], probability[rare].sum()) * draws
        cells = np.append(observed[often], observed[rare].sum())
        assert chi_square_p_value(cells, expected * cells.sum() / expected.sum()) > 1e-3

    # --- life of a module ------------------------------------------------------------------------------------------

    def test_state_dict_round_trip(self, recipe: Method, device: str) -> None:
        head, other = self.build(recipe, device), self.build(recipe, device)
        hidden, _ = self.batch(4, device=device)
        assert not torch.allclose(head.log_prob(hidden), other.log_prob(hidden))
        other.load_state_dict(head.state_dict())
        torch.testing.assert_close(head.log_prob(hidden), other.log_prob(hidden))

    def test_deepcopy_is_independent(self, recipe: Method, device: str) -> None:
        head = self.build(recipe, device)
        hidden, target = self.batch(4, device=device)
        twin = copy.deepcopy(head)
        before = head.log_prob(hidden)
        torch.testing.assert_close(twin.log_prob(hidden), before)
        self.scatter(twin)
        torch.testing.assert_close(head.log_prob(hidden), before)
        self.loss(twin, hidden, target, recipe).backward()
        assert all(parameter.grad is None for parameter in head.parameters())

    def test_noise_is_reproducible(self, recipe: Method, device: str) -> None:
        head = self.build(recipe, device)
        hidden, target = self.batch(12, device=device)
        context = self.context(recipe, (12,), device)

        def step(seed: int) -> list[Tensor]:
            head.zero_grad()
            loss = self.loss(head, hidden, target, recipe, seed=seed, context=context)
            loss.backward()
            return [loss.detach(), *(p.grad.to_dense() for p in head.parameters() if p.grad is not None)]

        once, twice = step(5), step(5)
        for first, second in zip(once, twice, strict=True):
            torch.testing.assert_close(first, second)
        torch.manual_seed(9)
        default = self.loss(head, hidden, target, recipe, context=context, generator=None)
        torch.manual_seed(9)
        again = self.loss(head, hidden, target, recipe, context=context, generator=None)
        torch.testing.assert_close(again, default)
        noise = head.objective.proposal
        if isinstance(noise, FixedProposal) and not noise.unique:  # unique draws are all words here
            assert not torch.equal(step(6)[0], once[0])

    @pytest.mark.filterwarnings(
        "ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning"
    )  # PyTorch's own
    def test_compiled_model_computes_the_same(self, recipe: Method, device: str) -> None:
        head = self.build(recipe, device, dtype=torch.float32)
        encoder = nn.Linear(D, D).to(device)
        hidden, target = self.batch(6, device=device, dtype=torch.float32)
        context = self.context(recipe, (6,), device)

        def model(inputs: Tensor, target: Tensor) -> Tensor:
            return head(encoder(inputs), target, context=context)

        learned = {name: value.clone() for name, value in head.state_dict().items()}

        def step(function: Any) -> list[Tensor]:
            head.load_state_dict(learned)
            head.zero_grad()
            encoder.zero_grad()
            torch.manual_seed(2)
            loss = function(hidden, target)
            loss.backward()
            parameters = [*head.parameters(), *encoder.parameters()]
            return [loss.detach(), *(p.grad.to_dense() for p in parameters if p.grad is not None)]

        plain = step(model)
        torch.compiler.reset()
        for mine, theirs in zip(step(torch.compile(model, backend="aot_eager")), plain, strict=True):
            torch.testing.assert_close(mine, theirs)

    def test_diagnosis(self, recipe: Method, device: str) -> None:
        head = self.build(recipe, device)
        hidden, target = self.batch(8, device=device)
        figures = head.diagnose(hidden, target, context=self.context(recipe, (8,), device))
        assert figures["exact_loss"] == pytest.approx(head.eval()(hidden, target).item())
        assert 0 < figures["touched_share"] <= 1
        assert figures["gap"] == pytest.approx(figures["training_loss"] - figures["exact_loss"])
        assert all(parameter.grad is None for parameter in head.parameters())

    # --- bad input -------------------------------------------------------------------------------------------------

    def test_bad_input_is_refused_in_words(self, recipe: Method, device: str) -> None:
        head = self.build(recipe, device)
        hidden, target = self.batch(2, 3, device=device)
        hidden = hidden.detach()
        wrong = target.clone()
        wrong[1, 2] = V
        with pytest.raises(InputError, match=rf"target\[1, 2\] is {V}; expected a word id in \[0, {V}\)"):
            self.loss(head, hidden, wrong, recipe)
        wrong[1, 2] = -1
        with pytest.raises(InputError, match=r"target\[1, 2\] is -1"):
            head.log_prob(hidden, wrong)
        with pytest.raises(InputError, match=rf"hidden has shape \(2, 3, {D - 1}\).*hidden_size"):
            self.loss(head, hidden[..., 1:], target, recipe)
        with pytest.raises(InputError, match=r"target has shape \(2, 2\) for hidden"):
            self.loss(head, hidden, target[:, :2], recipe)
        with pytest.raises(InputError, match=r"dtype torch.float64; expected word ids"):
            self.loss(head, hidden, target.double(), recipe)
        with pytest.raises(InputError, match=r"hidden has dtype torch\.float32 but the output layer torch.float64"):
            self.loss(head, hidden.float(), target, recipe)
        with pytest.raises(InputError, match=r"hidden has dtype torch\.int64"):
            head.log_prob(hidden.long())
        for k in (0, V + 1):
            with pytest.raises(
                InputError, match=rf"k is {k}; expected a whole number from 1 to {V} \(the vocabulary size\)"
            ):
                head.topk(hidden, k)
        with pytest.raises(InputError, match="reduction is 'median'"):
            self.loss(head, hidden, target, recipe, reduction="median")
        with pytest.raises(InputError, match="label_smoothing is 2"):
            self.loss(head, hidden, target, recipe, label_smoothing=2)
        if any(need.startswith("context:") for need in recipe.needs):
            with pytest.raises(InputError, match=r"context contains nothing, but .* needs"):
                self.loss(head, hidden, target, recipe, context=None)
