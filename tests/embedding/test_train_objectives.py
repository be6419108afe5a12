"""Word vectors by each model with each objective: what is learnt, what is kept, and that it ends well or says why."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vastmax.embedding import DivergenceError, WordVectors, train_embeddings
from vastmax.embedding.settings import MODELS, OBJECTIVES, TrainingSettings, checked
from vastmax.text import Corpus
from vastmax.tree import huffman

NUMBERS = ["one", "two", "three", "four", "five", "six"]
FRUITS = ["apple", "pear", "plum", "fig", "lime", "date"]
SMALL = {"vector_size": 20, "min_count": 1, "sample": 0, "threads": 1}
WITH_PATHS = [objective for objective in OBJECTIVES if "hierarchical" in objective]


@pytest.fixture(scope="module")
def corpus():
    """Sentences of numbers, and sentences of fruits, with words common to both."""
    random = np.random.default_rng(0)
    made = []
    for _ in range(3000):
        kind = NUMBERS if random.random() < 0.5 else FRUITS
        words = [*random.choice(kind, 6), *random.choice(["the", "of", "and"], 3)]
        random.shuffle(words)
        made.append([str(word) for word in words])
    return Corpus(made)


@pytest.mark.parametrize("objective", WITH_PATHS)
@pytest.mark.parametrize(
    ("model", "gradient"), [("skipgram", "exact"), ("cbow", "exact"), ("cbow", "word2vec")], ids=str
)
@pytest.mark.parametrize("threads", [1, 3])
def test_words_that_share_contexts_become_neighbours(corpus, model, gradient, objective, threads):
    vectors = train_embeddings(
        corpus, model=model, cbow_gradient=gradient, objective=objective, epochs=5, **{**SMALL, "threads": threads}
    )
    for kind in (NUMBERS, FRUITS):
        assert {word for word, _ in vectors.most_similar(kind[0], topn=5)} == set(kind[1:])
    counts = vectors.counts
    untrained = (huffman(counts).leaf_depths @ counts) / counts.sum() * math.log(2)
    if "negative" in objective:
        untrained += 6 * math.log(2)
    losses = vectors.training["losses"]
    assert losses[-1] < losses[0] < untrained


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("objective", WITH_PATHS)
def test_one_thread_is_a_function_of_corpus_settings_and_seed_to_the_bit(corpus, model, objective):
    bits = [
        train_embeddings(corpus, model=model, objective=objective, epochs=2, seed=seed, **SMALL).vectors.tobytes()
        for seed in (1, 1, 2)
    ]
    assert bits[0] == bits[1] != bits[2]


@pytest.mark.parametrize("model", MODELS)
def test_hierarchical_softmax_alone_has_no_output_vectors_and_no_noise(corpus, model, tmp_path):
    vectors = train_embeddings(corpus, model=model, objective="hierarchical-softmax", epochs=1, **SMALL)
    assert vectors.output_vectors is None
    assert vectors.training["negative"] == 0
    vectors.save(tmp_path / "vectors.safetensors")
    loaded = WordVectors.load(tmp_path / "vectors.safetensors")
    assert loaded.output_vectors is None
    np.testing.assert_array_equal(loaded.vectors, vectors.vectors)
    both = train_embeddings(corpus, model=model, objective=OBJECTIVES[2], epochs=1, **SMALL)
    assert both.output_vectors is not None
    assert both.training["negative"] == 5


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_smallest_vocabularies_train(model, objective):
    for words in (["a", "b"], ["a", "b", "c"]):
        vectors = train_embeddings(
            [words * 20] * 30, model=model, objective=objective, epochs=3, window=50, **{**SMALL, "threads": 2}
        )
        assert np.isfinite(vectors.vectors).all()
        assert np.isfinite(vectors.training["losses"]).all()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("objective", WITH_PATHS)
def test_a_run_that_diverges_says_so(corpus, model, objective):
    with pytest.raises(DivergenceError, match=r"diverged in epoch 1 .*try alpha="):
        train_embeddings(corpus, model=model, objective=objective, epochs=2, alpha=1e4, **SMALL)


def test_every_model_and_objective_has_a_rate_to_start_from():
    for model in MODELS:
        for objective in OBJECTIVES:
            for gradient in ("exact", "word2vec"):
                settings = checked(TrainingSettings(model=model, objective=objective, cbow_gradient=gradient))
                assert 0 < settings.alpha < 0.5


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("objective", WITH_PATHS)
def test_a_resumed_run_is_the_run_that_was_never_stopped(corpus, model, objective, tmp_path):
    """Node vectors travel in the checkpoint, too."""
    options = {"model": model, "objective": objective, "epochs": 2, **SMALL}

    def stop(report):
        if report.epoch == 1:
            raise KeyboardInterrupt

    checkpoint = tmp_path / "run.checkpoint"
    with pytest.raises(KeyboardInterrupt):
        train_embeddings(corpus, callbacks=[stop], checkpoint=checkpoint, **options)
    resumed = train_embeddings(corpus, checkpoint=checkpoint, resume=True, **options)
    assert resumed.training["losses"] == train_embeddings(corpus, **options).training["losses"]
