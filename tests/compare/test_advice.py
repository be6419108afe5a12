"""The work of each method is what its code really does, the constants are the record's, and the advice follows."""

from __future__ import annotations

import inspect
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vastmax.characters.convolution import DEFAULT_FILTERS, CharacterCNN
from vastmax.compare.advice import DEVELOPMENT_MACHINE, PURPOSES, Advice, Machine, Measurement, Timing, Work, advise
from vastmax.compare.advice.choice import choose
from vastmax.compare.advice.costs import predicted_costs
from vastmax.distribution import huffman_expected_bits
from vastmax.errors import InputError
from vastmax.language_model import LanguageModelSettings
from vastmax.methods import RECIPES, cnn_softmax, parts
from vastmax.methods.case import LARGE_GAIN, SMALL_GAIN, describe_bytes
from vastmax.methods.target_sampling import DEFAULT_PARTITION_WORDS
from vastmax.methods.words import Words, expected_distinct, tries_for
from vastmax.methods.work import Setting
from vastmax.output.linear import native
from vastmax.proposal import Partition
from vastmax.text import Corpus, Vocabulary
from vastmax.training.pytorch.optimizers import optimizers_for
from vastmax.tree import frequency_classes

RECORDS = Path(__file__).resolve().parents[2] / "benchmarks" / "records"
V, D, N = 3_000, 32, 64


def zipf(vocab_size: int) -> np.ndarray:
    return np.maximum(1, np.round(100.0 * vocab_size / np.arange(1, vocab_size + 1))).astype(np.int64)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    """Zipf's law over V words, spelled by their numbers."""
    generator = np.random.default_rng(1)
    law = zipf(V) / zipf(V).sum()
    drawn = generator.choice(V, size=60_000, p=law)
    everything = np.concatenate([np.arange(V), drawn])
    return Corpus([[f"w{word_id}" for word_id in everything]], cache=False)


@pytest.fixture(scope="module")
def words(corpus: Corpus) -> Words:
    return Words(corpus.vocabulary.counts, corpus.vocabulary.words)


# --- the work is that of the code ----------------------------------------------------------------------------------


def test_what_is_assumed_of_the_recipes_is_what_they_start_from() -> None:
    symbol_size = inspect.signature(CharacterCNN).parameters["symbol_size"].default
    assert LanguageModelSettings().partition_size == DEFAULT_PARTITION_WORDS
    assert sum(DEFAULT_FILTERS.values()) == cnn_softmax.FILTERS
    assert sum(width * number for width, number in DEFAULT_FILTERS.items()) == cnn_softmax.PATTERN_SYMBOLS
    assert symbol_size == cnn_softmax.SYMBOL_SIZE
    assert native._FEWEST_EXAMPLES == parts.FEW_EXAMPLES


@pytest.mark.parametrize("method", list(RECIPES))
def test_parameters_state_and_gradient_are_counted_as_they_are(method: str, corpus: Corpus, words: Words) -> None:
    torch.manual_seed(0)
    needs = RECIPES[method].needs
    head = RECIPES[method](D, corpus if "corpus" in needs else corpus.vocabulary)
    work = RECIPES[method].work(Setting(words, D, N))
    parameters = list(head.output.parameters())
    assert work.parameters == sum(parameter.numel() for parameter in parameters)
    optimizers = [optimizer for optimizer, _ in optimizers_for(head, LanguageModelSettings(embedding_lr=1e-9))]
    gradients = []
    for _ in range(8):
        target = torch.multinomial(torch.from_numpy(words.law), N, replacement=True)
        context: dict[str, Any] = {"previous_word_id": target, "partition": Partition(torch.arange(V))}
        context = {name: value for name, value in context.items() if f"context:{name}" in needs}
        head(torch.randn(N, D, requires_grad=True), target, context=context or None).backward()
        gradients.append(sum(_numbers(parameter.grad) for parameter in parameters))
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
    state = [
        tensor
        for optimizer in optimizers
        for kept in optimizer.state.values()
        for tensor in kept.values()
        if isinstance(tensor, torch.Tensor) and tensor.numel() > 1
    ]
    assert work.state == pytest.approx(sum(tensor.numel() for tensor in state), rel=0.01)
    # Which words share a node of a clustered tree is not known before.
    assert work.gradient == pytest.approx(np.mean(gradients), rel=0.25 if method.startswith("clustered") else 0.06)


