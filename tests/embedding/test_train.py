"""Training word vectors: what it promises of pairs, bits, callbacks and failures."""

from __future__ import annotations

import errno
import tempfile
import threading
import time
from itertools import pairwise

import numpy as np
import pytest

from reference import expected_pairs
from vastmax.embedding import DivergenceError, EpochReport, StopTraining, WordVectors, train_embeddings
from vastmax.embedding.chunks import CHUNK_TOKENS, LONGEST_PART, SHORTEST_PART, chunk_spans, most_tokens, part_tokens
from vastmax.embedding.settings import TrainingSettings, checked
from vastmax.embedding.train import train_ids
from vastmax.embedding.workers import WorkQueue
from vastmax.errors import InputError
from vastmax.text import Corpus

NUMBERS = ["one", "two", "three", "four", "five", "six"]
FRUITS = ["apple", "pear", "plum", "fig", "lime", "date"]


@pytest.fixture(scope="module")
def sentences():
    """Sentences of numbers, and sentences of fruits, with words common to both."""
    random = np.random.default_rng(0)
    made = []
    for _ in range(3000):
        kind = NUMBERS if random.random() < 0.5 else FRUITS
        words = [*random.choice(kind, 6), *random.choice(["the", "of", "and"], 3)]
        random.shuffle(words)
        made.append([str(word) for word in words])
    return made


@pytest.fixture(scope="module")
def corpus(sentences):
    return Corpus(sentences)


SMALL = {"vector_size": 20, "min_count": 1, "sample": 0, "threads": 1}


def bits(vectors: WordVectors) -> bytes:
    assert vectors.output_vectors is not None
    return vectors.vectors.tobytes() + vectors.output_vectors.tobytes()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"exclude": "none"},
        {"model": "cbow"},
        {"model": "cbow", "cbow_gradient": "word2vec"},
        {"model": "cbow", "exclude": "window"},
    ],
)
def test_words_that_share_contexts_become_neighbours(corpus, options):
    vectors = train_embeddings(corpus, epochs=5, **options, **SMALL)
    for kind in (NUMBERS, FRUITS):
        nearest = [word for word, _ in vectors.most_similar(kind[0], topn=5)]
        assert set(nearest) == set(kind[1:])
    losses = vectors.training["losses"]
    assert losses[-1] < losses[0] < 6 * np.log(2)


def test_one_thread_is_a_function_of_corpus_settings_and_seed_to_the_bit(corpus, sentences):
    first = bits(train_embeddings(corpus, epochs=2, **SMALL))
    assert bits(train_embeddings(sentences, epochs=2, **SMALL)) == first
    assert bits(train_embeddings(corpus, epochs=2, seed=2, **SMALL)) != first


@pytest.mark.parametrize("model", ["skipgram", "cbow"])
def test_several_threads_learn_the_same_things(corpus, model):
    vectors = train_embeddings(corpus, model=model, epochs=5, **{**SMALL, "threads": 3})
    assert {word for word, _ in vectors.most_similar("pear", topn=5)} == set(FRUITS) - {"pear"}
    assert vectors.training["threads"] == 3


def test_the_pairs_trained_are_those_that_windows_and_epochs_promise(corpus, sentences):
    lengths = np.array([len(s) for s in sentences])
    vectors = train_embeddings(corpus, epochs=4, window=3, **SMALL)
    assert vectors.training["predictions"] == pytest.approx(4 * expected_pairs(lengths, 3), rel=0.01)
    assert vectors.training["words"] == 4 * corpus.num_tokens


def test_cbow_predicts_every_word_that_has_another_near_it(corpus):
    vectors = train_embeddings([*[["a", "b"]] * 1000, *[["c"]] * 500], model="cbow", epochs=2, **SMALL)
    assert vectors.training["predictions"] == 2 * 2000
    assert vectors.training["words"] == 2 * 2500


def test_cbow_is_a_function_of_corpus_settings_and_seed_to_the_bit(corpus, sentences):
    first = bits(train_embeddings(corpus, model="cbow", epochs=2, **SMALL))
    assert bits(train_embeddings(sentences, model="cbow", epochs=2, **SMALL)) == first
    assert bits(train_embeddings(corpus, model="cbow", epochs=2, cbow_gradient="word2vec", alpha=0.1, **SMALL)) != first


