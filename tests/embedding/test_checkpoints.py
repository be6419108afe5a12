"""Runs that are stopped and resumed: the same bits, at the right times, and refused by name when they do not fit."""

from __future__ import annotations

import errno
import json
import signal
import struct
import threading
import time
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest

from vastmax.embedding import DivergenceError, EpochReport, WordVectors, run, train_embeddings, workers
from vastmax.embedding.checkpoint_file import Checkpoints
from vastmax.embedding.settings import TrainingSettings, checked
from vastmax.embedding.train import train
from vastmax.errors import InputError
from vastmax.text import Corpus

PIECES = 65
SMALL = {"vector_size": 20, "min_count": 2, "window": 3, "threads": 1, "epochs": 3}


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    """Of so many pieces."""
    words = np.random.default_rng(0).zipf(1.4, (13_000, 8)) % 500
    return Corpus([[f"w{word}" for word in row] for row in words])


@pytest.fixture(scope="module")
def uninterrupted(corpus: Corpus) -> WordVectors:
    return train_embeddings(corpus, **SMALL)


def bits(vectors: WordVectors) -> bytes:
    assert vectors.output_vectors is not None
    return vectors.vectors.tobytes() + vectors.output_vectors.tobytes()


def learned(vectors: WordVectors) -> dict[str, object]:
    """What the record says, without the time it took."""
    return {name: value for name, value in vectors.training.items() if not name.endswith("seconds")}


def position(path: Path) -> tuple[int, int]:
    """Epochs and pieces done, from the header alone."""
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])
    state = json.loads(header["__metadata__"]["checkpoint"])["state"]
    return state["epoch"], state["tally"]["pieces"]