def _numbers(gradient: torch.Tensor | None) -> int:
    if gradient is None:
        return 0
    return gradient.coalesce().values().numel() if gradient.is_sparse else gradient.numel()


def test_paths_and_classes_are_those_of_the_trees(words: Words) -> None:
    assert words.node_masses.sum() == pytest.approx(huffman_expected_bits(words.counts))
    sizes, masses = words.classes
    tree = frequency_classes(words.counts)
    scored = [sum(int(tree.child_counts[node]) for node in tree.path(word_id).nodes) for word_id in range(V)]
    assert sizes.sum() == V
    assert masses.sum() == pytest.approx(1)
    expected = len(sizes) + float((masses * sizes)[sizes > 1].sum())
    assert expected == pytest.approx(float(words.law @ np.array(scored)))


def test_different_words_among_draws_are_as_many_as_draws_have(words: Words) -> None:
    generator = np.random.default_rng(0)
    drawn = [len(set(generator.choice(V, size=500, p=words.law))) for _ in range(200)]
    expected = float(expected_distinct(words.law, 500).sum())
    assert abs(np.mean(drawn) - expected) < 5 * np.std(drawn) / math.sqrt(200)


def test_tries_give_the_number_of_different_words_wanted(words: Words) -> None:
    assert expected_distinct(words.law, tries_for(words.law, 700)).sum() == pytest.approx(700, rel=1e-3)
    assert tries_for(words.law, V) == math.inf


def test_cuts_and_coverage_add_up() -> None:
    words = Words([50, 20, 20, 5, 2, 2, 1])
    assert [(cut.min_count, cut.words, round(cut.unknown_share, 4)) for cut in words.cuts] == [
        (2, 6, 0.01),
        (3, 4, 0.05),
        (10, 3, 0.1),
    ]
    assert Words(zipf(500)).coverage.keys() == {10, 100}
    assert Words([2] * 40).coverage == {10: pytest.approx(0.25)}


# --- the machine ---------------------------------------------------------------------------------------------------


def test_fitting_finds_the_constants_that_made_the_times() -> None:
    generator = np.random.default_rng(0)
    truth = Machine("there", 2e-11, 5e-10, 3e-10, 7e-11, 2e-5)
    scales = 1 / truth.as_vector()
    observed = []
    for _ in range(40):
        work = Work(*(float(x) for x in scales * generator.exponential(size=5)))
        observed.append((work, truth.seconds(work)))
    found = DEVELOPMENT_MACHINE.fitted(observed, name="found", firmness=1e-9)
    assert found.as_vector() == pytest.approx(truth.as_vector(), rel=1e-3)


def test_constants_of_which_nothing_is_observed_stay() -> None:
    found = DEVELOPMENT_MACHINE.fitted([(Work(multiply_adds=1e9), 1.0)], name="found", firmness=1e-6)
    assert found.multiply_add == pytest.approx(1e-9, rel=1e-3)
    assert found.as_vector()[1:] == pytest.approx(DEVELOPMENT_MACHINE.as_vector()[1:])


def test_the_constants_are_those_of_the_record_and_foresee_it_well() -> None:
    record = json.loads((RECORDS / "advise.json").read_text())
    assert DEVELOPMENT_MACHINE.constants() == record["constants"]
    assert record["share_within_1_5"] >= 0.9
    assert record["factor_off"]["median"] <= 1.25
    timed = {method for case in record["cases"].values() for method in (step["method"] for step in case["steps"])}
    assert timed == {name for name in RECIPES if not name.startswith("clustered")}, "whose steps are those of trees"


