"""One small good file of every format that vastmax reads, and what loading it gives, as a digest.

`sealed` formats are those that vastmax writes: they carry checksums, so that a damaged one may load as it was or be
refused, and nothing else. The others belong to other programs and carry none.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import json
import lzma
import os
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from race_examples import finished, race
from vastmax.embedding import WordVectors, train_embeddings
from vastmax.embedding.checkpoint_file import CheckpointFile
from vastmax.errors import InputError
from vastmax.text import Corpus, Phrases, Vocabulary, find_phrases, read_word_list
from vastmax.text.counts_file import read_counts
from vastmax.tree import Tree, nested

WORDS = ["the", "New York", "line\nend", "", "naïve", "東京", "🙂"]
SENTENCES = [["in", "new", "york", "the", "cat"], ["the", "dog", "in", "new", "york"]] * 10
TEXT = "".join(" ".join(sentence) + "\n" for sentence in SENTENCES)
SMALL = {"vector_size": 4, "min_count": 1, "window": 2, "threads": 1, "epochs": 1, "sample": 0}


@dataclass(frozen=True)
class Sample:
    """How one format is written and read.

    Attributes:
        write: puts a good file, or a folder of files, at a path.
        read: loads it and returns all that it says.
        sealed: vastmax writes it.
        damaged: the file or folder below the path that is to be damaged; "" the path itself.
    """

    write: Callable[[Path], None]
    read: Callable[[Path], Any]
    sealed: bool
    damaged: str = ""


def digest(value: Any) -> str:
    """Return a digest of plain data, arrays and tensors, nested in any way."""
    total = hashlib.sha256()

    def add(part: Any) -> None:
        if is_dataclass(part) and not isinstance(part, type):
            part = {name: getattr(part, name) for name in part.__dataclass_fields__}
        if isinstance(part, Mapping):
            total.update(b"{%d" % len(part))
            for name, item in part.items():
                add(name)
                add(item)
        elif isinstance(part, list | tuple):
            total.update(b"[%d" % len(part))
            for item in part:
                add(item)
        else:
            if hasattr(part, "detach"):
                part = part.detach().numpy()
            if isinstance(part, np.ndarray):
                total.update(f"{part.dtype} {part.shape}".encode())
                total.update(np.ascontiguousarray(part).tobytes())
            else:
                total.update(f"{type(part).__name__} {part!r}".encode())

    add(value)
    return total.hexdigest()


# What vastmax writes.


def some_vectors(words: list[str] = WORDS) -> WordVectors:
    rng = np.random.default_rng(0)
    return WordVectors(
        words,
        rng.normal(size=(len(words), 5)).astype(np.float32),
        counts=np.arange(len(words), 0, -1) * 10,
        output_vectors=rng.normal(size=(6, 5)),
        training={"model": "skipgram", "note": "größer", "losses": [1.5, 1.25]},
    )


def what_vectors_say(v: WordVectors) -> Any:
    return v.index_to_key, v[v.index_to_key], v.vectors, v.counts, v.output_vectors, v.training


def _cached(folder: Path) -> Corpus:
    return Corpus(folder / "text.txt", cache=folder / "cache")


def _write_cached(folder: Path) -> None:
    folder.mkdir()
    (folder / "text.txt").write_text(TEXT)
    then = time.time() - 3600
    os.utime(folder / "text.txt", (then, then))
    _cached(folder).close()


def _read_cached(folder: Path) -> Any:
    with _cached(folder) as corpus:
        return what_a_corpus_says(corpus)


def what_a_corpus_says(corpus: Corpus) -> Any:
    read = corpus.read_ids(0, corpus.num_tokens), corpus.read_offsets(0, corpus.num_sentences + 1)
    words = list(corpus.vocabulary.words), corpus.vocabulary.counts
    return *read, np.array(corpus.ids), np.array(corpus.sentence_offsets), words, corpus.num_tokens


def _write_checkpoint(path: Path) -> None:
    train_embeddings(SENTENCES, checkpoint=path, checkpoint_minutes=1e-6, **SMALL)


def _read_checkpoint(path: Path) -> Any:
    file = CheckpointFile(path)
    v = train_embeddings(SENTENCES, checkpoint=path, resume=True, **SMALL)
    return (
        file.state.as_dict(),
        file.threads,
        file.elapsed_seconds,
        file.cpu_seconds,
        v.index_to_key,
        v.vectors,
        v.output_vectors,
    )


_WORD_MODEL = {"objective": "nce", "objective_options": {"num_samples": 4}, **SMALL}


def _write_word_model_checkpoint(path: Path) -> None:
    from vastmax.word_model import train_word_model

    train_word_model(SENTENCES, checkpoint=path, checkpoint_minutes=1e-6, **_WORD_MODEL)


def _read_word_model_checkpoint(path: Path) -> Any:
    from vastmax.word_model.checkpoint import WordModelCheckpoint

    file = WordModelCheckpoint(path)
    return file.settings, file.text, file.state


def _run_folder(folder: Path) -> Any:
    from vastmax.language_model import LanguageModelSettings, ModelConfig, RunFolder, training_text

    text = training_text(Corpus(SENTENCES), held_out=0.2)
    model = ModelConfig("log-bilinear", "hierarchical-softmax", 4)
    settings = LanguageModelSettings(epochs=1, num_streams=2, bptt=4)
    return RunFolder(folder, model, settings, {"sources": ["small"], **text.digests()}, text.vocabulary), text


def _write_run(folder: Path) -> None:
    from vastmax.language_model import train_run

    run, text = _run_folder(folder)
    train_run(run, text.training, text.validation)


def _read_run(folder: Path) -> Any:
    from vastmax.language_model import RunFolder
    from vastmax.language_model.run_folder import LOG
    from vastmax.training.log import Log

    run = RunFolder.open(folder)
    said = run.model, run.settings, run.text, list(run.vocabulary.words), run.vocabulary.counts, run.vocabulary.unknown
    model = dict(run.load_model().state_dict())
    checkpoint = run.load_checkpoint()
    log = checkpoint["log"]
    Log(folder / LOG, resume=log).close()
    figures = {name: log[name] for name in ("sum", "steps", "size")}
    return said, model, checkpoint["trainer"], figures, (folder / LOG).read_bytes()


def _write_race(folder: Path) -> None:
    from vastmax.compare.folder import RaceFolder

    place = RaceFolder(folder)
    place.create()
    place.write(race(finished("softmax", 100.0), finished("nce", 110.0)))
    place.write_text(_run_folder(folder)[1])


def _read_race(folder: Path) -> Any:
    from vastmax.compare.folder import RaceFolder

    place = RaceFolder(folder)
    text = place.read_text()
    words = list(text.vocabulary.words), text.vocabulary.counts
    return place.read().to_json(), words, text.training, text.validation


def _vocabulary() -> Vocabulary:
    return Corpus(SENTENCES).vocabulary.truncate(unknown="<unk>")


def _what_a_vocabulary_says(v: Vocabulary | None) -> Any:
    return None if v is None else (list(v.words), v.counts, v.unknown)


def _phrases() -> Phrases:
    return find_phrases(Corpus(SENTENCES), threshold=1.2, min_count=2, passes=2)


def _what_phrases_say(p: Phrases) -> Any:
    return asdict(p.settings), [list(map(asdict, found)) for found in p.passes]


def _what_a_tree_says(t: Tree) -> Any:
    return t.children, t.child_counts, t.leaf_words, t.words, t.labels


SAMPLES: dict[str, Sample] = {
    "vectors": Sample(
        lambda path: some_vectors().save(path, "safetensors"),
        lambda path: what_vectors_say(WordVectors.load(path)),
        True,
    ),
    "corpus cache": Sample(_write_cached, _read_cached, True, damaged="cache"),
    "checkpoint": Sample(_write_checkpoint, _read_checkpoint, True),
    "word model checkpoint": Sample(_write_word_model_checkpoint, _read_word_model_checkpoint, True),
    "language model run": Sample(_write_run, _read_run, True),
    "race": Sample(_write_race, _read_race, True),
    "vocabulary": Sample(
        lambda path: _vocabulary().save(path), lambda path: _what_a_vocabulary_says(Vocabulary.load(path)), True
    ),
    "phrases": Sample(
        lambda path: _phrases().save(path),
        lambda path: _what_phrases_say(Phrases.load(path)),
        True,
    ),
    "tree": Sample(
        lambda path: nested({"sports": ["golf"], "ムード": ["π", "two words"]}).save(path),
        lambda path: _what_a_tree_says(Tree.load(path)),
        True,
    ),
}  # fmt: skip


# What other programs write, too.

_PLAIN_WORDS = ["the", "naïve", "東京", "🙂", "of"]


def _write_vectors_as(format: str, suffix: str = "") -> Callable[[Path], None]:
    def write(path: Path) -> None:
        made = path.with_name(f"made{suffix}")
        some_vectors(_PLAIN_WORDS).save(made, format)  # type: ignore[arg-type]
        made.rename(path)

    return write


def _packed(pack: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(pack(TEXT.encode())) and None


def _zstd(data: bytes) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def _write_arrow(kind: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        import pyarrow
        import pyarrow.feather
        import pyarrow.parquet

        table = pyarrow.table({"text": TEXT.splitlines(), "other": list(range(len(SENTENCES)))})
        if kind == "parquet":
            pyarrow.parquet.write_table(table, path)
        else:
            pyarrow.feather.write_feather(table, str(path), compression="uncompressed")

    return write


def _read_corpus(path: Path, **options: Any) -> Any:
    with Corpus(path, cache=False, **options) as corpus:
        return what_a_corpus_says(corpus)


def _read_pairs(path: Path) -> Any:
    return some_vectors(_PLAIN_WORDS).evaluate_pairs(path).to_json()


def _read_questions(path: Path) -> Any:
    return some_vectors(_PLAIN_WORDS).evaluate_analogies(path).to_json()


def _text(content: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(content, encoding="utf-8") and None


_read_vectors = SAMPLES["vectors"].read
_LABELS = json.dumps({"sports": {"ball games": ["Football"], "other": ["chess"]}, "music": ["piano", ["π"]]})

SAMPLES |= {
    "word2vec text": Sample(_write_vectors_as("word2vec"), _read_vectors, False),
    "word2vec binary": Sample(_write_vectors_as("word2vec-binary"), _read_vectors, False),
    "GloVe": Sample(_write_vectors_as("glove"), _read_vectors, False),
    "word2vec text, gzip": Sample(_write_vectors_as("word2vec", ".gz"), _read_vectors, False),
    "word2vec binary, zstandard": Sample(_write_vectors_as("word2vec-binary", ".zst"), _read_vectors, False),
    "text": Sample(_text(TEXT), _read_corpus, False),
    "text, gzip": Sample(_packed(gzip.compress), _read_corpus, False),
    "text, bzip2": Sample(_packed(bz2.compress), _read_corpus, False),
    "text, xz": Sample(_packed(lzma.compress), _read_corpus, False),
    "text, zstandard": Sample(_packed(_zstd), _read_corpus, False),
    "Parquet": Sample(_write_arrow("parquet"), lambda path: _read_corpus(path, column="text"), False),
    "Arrow": Sample(_write_arrow("arrow"), lambda path: _read_corpus(path, column="text"), False),
    "labels": Sample(_text(_LABELS), lambda path: _what_a_tree_says(nested(path)), False),
    "counts": Sample(
        _text("the\t12\nof\t7\nnaïve\t3\n"), lambda path: _what_a_vocabulary_says(read_counts(str(path))), False
    ),
    "word list": Sample(_text("the\nof\nand\n"), read_word_list, False),
    "word pairs": Sample(_text("the\tof\t3.5\nnaïve\tof\t1\n東京\tthe\t2\nof\t🙂\t9\n"), _read_pairs, False),
    "analogy questions": Sample(
        _text(": capital\nthe naïve 東京 🙂\n: other\nof the naïve 東京\n"), _read_questions, False
    ),
}


def outcome(sample: Sample, path: Path, good: str) -> tuple[str, str]:
    """Load what is at `path` and say how that ended.

    "as it was"; "rebuilt", with a warning, and as it was; "told": other than it was, with a warning; "refused" by one
    message; "other" than it was, without a word; "out of memory"; "traceback": an error that is no message.

    Args:
        sample: the format.
        path: a file that may be damaged.
        good: the digest of the undamaged one.

    Returns:
        The kind of end, and the message of an error.
    """
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", UserWarning)
            found = digest(sample.read(path))
    except (InputError, OSError) as error:
        return "refused", str(error)
    except MemoryError as error:
        return "out of memory", repr(error)
    except Exception as error:
        import traceback

        return "traceback", f"{error!r}\n{traceback.format_exc()[-1500:]}"
    if not told:
        return ("as it was" if found == good else "other"), ""
    return ("rebuilt" if found == good else "told"), str(told[0].message)
