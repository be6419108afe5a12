"""The training loop: what is learned from a chain of known entropy, exact resume, and every setting seen at work."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from vastmax import RECIPES, Vocabulary
from vastmax.encoder import LSTM, LogBilinear, Transformer
from vastmax.errors import InputError
from vastmax.language_model import LanguageModel, LanguageModelSettings, Trainer, TrainingFailedError
from vastmax.language_model.text import EncodedText
from vastmax.objective import CrossEntropy

V, D = 30, 32
EXACT = 0.03  # nats left above the entropy rate: a table of all pairs, counted, would leave half of that


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


class Chain:
    """A Markov chain of V words, each followed by four others; its entropies are known."""

    def __init__(self) -> None:
        random = np.random.default_rng(1)
        self.following = np.zeros((V, V))
        for row in self.following:
            row[random.choice(V, 4, replace=False, p=zipf())] = random.dirichlet(np.ones(4))
        self.following = 0.98 * self.following + 0.02 * zipf()
        law = np.full(V, 1 / V)
        for _ in range(200):
            law = law @ self.following
        self.law = law
        self.entropy = -(law @ (self.following * np.log(self.following)).sum(1))
        self.unigram_entropy = -(law @ np.log(law))
        cumulative = self.following.cumsum(1)
        words, word = np.empty(12_000, dtype=np.int32), 0
        for i, uniform in enumerate(random.random(words.size)):
            word = min(int(np.searchsorted(cumulative[word], uniform)), V - 1)
            words[i] = word
        counts = np.bincount(words, minlength=V)
        order = np.argsort(-counts, kind="stable")
        rank = np.argsort(order)
        self.words = rank[words].astype(np.int32)  # ids in count order
        self.law, self.following = law[order], self.following[np.ix_(order, order)]
        self.vocabulary = Vocabulary([f"w{chr(97 + i % 26)}{i}" for i in range(V)], counts[order])

    def expected_nats(self, model: LanguageModel) -> float:
        """−Σ p(i)·p(j | i)·log q(j | i), no sample needed."""
        model.eval()
        with torch.no_grad():
            hidden, _ = model.encoder(torch.arange(V)[:, None])
            log_prob = model.head.log_prob(hidden[:, 0]).double().numpy()
        return float(-(self.law @ (self.following * log_prob).sum(1)))


def zipf() -> Any:
    share = 1 / np.arange(1, V + 1)
    return share / share.sum()


@pytest.fixture(scope="module")
def chain() -> Chain:
    return Chain()


def settings(**changed: Any) -> LanguageModelSettings:
    usual = {"epochs": 2, "num_streams": 8, "bptt": 16, "warmup_steps": 0, "embedding_lr": 0.3, "dense_lr": 2e-2}
    return LanguageModelSettings(**{**usual, **changed})


def model_of(chain: Chain, recipe: str = "softmax", encoder: Callable[..., Any] = LogBilinear, **options: Any) -> Any:
    torch.manual_seed(0)
    if encoder is LogBilinear:
        options = {"context_size": 1, **options}
    needs = RECIPES[recipe].needs
    source = EncodedText(chain.words, chain.vocabulary) if "corpus" in needs else chain.vocabulary
    return LanguageModel(encoder(V, D, **options), RECIPES[recipe](D, source))


def trained(chain: Chain, model: LanguageModel, chosen: LanguageModelSettings, **options: Any) -> Trainer:
    trainer = Trainer(model, options.pop("text", chain.words), chosen, first_id=0, **options)
    trainer.run()
    return trainer


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_a_chain_is_learned(chain: Chain, recipe: str) -> None:
    model = model_of(chain, recipe)
    exact = isinstance(model.head.objective, CrossEntropy) and model.head.normalised
    start = chain.expected_nats(model)
    trained(chain, model, settings(epochs=6 if exact else 2, num_streams=16, bptt=25))
    nats = chain.expected_nats(model)
    if exact:
        assert chain.entropy < nats < chain.entropy + EXACT
    elif model.head.normalised:
        assert chain.entropy < nats < chain.unigram_entropy
    else:
        assert nats < start - 0.5


def equal(one: Any, other: Any) -> bool:
    """Bit by bit, through dictionaries and lists."""
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


@pytest.mark.parametrize(
    ("recipe", "encoder", "options"),
    [
        ("sampled-softmax", LSTM, {"dropout": 0.2}),
        ("nce", Transformer, {"num_layers": 1, "num_heads": 2, "memory_size": 3, "dropout": 0.1}),
        ("hierarchical-softmax", LogBilinear, {"context_size": 3}),
        ("target-sampling", LogBilinear, {}),
        ("adaptive-importance-sampling", LogBilinear, {}),
    ],
)
def test_a_resumed_run_is_the_uninterrupted_one(chain: Chain, recipe: str, encoder: Any, options: Any) -> None:
    text = chain.words[:1_000]
    chosen = settings(bptt=9, num_streams=7, accumulation=2, warmup_steps=5, partition_size=27)
    ticks = iter(range(1_000_000))
    clock = {"clock": lambda: float(next(ticks))}  # of which the checkpoint keeps the sum, too
    whole = trained(chain, model_of(chain, recipe, encoder, **options), chosen, text=text, **clock)
    steps = whole.progressed.step
    assert steps == 2 * math.ceil(16 / 2)
    for stop_after in (1, steps // 2 - 1, steps // 2, steps // 2 + 1, steps):  # the ends of both epochs among them
        first = Trainer(
            model_of(chain, recipe, encoder, **options), text, chosen, first_id=0, stop=lambda: True, **clock
        )
        for _ in range(stop_after):
            first.run()
        assert first.progressed.step == stop_after
        state = copy.deepcopy(first.state_dict())
        torch.manual_seed(999)  # a fresh process knows nothing
        second = Trainer(model_of(chain, recipe, encoder, **options), text, chosen, first_id=0, **clock)
        second.load_state_dict(state)
        assert not second.finished
        second.run()
        assert equal(second.state_dict(), whole.state_dict()), stop_after


def test_old_names_of_settings_are_taken_with_a_warning(chain: Chain) -> None:
    with pytest.warns(DeprecationWarning, match="stretch is called bptt now") as told:
        old: Any = LanguageModelSettings(stretch=9, embedding_lr=0.5)  # type: ignore[call-arg]
    assert old == LanguageModelSettings(bptt=9, embedding_lr=0.5)
    assert len(told) == 1
    assert told[0].filename == __file__
    with pytest.warns(DeprecationWarning, match="table_rate is called embedding_lr now"):
        assert old.table_rate == 0.5
    with pytest.raises(TypeError, match="both bptt and stretch"):
        replace(old, stretch=3)
    with pytest.raises(AttributeError, match="no attribute 'rate'"):
        old.rate  # noqa: B018


def test_accumulation_is_the_longer_sequence(chain: Chain) -> None:
    # A window encoder carries words only, so that reading 2 × 10 words and 1 × 20 words at a time is the same sum.
    text = chain.words[:1_010]  # the last batch is shorter, and streams end at different places in it
    plain, accumulating = (model_of(chain, context_size=2).double() for _ in range(2))
    one = trained(chain, plain, settings(bptt=20), text=text)
    two = trained(chain, accumulating, settings(bptt=10, accumulation=2), text=text)
    assert one.progressed.step == two.progressed.step == 2 * math.ceil(math.ceil(1_010 / 8) / 20)
    assert two.progressed.losses == pytest.approx(one.progressed.losses, rel=1e-12)
    for (name, value), other in zip(plain.named_parameters(), accumulating.parameters(), strict=True):
        torch.testing.assert_close(value, other, rtol=1e-9, atol=1e-12, msg=name)


def test_rates_rise_and_fall(chain: Chain) -> None:
    seen: list[tuple[float, float]] = []
    chosen = settings(warmup_steps=4, final_share=0.25, epochs=2, embedding_lr=0.5, dense_lr=0.125)
    trainer = Trainer(
        model_of(chain),
        chain.words[: 8 * 16 * 5],
        chosen,
        first_id=0,
        after_step=lambda progressed, loss: seen.append(tuple(rates(trainer))),
    )
    trainer.run()
    falling = [1 - 0.75 * step / 10 for step in range(10)]
    rising = [min(1, (step + 1) / 4) for step in range(10)]
    shares = [a * b for a, b in zip(falling, rising, strict=True)]
    assert seen == [pytest.approx((0.5 * share, 0.125 * share)) for share in shares]


def rates(trainer: Trainer) -> list[float]:
    return [group["lr"] for optimizer, _ in trainer.optimizers for group in optimizer.param_groups]


def test_gradients_are_clipped(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    from vastmax.language_model import train

    norms: list[tuple[float, float]] = []

    def watched(parameters: Any, max_norm: float) -> Tensor:
        parameters = list(parameters)
        before = clip(parameters, max_norm)
        norms.append((float(before), float(clip(parameters, math.inf))))
        return before

    clip = train.clip_grad_norm_
    monkeypatch.setattr(train, "clip_grad_norm_", watched)
    trained(chain, model_of(chain), settings(max_norm=0.01, epochs=1), text=chain.words[:500])
    assert norms
    assert all(before > 0.01 for before, _ in norms)
    assert [after for _, after in norms] == [pytest.approx(0.01, rel=1e-3)] * len(norms)
    norms.clear()
    trained(chain, model_of(chain), settings(max_norm=None, epochs=1), text=chain.words[:500])
    assert not norms


def test_patience_ends_training(chain: Chain) -> None:
    found = iter([5.0, 4.0, 4.5, 4.0, 3.0, 1.0])
    trainer = trained(
        chain, model_of(chain), settings(epochs=6, patience=2), text=chain.words[:200], validate=lambda: next(found)
    )
    assert trainer.progressed.validation_nats == [5.0, 4.0, 4.5, 4.0]
    assert (trainer.progressed.best_nats, trainer.finished) == (4.0, True)


def test_minutes_end_training_and_set_the_rates(chain: Chain) -> None:
    now = [0.0]

    def clock() -> float:
        now[0] += 1.0  # a step asks four times, of which two seconds are its own
        return now[0]

    def validate() -> float:
        now[0] += 10_000.0  # which does not count
        return 1.0

    shares: list[float] = []
    trainer = Trainer(
        model_of(chain),
        chain.words[: 8 * 16 * 4],
        settings(minutes=0.5, final_share=0.0, embedding_lr=1.0, epochs=1),
        first_id=0,
        validate=validate,
        after_step=lambda progressed, loss: shares.append(rates(trainer)[0]),
        clock=clock,
    )
    trainer.run()
    assert trainer.progressed.training_seconds == 30
    assert shares == [pytest.approx(1 - 2 * step / 30) for step in range(15)]
    assert trainer.progressed.epoch == 4  # three whole ones of 4 steps, and the one under way when the time was up


def test_a_loss_that_is_no_number_stops_before_the_step(chain: Chain) -> None:
    model = model_of(chain)
    with torch.no_grad():
        model.head.output.weight[:, 0] = math.inf
    before = copy.deepcopy(model.state_dict())
    trainer = Trainer(model, chain.words, settings(embedding_lr=0.3, dense_lr=0.02), first_id=0)
    with pytest.raises(
        TrainingFailedError, match=r"the loss was nan at step 1; .* embedding_lr=0\.3 and dense_lr=0\.02"
    ):
        trainer.run()
    assert equal(model.state_dict(), before)
    assert trainer.progressed.step == 0


def test_a_gradient_that_is_no_number_stops_before_the_step(chain: Chain) -> None:
    model = model_of(chain)
    before = copy.deepcopy(model.state_dict())
    model.encoder.place.register_hook(lambda gradient: gradient * math.inf)
    trainer = Trainer(model, chain.words, settings(), first_id=0)
    with pytest.raises(TrainingFailedError, match=r"the norm of the gradient was (nan|inf) at step 1"):
        trainer.run()
    assert equal(model.state_dict(), before)


def test_other_settings_are_not_resumed(chain: Chain) -> None:
    state = Trainer(model_of(chain), chain.words, settings(epochs=2), first_id=0).state_dict()
    other = Trainer(model_of(chain), chain.words, settings(epochs=3, dense_lr=0.5), first_id=0)
    with pytest.raises(InputError, match=r"other settings: epochs was 2, now 3; dense_lr was 0\.02, now 0\.5$"):
        other.load_state_dict(state)


@pytest.mark.parametrize(
    ("precision", "recipe", "encoder"),
    [
        ("bfloat16", "softmax", LSTM),
        ("bfloat16", "sampled-softmax", Transformer),
        ("float16", "sampled-softmax", Transformer),  # PyTorch has no float16 LSTM on every CPU
    ],
)
def test_half_precision_learns_alike(chain: Chain, precision: str, recipe: str, encoder: Any) -> None:
    losses = {}
    for chosen in ("float32", precision):
        options = {"num_layers": 1, "num_heads": 2} if encoder is Transformer else {}
        trainer = trained(
            chain, model_of(chain, recipe, encoder, **options), settings(precision=chosen), text=chain.words[:4_000]
        )
        losses[chosen] = trainer.progressed.losses
    assert losses[precision] != losses["float32"]
    assert losses[precision][-1] == pytest.approx(losses["float32"][-1], abs=0.1)
    assert losses[precision][-1] < chain.unigram_entropy


def test_bad_settings() -> None:
    for wrong, says in [
        ({"epochs": 0}, "epochs is 0; expected a whole number from 1 to 1000000"),
        ({"bptt": True}, "bptt is True"),
        ({"embedding_lr": math.nan}, "embedding_lr is nan; expected a number above 0"),
        ({"minutes": 0}, "minutes is 0"),
        ({"final_share": 1.5}, "final_share is 1.5; expected a number from 0 to 1"),
        ({"precision": "float8"}, "precision is 'float8'; expected 'float32'"),
        ({"weight_decay": -1.0}, "weight_decay is -1.0; expected a number from 0 to"),
    ]:
        with pytest.raises(InputError, match=says):
            settings(**wrong)