def test_the_record_is_foreseen_by_the_work_that_is_counted_now(data_folder: Path) -> None:
    record = json.loads((RECORDS / "advise.json").read_text())
    vocabulary = Corpus(data_folder / "wikilm.train.txt.xz", cache=False).vocabulary
    for number, (name, case) in enumerate(record["cases"].items()):
        V, D = (int(part.partition("=")[2]) for part in name.split(", ")[:2])
        kept = vocabulary.truncate(max_size=V)
        words = Words(kept.counts, kept.words)
        for step in case["steps"]:
            work = RECIPES[step["method"]].work(Setting(words, D, step["examples"])).train
            recorded = list(record["predicted_over_timed"][step["method"]].values())[number]
            assert DEVELOPMENT_MACHINE.seconds(work) / step["seconds"] == pytest.approx(recorded, rel=0.02)


def test_steps_of_another_record_are_foreseen_too() -> None:
    """That record's steps took no part in the fit: another law of words, SGD, CPU-seconds of two threads."""
    groups = json.loads((RECORDS / "output_layers.json").read_text())["groups"]
    cases = [
        ("cross-entropy", "cross-entropy", "softmax", 100_000),
        ("sampled", "sampled-softmax", "sampled-softmax", 100_000),
        ("sampled", "nce", "nce", 100_000),
        ("sampled", "negative-sampling", "negative-sampling", 100_000),
        ("sampled-by-size", "nce, V = 10000", "nce", 10_000),
        ("hierarchical", "huffman, V = 10000", "hierarchical-softmax", 10_000),
        ("hierarchical", "huffman, V = 100000", "hierarchical-softmax", 100_000),
        ("hierarchical", "two-level", "two-level", 100_000),
        ("adaptive", "adaptive, V = 100k", "adaptive", 100_000),
    ]
    words = {vocab_size: Words(zipf(vocab_size)) for *_, vocab_size in cases}
    off = {}
    for group, case, method, vocab_size in cases:
        timed = groups[group]["cases"][case]["cpu_seconds"]["median"]
        step = RECIPES[method].work(Setting(words[vocab_size], 256, 1024)).train
        off[case] = math.exp(abs(math.log(DEVELOPMENT_MACHINE.seconds(step) / timed)))
    assert max(off.values()) < 2, off
    assert sum(factor <= 1.5 for factor in off.values()) >= 7, off


# --- the choice ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("vocab_size", [2, 5, 300, 10_000, 100_000])
def test_advice_is_whole_for_any_vocabulary(purpose: Any, vocab_size: int) -> None:
    advice = advise(zipf(vocab_size), hidden_size=64, batch_size=128, purpose=purpose)
    taken = [reasoned.method for reasoned in advice.choice.take]
    avoided = [reasoned.method for reasoned in advice.choice.avoid]
    # Of so few words a softmax is so cheap that hardly anything is no dearer.
    assert len(taken) == 3 or (vocab_size <= 300 and purpose == "train" and taken[0] == "softmax")
    assert len({*taken, *avoided}) == len(taken) + len(avoided)
    assert {*taken, *avoided} <= set(RECIPES)
    assert all(reasoned.why.endswith(".") for reasoned in advice.choice.take)
    assert [cost.method for cost in advice.costs] == list(RECIPES)
    assert all(cost.step_seconds > 0 and cost.score_seconds > 0 and cost.best_seconds > 0 for cost in advice.costs)
    assert advice.cost("softmax").gain == 1
    assert json.loads(json.dumps(advice.to_json()))["facts"]["types"] == vocab_size
    assert any("vastmax compare" in note for note in advice.choice.notes)


def test_size_decides_what_to_train() -> None:
    small, large = (advise(zipf(size), hidden_size=128) for size in (1_500, 200_000))
    assert small.cost("sampled-softmax").gain < SMALL_GAIN
    assert large.cost("sampled-softmax").gain > LARGE_GAIN
    assert (small.choice.size, small.choice.take[0].method) == ("small", "softmax")
    assert large.choice.size == "large"
    assert [reasoned.method for reasoned in large.choice.take[:2]] == ["clustered-hierarchical", "sampled-softmax"]
    assert "hierarchical-softmax" in {reasoned.method for reasoned in small.choice.avoid}
    assert "softmax" in {reasoned.method for reasoned in large.choice.avoid}


