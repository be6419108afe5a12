"""The options that several commands share, and their use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vastmax import extras
from vastmax.arguments import MOST_MINUTES, MOST_THREADS, Number, Whole
from vastmax.errors import InputError
from vastmax.options import DATA, OUTPUT, check_options, option
from vastmax.training.loop import DEFAULT_MINUTES

if TYPE_CHECKING:
    from vastmax.embedding import WordVectors
    from vastmax.language_model import LanguageModel
    from vastmax.language_model.run_folder import RunFolder
    from vastmax.output.base import Search
    from vastmax.places import Given
    from vastmax.progress import Progress
    from vastmax.text import Corpus, Vocabulary


@dataclass(frozen=True, kw_only=True)
class TextOptions:
    """The options of every command that reads text."""

    corpus: tuple[str, ...] = option(
        ...,
        "Text files, one sentence or paragraph per line, words separated by white space; .gz .bz2 .xz .zst are "
        "unpacked; Parquet and Arrow files with --column; a quoted glob; - reads standard input.",
        metavar="CORPUS",
        positional=True,
    )
    lowercase: bool = option(False, "Convert words to lower case.", group=DATA)
    errors: Literal["strict", "replace", "ignore"] = option(
        "strict",
        "Bytes that are invalid in the encoding: stop with their place, read them as U+FFFD, or drop them.",
        group=DATA,
    )
    encoding: str = option("utf-8", "Encoding of text files, such as latin-1.", metavar="NAME", group=DATA)
    column: str | None = option(
        None, "The column that holds the text, for Parquet and Arrow files.", metavar="NAME", group=DATA
    )
    cache: bool = option(
        True, "Keep the encoded corpus, for a faster start the next time.", flags=("--cache/--no-cache",), group=DATA
    )

    def __post_init__(self) -> None:
        check_options(self)

    def open(
        self, progress: Progress, sources: Sequence[str] | None = None, *, lowercase: bool | None = None
    ) -> Corpus:
        """Return the corpus of the options, or one of other `sources` that is read likewise."""
        from vastmax.text import Corpus

        named = list(self.corpus if sources is None else sources)
        return Corpus(
            named[0] if len(named) == 1 else named,
            lowercase=self.lowercase if lowercase is None else lowercase,
            errors=self.errors,
            encoding=self.encoding,
            column=self.column,
            cache=self.cache,
            progress=progress,
        )

    def read_by(self, **others: Given) -> dict[str, Given]:
        """Return the files that a command reads, for `claimed`; `others` are options, such as start_from.

        They include the cache, so nothing in it can be overwritten.
        """
        from vastmax.text.cache import default_folder
        from vastmax.text.sources import files_of

        options = {"--" + name.replace("_", "-"): given for name, given in others.items()}
        cache = [default_folder() / part for part in ("corpora", "files", "scratch")]
        return {"CORPUS": files_of(list(self.corpus)), **options, "the cache": cache}


@dataclass(frozen=True, kw_only=True)
class VocabularyOptions:
    """The options for the vocabulary of a text."""

    min_count: int = option(1, "Leave out words with fewer occurrences.", bound=Whole(1), group=DATA)
    max_final_vocab: int | None = option(
        None,
        "Keep at most this many words, the most frequent ones.",
        bound=Whole(1, optional=True),
        also=("max_size",),
        group=DATA,
    )

    def __post_init__(self) -> None:
        check_options(self)

    def of(self, text: Corpus) -> Vocabulary:
        """Return the vocabulary of a text."""
        return text.vocabulary.truncate(min_count=self.min_count, max_size=self.max_final_vocab)


@dataclass(frozen=True, kw_only=True)
class VectorsOptions:
    """The options for reading vectors."""

    vectors: Path = option(
        ...,
        "Word vectors: native (.safetensors), word2vec text or binary, or GloVe text; recognized by content.",
        metavar="VECTORS",
        positional=True,
    )
    on_bad_line: Literal["refuse", "skip"] = option(
        "refuse",
        "Lines of text vectors that are not a word and its numbers: stop with the line, or skip them and print their "
        "number.",
        group=DATA,
    )

    encoding: str = option(
        "utf-8", "Encoding of words in a text or binary file, such as latin-1.", metavar="NAME", group=DATA
    )

    def __post_init__(self) -> None:
        check_options(self)

    def load(self) -> WordVectors:
        """Return the vectors; warn about skipped lines."""
        return load_vectors(self.vectors, self.on_bad_line, encoding=self.encoding)


def load_vectors(
    path: Path,
    on_bad_line: Literal["refuse", "skip"],
    *,
    encoding: str = "utf-8",
    errors: Literal["strict", "replace", "ignore"] = "strict",
    first_of_duplicates: bool = False,
) -> WordVectors:
    """Return the vectors of a file; warn about skipped lines."""
    from vastmax.embedding import WordVectors

    return WordVectors.load(
        path,
        errors=errors,
        encoding=encoding,
        duplicates="first" if first_of_duplicates else "refuse",
        on_bad_line=on_bad_line,
    )


@dataclass(frozen=True, kw_only=True)
class AnswerOptions:
    """The options for words in answers."""

    topn: int = option(10, "Number of words shown.", flags=("--topn", "-n"))
    restrict_vocab: int | None = option(
        None,
        "Search only this many of the first words, the most frequent ones.",
        bound=Whole(1, optional=True),
        group=DATA,
    )

    def __post_init__(self) -> None:
        check_options(self)


def as_json(help: str = "Print JSON.") -> bool:
    """Return the field of a command that can print JSON."""
    declared: bool = option(False, help, flags=("--json",), group=OUTPUT)
    return declared


def threads(help: str = "Threads.") -> int | None:
    """Return the field of a command that computes."""
    declared: int | None = option(None, help, bound=Whole(1, MOST_THREADS, optional=True), default_text="one per core")
    return declared


def checkpoint_minutes(
    help: str = "Minutes between checkpoints; also saved at the ends of epochs and on Ctrl-C.",
) -> float:
    """Return the field of a command that saves checkpoints."""
    declared: float = option(
        DEFAULT_MINUTES,
        help,
        bound=Number(0.0, MOST_MINUTES, above=True),
        also=("save_minutes",),
        group=OUTPUT,
    )
    return declared


def use_threads(number: int | None) -> None:
    """Let PyTorch use this many threads; None: its default."""
    if number is not None:
        import torch

        torch.set_num_threads(number)


FORMATS = ("safetensors", "word2vec", "word2vec-binary", "glove", "fasttext", "fasttext-quantized")


def vectors_format() -> str | None:
    """Return the field of a command that writes vectors."""
    declared: str | None = option(
        None,
        "Format to write.",
        flags=("--format",),
        choices=FORMATS,
        default_text="by the ending",
        also=("format",),
        group=OUTPUT,
    )
    return declared


@dataclass(frozen=True, kw_only=True)
class DeviceOptions:
    """The option of every command that computes with PyTorch."""

    device: str | None = option(
        None,
        "Where to compute.",
        metavar="cpu|cuda",
        suggested=("cpu", "cuda"),
        default_text="cuda if available",
    )

    def usable(self) -> str:
        """Return the device; raise InputError if it does not exist."""
        return checked_device(self.device)


@dataclass(frozen=True, kw_only=True)
class ModelOptions(DeviceOptions):
    """The options for a trained model."""

    run: Path = option(..., "The folder of a run of vastmax lm train.", metavar="RUN", positional=True)

    def open(self) -> tuple[RunFolder, LanguageModel]:
        """Return the run and its best model, in eval mode."""
        require_torch()
        from vastmax.language_model.run_folder import RunFolder

        folder = RunFolder.open(self.run)
        return folder, folder.load_model(self.usable())


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """The option for an index of a model's words."""

    search: Path | None = option(
        None, "An index of RUN from vastmax index, to find the best words faster.", metavar="FILE"
    )

    def open(self, model: LanguageModel) -> Search | None:
        """Return the index of the model's head, if there is one."""
        if self.search is None:
            return None
        from vastmax.search import load

        return load(self.search, model.head)


def require_torch(what: str = "a language model") -> None:
    """Raise InputError, with the purpose, unless PyTorch is installed."""
    extras.require(what, "torch")


def checked_device(device: str | None) -> str:
    """Return the device; raise InputError if it does not exist."""
    import torch

    if device is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = device.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdigit()):
        raise InputError(f"--device is {device!r}; expected cpu, cuda or cuda:NUMBER")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise InputError(f"--device is {device}, but PyTorch sees {torch.cuda.device_count()} CUDA devices; use cpu")
    return device


def words_of(folder: RunFolder, line: str) -> list[str]:
    """Return the words of a line as the run's text was read."""
    return (line.lower() if folder.text.get("lowercase") else line).split()