class PieceHook:
    """Calls a function after each piece, with its number from the start of the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pieces = 0
        self.lock = threading.Lock()
        self.after = lambda number: None
        make = run.kernel_for

        def watched_kernel(*arguments):
            kernel = make(*arguments)
            train = kernel.train

            def train_and_tell(*arguments, **options):
                result = train(*arguments, **options)
                with self.lock:  # other threads wait
                    self.pieces += 1
                    self.after(self.pieces)
                return result

            kernel.train = train_and_tell
            return kernel

        monkeypatch.setattr(run, "kernel_for", watched_kernel)


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> PieceHook:
    return PieceHook(monkeypatch)


def interrupt_the_main_thread() -> None:
    """Ctrl-C, noticed before the calling thread takes its next piece."""
    noticed = threading.Event()

    def handle(*_: object) -> None:
        noticed.set()
        raise KeyboardInterrupt

    HANDLER.append(handle)
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    assert noticed.wait(30)
    time.sleep(0.05)  # for the queue, too


HANDLER: list[object] = []


@pytest.fixture(autouse=True)
def _handled_here():
    before = signal.signal(signal.SIGINT, lambda *details: HANDLER.pop()(*details))
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_run_stopped_anywhere_and_resumed_is_the_run_that_was_never_stopped(
    corpus, uninterrupted, hook, tmp_path, threads
):
    path = tmp_path / "run.checkpoint"
    options = {**SMALL, "threads": threads, "checkpoint": path}
    # Apart with several threads: a second interrupt before the first is dealt with would leave at once.
    stops = [1, 2, 40, PIECES - 1, PIECES, PIECES + 1, 3 * PIECES - 1] if threads == 1 else [1, 40, 100]
    hook.after = lambda number: interrupt_the_main_thread() if number in stops else None
    positions = []
    for sitting in range(len(stops) + 1):
        try:
            vectors = train_embeddings(corpus, resume=sitting > 0, **options)
            break
        except KeyboardInterrupt:
            positions.append(position(path))
    assert len(positions) == len(stops)
    assert positions == sorted(positions)
    assert 1 <= positions[0][1] < PIECES
    if threads == 1:
        assert bits(vectors) == bits(uninterrupted)
        assert learned(vectors) == learned(uninterrupted)
    else:  # the words and pairs drawn are the same, the order in which they are learned is not
        for name in ("words", "kept", "predictions"):
            assert vectors.training[name] == uninterrupted.training[name]
    assert hook.pieces == 3 * PIECES  # none twice
    assert list(tmp_path.iterdir()) == [path]  # it stays until the vectors are in a safe place


class Clock:
    def __init__(self) -> None:
        self.seconds = 1e6

    def __call__(self) -> float:
        return self.seconds


class Watched(Checkpoints):
    """Keeps a copy of every checkpoint, with the time."""

    def __init__(self, clock: Clock, *arguments, **options) -> None:
        super().__init__(*arguments, clock=clock, **options)
        self.clock = clock
        self.copies: list[tuple[float, Path]] = []

    def save(self, write) -> None:
        self.clock.seconds += 2.0  # that is how long it takes
        super().save(write)
        copy = self.path.with_suffix(f".{len(self.copies)}")
        copy.write_bytes(self.path.read_bytes())
        self.copies.append((self.clock.seconds, copy))


def test_a_run_with_ngrams_is_resumed_to_the_bit_and_its_checkpoint_holds_vectors(corpus, hook, tmp_path):
    options = {**SMALL, "max_n": 4, "bucket": 1000, "epochs": 2}
    whole = train_embeddings(corpus, **options)
    path = tmp_path / "run.checkpoint"
    hook.pieces = 0
    hook.after = lambda number: interrupt_the_main_thread() if number == PIECES + 3 else None
    with pytest.raises(KeyboardInterrupt):
        train_embeddings(corpus, checkpoint=path, **options)
    looked_at = WordVectors.load(path, format="safetensors")
    assert looked_at.subwords is not None
    assert looked_at.subwords.compose(list(looked_at)).tobytes() == looked_at.vectors.tobytes()
    resumed = train_embeddings(corpus, checkpoint=path, resume=True, **options)
    assert bits(resumed) == bits(whole)
    assert resumed["w12345"].tobytes() == whole["w12345"].tobytes()
    with pytest.raises(InputError, match="was started with max_n=4"):
        train_embeddings(corpus, checkpoint=path, resume=True, **{**options, "max_n": 5})


def test_an_hour_is_saved_every_ten_minutes_and_at_the_ends_of_epochs(
    corpus, uninterrupted, hook, tmp_path, monkeypatch
):
    """An hour by a clock on which a piece takes 20 s; every state that was saved leads to the same vectors."""
    monkeypatch.setattr(workers, "WAIT_SECONDS", 0.0005)
    clock = Clock()
    began = clock.seconds

    def work(number: int) -> None:
        clock.seconds += 20.0
        time.sleep(0.003)

    hook.after = work
    settings = checked(TrainingSettings(**SMALL))
    watched = Watched(clock, tmp_path / "run.checkpoint", settings, minutes=10)
    assert bits(train(corpus, settings, checkpoints=watched)) == bits(uninterrupted)
    assert clock.seconds - began > 3600
    saved = [seconds - began for seconds, _ in watched.copies]
    gaps = np.diff([0, *saved])
    assert gaps.max() < 600 + 10 * 20  # a few pieces are done before the waiting thread looks up
    places = [position(copy) for _, copy in watched.copies]
    assert [place for place in places if place[1] == 0] == [(1, 0), (2, 0), (3, 0)]
    assert len(places) == 9  # epochs of 22 minutes: two within, one at the end
    hook.after = lambda number: None
    for _, copy in watched.copies[::2]:
        assert bits(train_embeddings(corpus, checkpoint=copy, resume=True, **SMALL)) == bits(uninterrupted)


def test_epochs_of_a_moment_do_not_spend_their_time_saving(tmp_path):
    clock = Clock()
    settings = checked(TrainingSettings(**SMALL))
    checkpoints = Checkpoints(tmp_path / "c", settings, minutes=10, clock=clock)
    checkpoints.begin(num_bytes=200_000_000)

    def slowly(path: Path) -> None:
        clock.seconds += 3.0

    saved = 0
    for _ in range(1000):
        clock.seconds += 1.0
        if checkpoints.due_at_epoch_end():
            checkpoints.save(slowly)
            saved += 1
    assert saved * 3.0 <= 0.05 * (clock.seconds - 1e6)
    assert saved >= 15


def test_a_finished_run_is_there_at_once(corpus, uninterrupted, hook, tmp_path, monkeypatch):
    monkeypatch.setattr(Checkpoints, "due_at_epoch_end", lambda self: True)
    path = tmp_path / "c"
    train_embeddings(corpus, checkpoint=path, **SMALL)
    hook.after = lambda number: pytest.fail("nothing is left to be trained")
    again = train_embeddings(corpus, checkpoint=path, resume=True, **SMALL)
    assert bits(again) == bits(uninterrupted)
    assert learned(again) == learned(uninterrupted)


@pytest.fixture
def stopped(corpus, hook, tmp_path) -> Path:
    """A checkpoint in the second epoch."""
    path = tmp_path / "run.checkpoint"
    hook.after = lambda number: interrupt_the_main_thread() if number == 100 else None
    with pytest.raises(KeyboardInterrupt):
        train_embeddings(corpus, checkpoint=path, **SMALL)
    hook.after = lambda number: None
    assert position(path)[0] == 1
    return path


def test_a_checkpoint_can_be_looked_at_like_any_vectors(stopped):
    from safetensors.numpy import load_file

    vectors = WordVectors.load(stopped)
    assert len(vectors.most_similar("w1", topn=3)) == 3
    assert len(vectors.training["losses"]) == 1
    assert {*load_file(stopped)} == {"vectors", "output_vectors", "counts", "words", "word_offsets"}


def test_the_second_interrupt_leaves_at_once_and_keeps_the_file(corpus, hook, stopped, monkeypatch):
    before = stopped.read_bytes()
    release = threading.Event()

    def stuck(number: int) -> None:
        interrupt_the_main_thread()
        time.sleep(0.3)
        interrupt_the_main_thread()
        release.wait(30)

    hook.after = stuck
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        train_embeddings(corpus, checkpoint=stopped, resume=True, **SMALL)
    assert time.monotonic() - began < 10
    release.set()
    assert stopped.read_bytes() == before


def test_an_interrupt_while_saving_keeps_the_file(corpus, hook, stopped, monkeypatch):
    before = stopped.read_bytes()

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    hook.after = lambda number: interrupt_the_main_thread()
    monkeypatch.setattr("vastmax.embedding.checkpoint_file.write_tensors", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_embeddings(corpus, checkpoint=stopped, resume=True, **SMALL)
    assert stopped.read_bytes() == before
    assert list(stopped.parent.iterdir()) == [stopped]


def test_a_full_disk_is_told_once_and_stops_nothing(corpus, uninterrupted, stopped, monkeypatch):
    before = stopped.read_bytes()
    calls = []

    def full(stream, *_, **__):
        calls.append(stream.write(b"x" * 1000))
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("vastmax.embedding.checkpoint_file.write_tensors", full)
    monkeypatch.setattr(Checkpoints, "due_at_epoch_end", lambda self: True)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        vectors = train_embeddings(corpus, checkpoint=stopped, resume=True, **SMALL)
    assert bits(vectors) == bits(uninterrupted)
    assert len(calls) == 2
    assert len(told) == 1
    assert "No space left on device" in str(told[0].message)
    assert "the one before is kept" in str(told[0].message)
    assert stopped.read_bytes() == before
    assert list(stopped.parent.iterdir()) == [stopped]


def test_vectors_that_ran_away_are_never_saved(corpus, stopped, hook):
    before = stopped.read_bytes()
    # An interrupt while NaNs are in the matrices, and before anybody has noticed them.
    options = {**SMALL, "checkpoint": stopped, "resume": True}

    def spoil(report: EpochReport) -> None:
        report.live_vectors.vectors[0] = np.nan
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_embeddings(corpus, callbacks=[spoil], **options)
    assert stopped.read_bytes() == before


def test_divergence_after_resuming_says_what_is_kept(corpus, stopped, monkeypatch):
    monkeypatch.setattr(run, "DIVERGED_FACTOR", 1e-9)
    with pytest.raises(DivergenceError, match=r"no epoch was complete since the run was resumed, so nothing is kept"):
        train_embeddings(corpus, checkpoint=stopped, resume=True, **SMALL)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"window": 4}, r"started with window=3 \(now 4\); give the settings it was started with, or remove it"),
        ({"epochs": 4, "seed": 2}, r"started with epochs=3 \(now 4\) and seed=1 \(now 2\)"),
        ({"alpha": 0.1}, r"alpha=0\.0275 \(now 0\.1\) and min_alpha"),
    ],
)
def test_changed_settings_are_refused_by_name_before_the_text_is_read(stopped, changed, message):
    with pytest.raises(InputError, match=message):
        train_embeddings("no such file", checkpoint=stopped, resume=True, **{**SMALL, **changed})


def test_other_threads_are_told_but_welcome(corpus, stopped):
    with pytest.warns(UserWarning, match=r"resumed with threads=2 and not 1: .* but not identical"):
        train_embeddings(corpus, checkpoint=stopped, resume=True, **{**SMALL, "threads": 2})


def test_changed_text_is_refused(stopped, corpus):
    words = list(corpus.vocabulary.words)
    sentences = [[words[i] for i in ids] for ids in corpus.sentences()]
    options = {**SMALL, "checkpoint": stopped, "resume": True}
    with pytest.raises(InputError, match=r"is not the one of .*: 103,992 words in 12,999 sentences, but 104,000"):
        train_embeddings(sentences[:-1], **options)
    exchanged = [sentences[1], sentences[0], *sentences[2:]]
    with pytest.raises(InputError, match=r"104,000 words in 13,000 sentences, but other ones"):
        train_embeddings(exchanged, **options)
    renamed = [["x" + word for word in sentence] for sentence in sentences]
    with pytest.raises(InputError, match=r"the vocabulary of \d+ words is not that of the checkpoint"):
        train_embeddings(renamed, **options)


def test_the_same_text_from_elsewhere_is_welcome(corpus, uninterrupted, stopped):
    words = list(corpus.vocabulary.words)
    sentences = ([words[i] for i in ids] for ids in corpus.sentences())
    assert bits(train_embeddings(sentences, checkpoint=stopped, resume=True, **SMALL)) == bits(uninterrupted)


@pytest.mark.parametrize("share", [0.0, 0.0005, 0.01, 0.3, 0.7, 0.999])
def test_one_flipped_bit_or_a_missing_end_is_noticed(stopped, share):
    data = bytearray(stopped.read_bytes())
    where = int(share * len(data))
    stopped.write_bytes(data[:where])
    with pytest.raises(
        InputError,
        match=r"run\.checkpoint.*(remove it to start again|start again with another|create it again if it is damaged)",
    ):
        train_embeddings("never read", checkpoint=stopped, resume=True, **SMALL)
    data[max(where, 8)] ^= 4
    stopped.write_bytes(data)
    with pytest.raises(InputError, match=r"run\.checkpoint"):
        train_embeddings("never read", checkpoint=stopped, resume=True, **SMALL)


def test_a_checkpoint_of_another_version_is_refused(stopped, monkeypatch):
    stopped.write_bytes(stopped.read_bytes().replace(b'{\\"version\\": 2', b'{\\"version\\": 3', 1))
    monkeypatch.setenv("VASTMAX_VERIFY", "0")  # its checksum is not what this is about
    with pytest.raises(InputError, match=r"version 3, but this vastmax reads only up to version 2; finish that"):
        train_embeddings("never read", checkpoint=stopped, resume=True, **SMALL)


def test_vectors_are_no_checkpoint(uninterrupted, tmp_path):
    uninterrupted.save(tmp_path / "v.safetensors")
    with pytest.raises(InputError, match=r"v\.safetensors: this is word vectors of vastmax; expected the checkpoint"):
        train_embeddings("never read", checkpoint=tmp_path / "v.safetensors", resume=True, **SMALL)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"resume": True}, "resume is True, but there is no checkpoint"),
        ({"checkpoint": "nothing", "resume": True}, "there is no checkpoint nothing to resume from; start without"),
        ({"checkpoint": "no/folder"}, "the folder no does not exist"),
        ({"checkpoint": 3}, "checkpoint is 3; expected the path"),
        ({"checkpoint": "c", "checkpoint_minutes": 0}, "checkpoint_minutes is 0; expected a number above 0"),
        ({"checkpoint": "c", "checkpoint_minutes": "x"}, "checkpoint_minutes is 'x'"),
        ({"checkpoint": "c", "checkpoint_minutes": float("nan")}, "checkpoint_minutes is nan"),
    ],
)
def test_what_cannot_be_resumed_or_saved_is_refused_at_the_door(options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        train_embeddings("never read", **options)


def test_a_run_is_never_overwritten_by_another(stopped):
    before = stopped.read_bytes()
    with pytest.raises(InputError, match=r"run\.checkpoint holds a run .*; resume it, or remove the file"):
        train_embeddings("never read", checkpoint=stopped, **SMALL)
    assert stopped.read_bytes() == before


def test_saving_and_loading_make_no_second_matrix(tmp_path, monkeypatch):
    """Two matrices of 32 MB: less than one of them is allocated while they are written, or read back."""
    peaks = []
    write = Checkpoints.save

    def measured(self, writer):
        tracemalloc.start()
        write(self, writer)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    monkeypatch.setattr(Checkpoints, "save", measured)
    monkeypatch.setattr(Checkpoints, "due_at_epoch_end", lambda self: True)
    text = Corpus([[f"w{i}", f"w{i + 1}"] for i in range(80_000)])
    options = {"min_count": 1, "vector_size": 100, "threads": 1, "epochs": 1, "sample": 0}
    train_embeddings(text, checkpoint=tmp_path / "c", **options)
    settings = checked(TrainingSettings(**options))
    file = Checkpoints(tmp_path / "c", settings, resume=True).resumed
    matrices = {name: np.zeros((80_001, 100), dtype=np.float32) for name in ("word_vectors", "output_vectors")}
    tracemalloc.start()
    file.load(matrices)
    peaks.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
    assert matrices["output_vectors"].any()
    assert max(peaks) < 30e6  # a tile of 16 MB


def test_an_interrupt_after_the_rename_leaves_a_file_that_is_this_runs(stopped, tmp_path):
    """Ctrl-C may fall between the new file's rename and what is noted of it: the next save must not call it foreign."""
    settings = TrainingSettings()
    checkpoints = Checkpoints(tmp_path / "another.checkpoint", checked(settings))

    def write(path, then=None):
        path.write_bytes(stopped.read_bytes())
        if then is not None:
            raise then

    with pytest.raises(KeyboardInterrupt):
        checkpoints.save(lambda path: write(path, KeyboardInterrupt))
    assert checkpoints.exists
    checkpoints.save(write)
    assert checkpoints.trouble == ""


def test_an_interrupt_before_it_is_noted_whose_the_file_is(stopped, tmp_path, monkeypatch):
    """A second signal, or the first one a moment later: the run that goes on saving must know its own file."""
    checkpoints = Checkpoints(tmp_path / "another.checkpoint", checked(TrainingSettings()))

    def interrupted(path: Path) -> bool:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints, "recognises", interrupted)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.save(lambda path: path.write_bytes(stopped.read_bytes()))
    checkpoints.save(lambda path: path.write_bytes(stopped.read_bytes()))
    assert (checkpoints.trouble, checkpoints.exists) == ("", True)