@pytest.mark.parametrize("options", [{"hidden_size": 128, "batch_size": 1}, {"hidden_size": 10**8}])
def test_what_is_dearer_than_the_softmax_is_not_advised_where_likelihoods_count(options: dict[str, Any]) -> None:
    advice = advise(zipf(300), **options)
    assert advice.choice.take[0].method == "softmax"
    assert all(advice.cost(reasoned.method).gain > 0.66 for reasoned in advice.choice.take)
    assert any(cost.gain < 0.66 for cost in advice.costs)


def test_what_takes_too_much_memory_is_not_advised() -> None:
    counts = zipf(100_000)
    whole = advise(counts, hidden_size=256)
    limit = whole.cost("adaptive").training_bytes + 1
    costs = list(whole.costs)
    choice = choose(costs, "train", spelled=True, memory_bytes=limit)
    assert [reasoned.method for reasoned in choice.take] == ["adaptive", "cnn-softmax", "char-lstm"]
    refused = {reasoned.method: reasoned.why for reasoned in choice.avoid}
    assert refused["sampled-softmax"] == f"needs 105 MB in training, but only {describe_bytes(limit)} are available"
    assert all(whole.cost(method).training_bytes > limit for method, why in refused.items() if "allowed" in why)
    assert advise(counts, hidden_size=256, memory_bytes=1000).choice.take == ()


def test_reasons_state_the_figures_of_the_table() -> None:
    advice = advise(zipf(200_000), hidden_size=128)
    taken = advice.choice.take[0]
    assert f"{advice.cost(taken.method).gain:.0f} times cheaper" in taken.why


@pytest.mark.parametrize(
    ("number", "shown"), [(12, "12 B"), (1_500, "1.5 kB"), (74.2e6, "74 MB"), (1.26e9, "1.3 GB"), (2e12, "2,000 GB")]
)
def test_bytes_in_words(number: float, shown: str) -> None:
    assert describe_bytes(number) == shown


# --- the door ------------------------------------------------------------------------------------------------------


def test_counts_vocabulary_and_corpus_give_the_same(corpus: Corpus) -> None:
    by_corpus = advise(corpus, hidden_size=D)
    by_vocabulary = advise(corpus.vocabulary, hidden_size=D)
    assert by_corpus == by_vocabulary
    by_counts = advise(torch.from_numpy(corpus.vocabulary.counts.copy()), hidden_size=D)
    assert by_counts.cost("nce") == by_corpus.cost("nce")
    assert by_counts.cost("char-lstm") != by_corpus.cost("char-lstm")  # letters were assumed, and a note says so
    assert any("letters per word were assumed" in note for note in by_counts.choice.notes)


