"""The arguments and options that say what text is read and how, alike in every command that reads text."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from vastmax.places import Given
    from vastmax.progress import Progress
    from vastmax.text import Corpus


class DecodingErrors(StrEnum):
    """What to do with bytes that are not UTF-8."""

    STRICT = "strict"
    REPLACE = "replace"


_SOURCES = typer.Argument(
    metavar="CORPUS",
    show_default=False,
    help="Text files, one sentence or paragraph a line, words apart by white space; .gz .bz2 .xz .zst are "
    "unpacked; Parquet and Arrow files with --column; a quoted glob; - reads standard input.",
)
CorpusSources = Annotated[list[str], _SOURCES]
OptionalCorpusSources = Annotated[list[str] | None, _SOURCES]
"""For a command that can also do something without text; it says itself when text is missing."""
Lowercase = Annotated[bool, typer.Option("--lowercase", help="Turn words to lower case.")]
Errors = Annotated[
    DecodingErrors,
    typer.Option(
        metavar="strict|replace", help="Bytes that are not UTF-8: stop and say where, or read them as U+FFFD."
    ),
]
Column = Annotated[
    str | None, typer.Option(metavar="NAME", help="The column that holds the text, for Parquet and Arrow files.")
]
MaxFinalVocab = Annotated[
    int | None, typer.Option(metavar="INT", help="Keep only so many words, the most frequent ones.")
]
UseCache = Annotated[
    bool, typer.Option("--cache/--no-cache", help="Keep the encoded corpus, to start at once the next time.")
]


def read_by(corpus: list[str] | None, **others: Given) -> dict[str, Given]:
    """Return the files of a command that reads text, for `claimed`; `others` are options, start_from for --start-from.

    Among them is the cache, in which nothing may be replaced.
    """
    from vastmax.text.cache import default_folder
    from vastmax.text.sources import files_of

    options = {"--" + name.replace("_", "-"): given for name, given in others.items()}
    cache = [default_folder() / part for part in ("corpora", "files", "scratch")]
    return {"CORPUS": files_of(corpus), **options, "the cache": cache}


def open_corpus(
    sources: list[str], *, lowercase: bool, errors: DecodingErrors, column: str | None, cache: bool, progress: Progress
) -> Corpus:
    """The corpus that the options name."""
    from vastmax.text import Corpus

    source = sources[0] if len(sources) == 1 else sources
    return Corpus(source, lowercase=lowercase, errors=errors.value, column=column, cache=cache, progress=progress)