def test_a_wide_window_is_as_stable_as_a_narrow_one(data_folder):
    """Brown, where windows of 50 put a word into hundreds of overlapping means."""
    corpus = Corpus(data_folder / "brown.txt", cache=False)
    for gradient in ("exact", "word2vec"):
        vectors = train_embeddings(
            corpus, model="cbow", cbow_gradient=gradient, window=50, epochs=1, vector_size=32, threads=1
        )
        assert vectors.training["losses"][0] < 0.8 * 6 * np.log(2)


def test_pairs_after_subsampling_are_within_one_per_cent_of_expectation(data_folder):
    """Brown: expectation from each sentence's keep probabilities, the window uniform on 1 … 5."""
    corpus = Corpus(data_folder / "brown.txt", cache=False)
    vocabulary = corpus.vocabulary.truncate(min_count=5)
    frequency = vocabulary.counts / vocabulary.num_tokens
    keep = np.minimum(1, np.sqrt(1e-3 / frequency) + 1e-3 / frequency)
    random = np.random.default_rng(0)
    ids, offsets = corpus.ids, corpus.sentence_offsets
    kept = (ids < len(keep)) & (random.random(len(ids)) < keep[np.minimum(ids, len(keep) - 1)])
    lengths = np.add.reduceat(kept, offsets[:-1])
    vectors = train_embeddings(corpus, epochs=1, vector_size=16)
    assert vectors.training["predictions"] == pytest.approx(expected_pairs(lengths, 5), rel=0.01)
    assert vectors.training["words"] == vocabulary.num_tokens


def test_callbacks_see_every_epoch_and_the_live_vectors(corpus):
    reports: list[EpochReport] = []
    snapshots: list[np.ndarray] = []

    def remember(report: EpochReport) -> None:
        reports.append(report)
        snapshots.append(report.word_vectors.vectors.copy())

    vectors = train_embeddings(corpus, epochs=3, callbacks=[remember], **SMALL)
    assert [report.epoch for report in reports] == [1, 2, 3]
    assert [report.loss for report in reports] == vectors.training["losses"]
    assert sum(report.predictions for report in reports) == vectors.training["predictions"]
    np.testing.assert_array_equal(snapshots[-1], vectors.vectors)
    assert np.abs(snapshots[0] - snapshots[1]).max() > 0


def test_vectors_of_an_epoch_can_be_kept(corpus):
    reports: list[EpochReport] = []

    def remember(report: EpochReport) -> None:
        reports.append(report)
        if report.epoch == 1:
            first = report.word_vectors
            np.testing.assert_array_equal(first.vectors, report.live_vectors.vectors)
            assert not np.shares_memory(first.vectors, report.live_vectors.vectors)

    vectors = train_embeddings(corpus, epochs=3, callbacks=[remember], **SMALL)
    assert np.abs(reports[0].word_vectors.vectors - vectors.vectors).max() > 0
    with pytest.raises(InputError, match=r"training went on after epoch 2; take report.word_vectors within"):
        _ = reports[1].word_vectors
    np.testing.assert_array_equal(reports[2].word_vectors.vectors, vectors.vectors)


@pytest.mark.parametrize("raises", [True, False])
def test_a_callback_ends_training(corpus, raises):
    epochs: list[int] = []

    def enough(report: EpochReport) -> bool:
        if raises and report.epoch == 2:
            raise StopTraining
        return report.epoch == 2

    callbacks = [enough, lambda report: epochs.append(report.epoch)]
    vectors = train_embeddings(corpus, epochs=5, callbacks=callbacks, **SMALL)
    assert epochs == [1, 2]
    assert len(vectors.training["losses"]) == 2


def test_the_best_epoch_is_given_back(corpus):
    seen: list[np.ndarray] = []
    scores = [0.1, 0.9, 0.9, 0.3]

    def score(report: EpochReport) -> float:
        seen.append(report.word_vectors.vectors)
        return scores[report.epoch - 1]

    vectors = train_embeddings(corpus, epochs=4, best_by=score, **SMALL)
    assert (vectors.training["best_epoch"], vectors.training["scores"]) == (2, scores)
    np.testing.assert_array_equal(vectors.vectors, seen[1])
    with pytest.raises(InputError, match="the result of best_by is 'good'"):
        train_embeddings(corpus, epochs=1, best_by=lambda report: "good", **SMALL)
    with pytest.raises(InputError, match="best_by is 3; expected a function"):
        train_embeddings(corpus, epochs=1, best_by=3, **SMALL)