@pytest.mark.parametrize(
    ("counts", "options", "says"),
    [
        ([], {}, "shape"),
        ([5], {}, "1 word, one of them"),
        ([5, 0], {}, "at least 2 different words"),
        ([3, -1], {}, r"counts\[1\] is -1"),
        ([3, 1], {"hidden_size": 0}, "hidden_size is 0"),
        ([3, 1], {"hidden_size": 2.5}, "hidden_size is 2.5"),
        ([3, 1], {"batch_size": -4}, "batch_size is -4"),
        ([3, 1], {"purpose": "fun"}, "purpose is 'fun'; expected 'train', 'score'"),
        ([3, 1], {"memory_bytes": 0}, "memory_bytes is 0"),
        ([3, 1], {"measure_seconds": math.nan}, "measure_seconds is nan"),
    ],
)
def test_what_cannot_be_advised_on(counts: list[int], options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        advise(counts, **{"hidden_size": 8, **options})


def test_no_torch_is_needed() -> None:
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from vastmax.compare import advise\nfrom vastmax.errors import InputError\n"
        "print(advise([4, 2, 1], hidden_size=8).choice.take[0].method)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "softmax\n"


# --- timing --------------------------------------------------------------------------------------------------------


def test_every_method_is_timed_where_the_text_is_there(corpus: Corpus) -> None:
    torch.set_num_threads(1)
    told = _Told()
    advice = advise(corpus, hidden_size=16, batch_size=32, measure=True, measure_seconds=3, progress=told)
    measured = _measured(advice)
    assert [timing.method for timing in measured.timings] == list(RECIPES)
    assert not any(timing.left_out for timing in measured.timings)
    assert told.most == len(RECIPES)
    for timing in measured.timings:
        cost = advice.cost(timing.method)
        assert cost.timed
        assert cost.step_seconds == timing.seconds
    assert advice.cost("softmax").gain == 1
    assert advice.machine is measured.machine
    assert advice.machine != DEVELOPMENT_MACHINE
    assert "predicted within a factor of 1.5" in measured.verdict()
    assert advice.to_json()["measurement"]["verdict"] == measured.verdict()


class _Told:
    """A Progress that remembers how far it was told things went."""

    most = 0.0

    def begin(self, phase: str, total: float | None, unit: str, done: float = 0.0) -> None:
        self.total = total

    def update(self, done: float, **readings: float | str) -> None:
        self.most = max(self.most, done)

    def end(self) -> None:
        assert self.most == self.total


def test_what_the_source_lacks_is_left_out_and_said() -> None:
    torch.set_num_threads(1)
    counts = zipf(200)
    by_counts = _measured(advise(counts, hidden_size=16, batch_size=32, measure=True, measure_seconds=1))
    left_out = {timing.method: timing.left_out for timing in by_counts.timings if timing.left_out}
    assert left_out.keys() == {name for name, method in RECIPES.items() if method.needs & {"words", "corpus"}}
    assert "learns from the text" in str(left_out["adaptive-importance-sampling"])
    vocabulary = Vocabulary([f"w{i}" for i in range(200)], counts)
    by_words = _measured(advise(vocabulary, hidden_size=16, batch_size=32, measure=True, measure_seconds=1))
    assert {timing.method for timing in by_words.timings if timing.left_out} == {
        name for name, method in RECIPES.items() if "corpus" in method.needs
    }


def test_long_steps_are_timed_in_part_and_large_layers_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    from vastmax.compare.advice import timing

    torch.set_num_threads(1)
    words = Words(zipf(2_000))
    slow = Machine("slow", *(1000 * DEVELOPMENT_MACHINE.as_vector()))
    arguments: dict[str, Any] = {"methods": ["softmax", "nce"], "budget_seconds": 1.0}
    found = {each.method: each for each in timing.time_methods(words.counts, words, 16, 512, slow, **arguments)}
    part = found["softmax"]
    assert part.examples == 32
    assert part.seconds is not None
    assert part.timed_seconds is not None
    assert part.seconds > 2 * part.timed_seconds
    monkeypatch.setattr(timing, "_free_bytes", lambda: 1000)
    refused = timing.time_methods(words.counts, words, 16, 512, slow, **arguments)
    assert all("memory are free" in str(each.left_out) for each in refused)


def _measured(advice: Advice) -> Measurement:
    assert advice.measurement is not None
    return advice.measurement


def test_the_verdict_takes_out_how_fast_the_machine_is() -> None:
    costs = predicted_costs(Setting(Words(zipf(500)), 16, 32), DEVELOPMENT_MACHINE)

    def verdict(factor: Callable[[int], float], cpu_share: float = 1.0) -> Measurement:
        timings = [
            Timing(cost.method, cost.step_seconds * factor(i), cost.step_seconds, 32, 3, cpu_share)
            for i, cost in enumerate(costs)
        ]
        return Measurement.of(timings, costs, DEVELOPMENT_MACHINE, name="here")

    even = verdict(lambda _: 3.0)
    assert even.slowness == pytest.approx(3)
    assert even.num_near == len(costs)
    assert "3.0 times as long" in even.verdict()
    assert verdict(lambda _: 0.25).verdict().startswith("This machine was 4.0 times as fast")
    uneven = verdict(lambda i: 4.0 if i == 0 else 1.0)
    assert uneven.num_near == len(costs) - 1
    assert uneven.predicted_over_timed["softmax"] < 0.5
    assert "used the processor" not in even.verdict()
    assert "used the processor 60% of the time" in verdict(lambda _: 1.0, 0.4).verdict()
    assert Measurement.of([], costs, DEVELOPMENT_MACHINE, name="here").verdict() == "No step was timed."
