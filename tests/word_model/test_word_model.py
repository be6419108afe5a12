"""Word vectors by every recipe: what is learnt, exact resuming, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import vastmax
from vastmax import RECIPES, Corpus, WordVectors, train_word_model, tree
from vastmax.embedding import DivergenceError
from vastmax.errors import InputError
from vastmax.word_model.checkpoint import WordModelCheckpoints
from vastmax.word_model.model import WordModel
from vastmax.word_model.settings import WordModelSettings, checked, trainable_recipes
from vastmax.word_model.train import train

NUMBERS = ["one", "two", "three", "four", "five", "six"]
FRUITS = ["apple", "pear", "plum", "fig", "lime", "date"]
SMALL: dict[str, Any] = {"vector_size": 16, "min_count": 1, "sample": 0, "threads": 1, "batch_size": 256}
FEW_SAMPLES = {"max_samples": 64, "num_samples": 16}  # by the names under which recipes have them


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    """Sentences of numbers, and sentences of fruits, with words common to both."""
    random = np.random.default_rng(0)
    made = []
    for _ in range(600):
        kind = NUMBERS if random.random() < 0.5 else FRUITS
        words = [*random.choice(kind, 6), *random.choice(["the", "of", "and"], 3)]
        random.shuffle(words)
        made.append([str(word) for word in words])
    return Corpus(made)


def options_for(recipe: str) -> dict[str, Any]:
    known = RECIPES[recipe].build.__kwdefaults__ or {}
    return {name: value for name, value in FEW_SAMPLES.items() if name in known}


def contrast(vectors: WordVectors) -> float:
    """Mean cosine within a kind less that across: 0 for random vectors, give or take 0.1."""
    unit = vectors[[*NUMBERS, *FRUITS]]
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    cosine = unit @ unit.T
    alike = np.kron(np.eye(2), np.ones((6, 6))).astype(bool)
    return float(cosine[alike & ~np.eye(12, dtype=bool)].mean() - cosine[~alike].mean())


@pytest.mark.parametrize("recipe", trainable_recipes())
def test_every_recipe_tells_the_kinds_apart(corpus: Corpus, recipe: str) -> None:
    slow = recipe == "char-lstm"  # it has to learn to spell first
    vectors = train_word_model(
        corpus,
        objective=recipe,
        objective_options=options_for(recipe),
        epochs=6 if slow else 2,
        dense_lr=0.02 if slow else 2e-3,
        **SMALL,
    )
    assert contrast(vectors) > (0.25 if slow else 0.4)
    losses = vectors.training["losses"]
    assert losses[-1] < losses[0]
    assert (vectors.output_vectors is not None) == RECIPES[recipe].dense
    assert vectors.training["predictions"] > 0


@pytest.mark.parametrize("recipe", ["nce", "two-level", "target-sampling"])
def test_cbow_tells_the_kinds_apart(corpus: Corpus, recipe: str) -> None:
    options = options_for(recipe)
    vectors = train_word_model(
        corpus, objective=recipe, model="cbow", objective_options=options, epochs=8, partition_size=8, **SMALL
    )
    assert contrast(vectors) > 0.4


def test_untrained_vectors_do_not(corpus: Corpus) -> None:
    settings = checked(WordModelSettings(vector_size=16))
    model = WordModel.build(settings, corpus.vocabulary)
    assert abs(contrast(WordVectors(corpus.vocabulary.words, model.word_vectors.numpy()))) < 0.15


def test_the_text_is_what_the_native_kernels_see(corpus: Corpus) -> None:
    """Words, vocabulary and, within the noise of the widths, predictions are the same."""
    options = {"vector_size": 8, "min_count": 200, "sample": 0.1, "threads": 1, "epochs": 2, "stop_words": ["the"]}
    mine = train_word_model(corpus, objective="softmax", **options)
    native = vastmax.train_embeddings(corpus, **options)
    assert mine.index_to_key == native.index_to_key
    assert "the" not in mine
    assert mine.counts.tolist() == native.counts.tolist()
    assert mine.training["words"] == native.training["words"]
    assert mine.training["kept"] == pytest.approx(native.training["kept"], rel=0.02)
    assert mine.training["predictions"] == pytest.approx(native.training["predictions"], rel=0.02)


def test_the_same_seed_gives_the_same_bits_whatever_was_drawn_before(corpus: Corpus) -> None:
    bits = []
    for seed in (1, 1, 2):
        torch.rand(seed)
        vectors = train_word_model(corpus, objective="nce", objective_options={"num_samples": 4}, seed=seed, **SMALL)
        bits.append(vectors.vectors.tobytes())
    assert bits[0] == bits[1] != bits[2]


@pytest.mark.parametrize(("recipe", "model"), [("nce", "skipgram"), ("char-lstm", "cbow"), ("target-sampling", "cbow")])
def test_a_stopped_run_goes_on_to_the_bit(corpus: Corpus, tmp_path: Path, recipe: str, model: str) -> None:
    options = {**SMALL, "epochs": 2, "partition_size": 8, "objective_options": options_for(recipe)}
    settings = checked(WordModelSettings(objective=recipe, model=model, **options))
    whole = train(corpus, settings).word_vectors()

    path, resume = tmp_path / "run", False
    for steps in (1, 12, 25):  # in the midst of pieces, and across an epoch
        checkpoints = WordModelCheckpoints(path, settings, resume=resume)
        asked = iter(range(1, steps + 1))
        run = train(corpus, settings, checkpoints=checkpoints, stop=lambda asked=asked: next(asked, None) is None)
        resume = True
        assert path.is_file()
    assert not run.finished
    again = train_word_model(corpus, objective=recipe, model=model, checkpoint=path, resume=True, **options)
    assert again.vectors.tobytes() == whole.vectors.tobytes()
    assert again.training["losses"] == whole.training["losses"]
    assert again.training["predictions"] == whole.training["predictions"]
    assert again.training["words"] == whole.training["words"]


def test_a_run_is_saved_on_its_way(corpus: Corpus, tmp_path: Path) -> None:
    settings = checked(WordModelSettings(objective="softmax", **SMALL))
    checkpoints = WordModelCheckpoints(tmp_path / "run", settings, minutes=1e-6)
    asked = iter([False] * 10)

    def crash() -> bool:
        if next(asked, None) is None:
            raise KeyboardInterrupt
        return False

    with pytest.raises(KeyboardInterrupt):
        train(corpus, settings, checkpoints=checkpoints, stop=crash)
    assert WordModelCheckpoints(tmp_path / "run", settings, resume=True).resumed.state["progressed"]["batch"] > 0


def test_the_size_of_a_checkpoint_is_announced(corpus: Corpus, tmp_path: Path) -> None:
    """By it the first pause between two of them is set: it may be too long, not too short."""
    announced = []

    class Told(WordModelCheckpoints):
        def begin(self, num_bytes: int) -> None:
            announced.append(num_bytes)
            super().begin(num_bytes)

    settings = checked(WordModelSettings(objective="softmax", **{**SMALL, "vector_size": 512}))
    train(corpus, settings, checkpoints=Told(tmp_path / "run", settings), stop=lambda: True)
    assert (tmp_path / "run").stat().st_size <= announced[0] <= 2 * (tmp_path / "run").stat().st_size


def test_what_does_not_fit_a_checkpoint_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    path = tmp_path / "run"
    options = {**SMALL, "objective": "softmax", "epochs": 1}
    train_word_model(corpus, checkpoint=path, checkpoint_minutes=1e-6, **options)
    with pytest.raises(InputError, match="holds a run that was not finished"):
        train_word_model(corpus, checkpoint=path, **options)
    with pytest.raises(InputError, match=r"was started with epochs=1 \(now 3\)"):
        train_word_model(corpus, checkpoint=path, resume=True, **{**options, "epochs": 3})
    with pytest.raises(InputError, match="the text is not the one of the checkpoint"):
        train_word_model([["one", "two"]], checkpoint=path, resume=True, **options)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="is damaged, or of another objective; give its objective"):
        train_word_model(corpus, checkpoint=path, resume=True, **options)
    with pytest.raises(InputError, match="resume is True, but there is no checkpoint"):
        train_word_model(corpus, resume=True, **options)


def test_a_tree_of_ones_own_and_callbacks(corpus: Corpus) -> None:
    reports = []
    vectors = train_word_model(
        corpus,
        objective="hierarchical-softmax",
        objective_options={"tree": tree.balanced(15)},
        callbacks=[reports.append],
        epochs=2,
        **SMALL,
    )
    assert [report.epoch for report in reports] == [1, 2]
    assert [report.loss for report in reports] == vectors.training["losses"]
    assert sum(report.predictions for report in reports) == vectors.training["predictions"]
    assert vectors.training["objective_options"] == {"tree": "Tree"}


def test_a_loss_that_is_no_number_ends_the_run_with_the_vectors_from_before(corpus: Corpus) -> None:
    with pytest.raises(DivergenceError, match=r"training diverged in epoch 1 .* try alpha=2.5e\+29") as failed:
        train_word_model(corpus, objective="self-normalised", epochs=1, **{**SMALL, "alpha": 1e30})
    assert failed.value.word_vectors is not None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"objective": "adaptive-importance-sampling"},
            "noise depends on the previous word; .* 'importance-sampling'",
        ),
        ({"objective": "nonsense"}, "objective is 'nonsense'; expected 'negative-sampling' or"),
        ({"objective": "nce", "objective_options": {"samples": 3}}, "has no option 'samples'; it has num_samples"),
        ({"objective": "softmax", "objective_options": {"power": 1}}, "has no option 'power'; it has none"),
        ({"model": "glove"}, "model is 'glove'; expected 'skipgram' or 'cbow'"),
        ({"batch_size": 0}, "batch_size is 0; expected a whole number from 1"),
        ({"partition_size": 0}, "partition_size is 0"),
        ({"dense_lr": -1.0}, "dense_lr is -1.0; expected a number from 0 to"),
        ({"device": "abacus"}, r"device is 'abacus', which PyTorch cannot use here \(.*\); use 'cpu'"),
        ({"alpha": 0.0}, "alpha is 0.0; expected a number above 0 .*a learning rate, such as 0.025"),
    ],
)
def test_bad_options_are_refused_before_the_text_is_read(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        train_word_model("no-such-file", **options)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("recipe", ["nce", "adaptive", "target-sampling"])
def test_a_gpu_learns_the_same(corpus: Corpus, recipe: str) -> None:
    options = {"objective": recipe, "objective_options": options_for(recipe), "epochs": 2, "device": "cuda"}
    assert contrast(train_word_model(corpus, **options, **SMALL)) > 0.4


def test_a_text_without_windows_is_refused() -> None:
    with pytest.raises(InputError, match="there was nothing to learn from"):
        train_word_model([["one"], ["two"]], objective="softmax", min_count=1, sample=0)


def test_train_embeddings_takes_every_objective(corpus: Corpus) -> None:
    """A name that has no kernel is trained through PyTorch, by the same steps."""
    options = {"objective": "nce", "objective_options": {"num_samples": 4}, "epochs": 1, **SMALL}
    by_either = [train(corpus, **options) for train in (vastmax.train_embeddings, train_word_model)]
    assert by_either[0].vectors.tobytes() == by_either[1].vectors.tobytes()
    assert by_either[0].training["objective"] == "nce"