@pytest.mark.parametrize("model", ["skipgram", "cbow"])
def test_fixed_windows_reach_as_far_as_they_may(model):
    text = [[f"w{i}" for i in range(40)]] * 5
    options = {"min_count": 1, "sample": 0, "epochs": 1, "vector_size": 16, "threads": 1, "model": model, "window": 3}
    fixed = train_embeddings(text, fixed_window=True, **options).training
    drawn = train_embeddings(text, **options).training
    if model == "skipgram":
        assert fixed["predictions"] == 5 * 2 * (39 + 38 + 37)
        assert drawn["predictions"] < fixed["predictions"]
    else:
        assert fixed["predictions"] == drawn["predictions"] == 5 * 40
    assert fixed["losses"] != drawn["losses"]


def test_held_words_stay(corpus):
    settings = checked(TrainingSettings(vector_size=16, epochs=2, threads=1))
    vocabulary = corpus.vocabulary.truncate(min_count=5)
    start = train_ids(corpus, vocabulary, settings)
    factor = np.ones(len(vocabulary), dtype=np.float32)
    factor[[0, 7]] = 0
    factor[3] = 0.25
    later = train_ids(corpus, vocabulary, settings, start=start, held=factor)
    free = train_ids(corpus, vocabulary, settings, start=start)
    np.testing.assert_array_equal(later.vectors[[0, 7]], start.vectors[[0, 7]])
    moved = [np.linalg.norm(v.vectors - start.vectors, axis=1) for v in (later, free)]
    assert 0 < moved[0][3] < 0.6 * moved[1][3]
    assert moved[0][4] > 0


def test_divergence_gives_back_the_last_good_epoch(corpus):
    good: list[np.ndarray] = []

    def spoil_the_second_epoch(report: EpochReport) -> None:
        good.append(report.word_vectors.vectors.copy())
        if report.epoch == 2:
            report.live_vectors.vectors[3] = np.nan

    with pytest.raises(
        DivergenceError, match=r"diverged in epoch 3 \(loss nan.*epoch 2 are kept.*try alpha="
    ) as caught:
        train_embeddings(corpus, epochs=5, callbacks=[spoil_the_second_epoch], **SMALL)
    assert caught.value.word_vectors is not None
    np.testing.assert_array_equal(caught.value.word_vectors.vectors, good[1])


@pytest.mark.parametrize("alpha", [5.0, 1e30])
def test_a_learning_rate_far_too_high_is_noticed_in_the_first_epoch(corpus, alpha):
    with pytest.raises(DivergenceError, match=r"epoch 1 .*nothing is kept.*try alpha=0\.0275") as caught:
        train_embeddings(corpus, alpha=alpha, **SMALL)
    assert caught.value.word_vectors is None


@pytest.mark.parametrize("size", [2, 3, 5, 12])
@pytest.mark.parametrize("options", [{}, {"window": 50}, {"negative": 20}])
@pytest.mark.parametrize("model", [{}, {"model": "cbow"}, {"model": "cbow", "cbow_gradient": "word2vec"}])
def test_tiny_vocabularies_do_not_diverge(size, options, model):
    ids = np.random.default_rng(1).integers(0, size, (2000, 20))
    vectors = train_embeddings([[f"w{i}" for i in row] for row in ids], epochs=2, **{**SMALL, **model, **options})
    untrained = (1 + options.get("negative", 5)) * np.log(2)
    assert max(vectors.training["losses"]) < untrained


@pytest.mark.parametrize("exponent", [-300.0, -0.5, 0.0, 1.0, 300.0])
def test_any_noise_exponent_trains(corpus, exponent):
    assert np.isfinite(train_embeddings(corpus, epochs=1, ns_exponent=exponent, **SMALL).vectors).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vector_size": 0}, "vector_size is 0; expected a whole number from 1"),
        ({"vector_size": 10.5}, r"vector_size is 10\.5; expected a whole number"),
        ({"window": -1}, "window is -1; expected a whole number from 1"),
        ({"epochs": 0}, "epochs is 0; expected a whole number from 1"),
        ({"min_count": 0}, "min_count is 0; expected a whole number of at least 1"),
        ({"negative": 0}, "negative is 0; .*without noise words the loss has no minimum"),
        ({"alpha": 0}, "alpha is 0; expected a number above 0 .*a learning rate"),
        ({"alpha": float("nan")}, "alpha is nan; expected a number above 0 .*a learning rate"),
        ({"alpha": "0.1"}, r"alpha is '0\.1'; expected a number"),
        ({"alpha": True}, "alpha is True; expected a number"),
        ({"min_alpha": "x"}, "min_alpha is 'x'; expected a number"),
        ({"sample": None}, "sample is None; expected a finite number"),
        ({"ns_exponent": None}, "ns_exponent is None; expected a finite number"),
        ({"sample": 10**400}, "sample is a whole number of 1,329 bits; expected a finite number"),
        ({"callbacks": print}, "callbacks is <built-in.*; expected a list of functions"),
        ({"callbacks": [3]}, r"callbacks is \[3\]; expected a list of functions"),
        ({"callbacks": None}, "callbacks is None; expected a list of functions"),
        ({"alpha": float("inf")}, "alpha is inf; expected a number above 0"),
        ({"min_alpha": 1.0}, r"min_alpha is 1\.0; expected a number from 0 to 0\.0275 \(at most alpha\)"),
        ({"sample": -1e-3}, r"sample is -0\.001; expected a finite number of at least 0"),
        ({"ns_exponent": float("nan")}, "ns_exponent is nan; expected a finite number"),
        ({"threads": 0}, "threads is 0; expected a whole number from 1"),
        ({"seed": -1}, "seed is -1; expected a whole number from 0"),
        ({"max_final_vocab": 0}, "max_final_vocab is 0; expected a whole number of at least 1"),
        ({"model": "glove"}, "model is 'glove'; expected 'skipgram' or 'cbow'"),
        ({"cbow_gradient": "sum"}, "cbow_gradient is 'sum'; expected 'exact' or 'word2vec'"),
        ({"exclude": None}, "exclude is None; expected 'none' or 'target' or 'window'"),
        ({"alpha": 0}, r"alpha is 0; .*a learning rate, such as 0\.025"),
        ({"objective": "glove"}, "objective is 'glove'; expected 'negative-sampling'"),
        ({"batch_size": 8}, "objective=negative-sampling does not use batch_size; leave it out"),
        (
            {"objective": "nce", "negative": 8},
            "objective=nce does not use negative; leave it out, or set num_samples",
        ),
        ({"objective": "nce", "start": 3}, "start is for negative sampling, not 'nce'"),
    ],
)
def test_each_bad_setting_is_named_before_the_corpus_is_opened(options, message):
    with pytest.raises(InputError, match=message):
        train_embeddings("no such file", **options)


def test_a_vocabulary_without_two_words_is_refused():
    with pytest.raises(InputError, match=r"has one word \('a'\); at least two are needed.*min_count below 5"):
        train_embeddings([["a"] * 10 + ["b"]])
    with pytest.raises(InputError, match=r"no word reaches min_count=5: the highest count is 2 \('a'\)"):
        train_embeddings([["a", "a", "b"]])


@pytest.mark.parametrize(
    ("sentences", "options", "message"),
    [
        ([["a"], ["b"]] * 10, {"sample": 0}, "no word had another one in its window; give sentences of several words"),
        ([["a", "b"]] * 100, {"sample": 1e-300}, "left 0 of 400 words: try sample=0"),
    ],
)
def test_a_run_that_trains_no_pair_is_refused_rather_than_giving_random_vectors(sentences, options, message):
    with pytest.raises(InputError, match=message):
        train_embeddings(sentences, min_count=1, epochs=2, **options)


def test_numbers_of_numpy_are_as_good_as_others(corpus):
    vectors = train_embeddings(corpus, epochs=np.int64(1), alpha=np.float32(0.05), sample=np.float64(0), min_count=1)
    assert vectors.training["alpha"] == pytest.approx(0.05)


def test_a_corpus_that_was_closed_is_named(sentences):
    with Corpus(sentences) as closed:
        pass
    with pytest.raises(InputError, match="the corpus was closed"):
        train_embeddings(closed)
    with pytest.raises(InputError, match="the corpus was closed"):
        closed.read_ids(0, 3)


class _FullDisk:
    """A temporary file on a disk that takes a few bytes and then no more."""

    def __init__(self, **_):
        self.room = 100

    def seek(self, _):
        return 0

    def write(self, data):
        if self.room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken, self.room = self.room, 0
        return taken

    def close(self):
        pass


def test_a_full_temporary_folder_stops_no_run(corpus, monkeypatch):
    expected = bits(train_embeddings(corpus, epochs=3, **SMALL))
    monkeypatch.setattr(tempfile, "TemporaryFile", _FullDisk)
    assert bits(train_embeddings(corpus, epochs=3, **SMALL)) == expected

    def spoil(report: EpochReport) -> None:
        report.live_vectors.vectors[3] = np.nan

    with pytest.raises(DivergenceError, match=r"epoch 2 .*nothing is kept, since .*No space left.*TMPDIR") as caught:
        train_embeddings(corpus, epochs=3, callbacks=[spoil], **SMALL)
    assert caught.value.word_vectors is None


def test_settings_left_open_are_filled_in():
    settings = checked(TrainingSettings(alpha=0.1))
    assert settings.min_alpha == pytest.approx(1e-5)
    assert settings.threads >= 1


def test_chunks_cover_the_corpus_once_in_order():
    random = np.random.default_rng(3)
    offsets = np.concatenate([[0], np.cumsum(random.integers(1, 300, 2000))])
    spans = chunk_spans(offsets, 4000)
    assert spans[0].start == 0
    assert spans[-1].stop == offsets[-1]
    for before, after in pairwise(spans):
        assert before.stop == after.start
        assert before.last_sentence == after.first_sentence
    assert max(span.stop - span.start for span in spans) <= 4000
    assert len(spans) < 1.1 * offsets[-1] / 4000


def test_a_sentence_of_millions_of_words_is_cut_but_loses_none():
    length = 2 * LONGEST_PART + 10
    spans = chunk_spans(np.array([0, 5, 5 + length, 5 + length + 7]), window=10**6)
    assert [span.stop - span.start for span in spans] == [5, LONGEST_PART, LONGEST_PART, 10, 7]
    assert [span.first_sentence == span.last_sentence for span in spans] == [False, True, True, True, False]


@pytest.mark.parametrize("window", [5, 300])
def test_one_sentence_that_spans_many_chunks_trains_every_word(window):
    words = [f"w{i}" for i in np.random.default_rng(0).integers(0, 50, 4 * SHORTEST_PART + 100)]
    vectors = train_embeddings([words], epochs=1, window=window, **{**SMALL, "vector_size": 4})
    assert vectors.training["words"] == len(words)
    assert vectors.training["predictions"] == pytest.approx(expected_pairs(np.array([len(words)]), window), rel=0.01)


def test_text_in_one_line_is_cut_finely_enough_for_the_learning_rate_to_fall():
    assert part_tokens(5) == SHORTEST_PART < part_tokens(1000) < part_tokens(10**6) == LONGEST_PART
    assert len(chunk_spans(np.array([0, 40 * SHORTEST_PART]), window=5)) == 40


def test_pieces_are_the_smaller_the_more_work_a_token_is():
    assert most_tokens(100, 5, 5) == CHUNK_TOKENS
    costly = most_tokens(1000, 50, 20)
    assert 1024 < costly < CHUNK_TOKENS / 10
    assert most_tokens(65_536, 10**6, 10_000) == 1024
    assert part_tokens(50, costly) == 5000 < part_tokens(50)
    offsets = np.arange(0, 10**7, 10)
    for most in (costly, CHUNK_TOKENS):
        assert max(span.stop - span.start for span in chunk_spans(offsets, most)) == 10 * (most // 10)


def test_a_failing_piece_of_work_ends_the_others_and_is_raised():
    done: list[int] = []

    def work(piece: int) -> None:
        if piece == 5:
            raise RuntimeError("piece 5")
        done.append(piece)

    with pytest.raises(RuntimeError, match="piece 5"):
        WorkQueue(iter(range(10_000_000)), work, threads=3).run(lambda: None)
    assert len(done) < 10_000_000


@pytest.mark.parametrize("threads", [1, 3])
def test_a_queue_told_to_stop_has_done_the_first_pieces_and_is_at_rest(threads):
    taken, done = iter(range(10_000)), []
    queue = WorkQueue(taken, lambda piece: (time.sleep(0.001), done.append(piece)), threads)
    assert queue.at_rest
    queue.run(lambda: len(done) > 5)
    assert queue.at_rest
    assert sorted(done) == list(range(len(done)))
    assert 5 < len(done) < 9000
    assert next(taken) == len(done)


def test_an_interrupt_while_waiting_stops_the_threads():
    def interrupt() -> None:
        raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        WorkQueue(iter(range(10_000)), lambda piece: time.sleep(0.01), threads=2).run(interrupt)
    assert threading.active_count() == before
