"""The argument that names a vectors file, alike in every command that reads one."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vastmax.cli.corpus_options import DecodingErrors

if TYPE_CHECKING:
    from vastmax.embedding import WordVectors


class BadLine(StrEnum):
    """What to do with a line that is no word and its numbers."""

    REFUSE = "refuse"
    SKIP = "skip"


VectorsFile = Annotated[
    Path,
    typer.Argument(
        metavar="VECTORS",
        show_default=False,
        help="Word vectors: ours (.safetensors), word2vec text or binary, or GloVe text; told apart by content.",
    ),
]
OnBadLine = Annotated[
    BadLine,
    typer.Option(
        metavar="refuse|skip",
        help="Lines of vectors as text that are no word and its numbers: stop and say which, or leave them out and say "
        "how many there were.",
    ),
]
TopN = Annotated[int, typer.Option("--topn", "-n", metavar="INT", help="How many words to show.")]
RestrictVocab = Annotated[
    int | None,
    typer.Option(metavar="INT", help="Look only at the first so many words, which are the most frequent ones."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="safetensors|word2vec|word2vec-binary|glove",
        help="What to write.  [default: by the name's ending]",
    ),
]


def load_vectors(
    path: Path,
    on_bad_line: BadLine,
    *,
    errors: DecodingErrors = DecodingErrors.STRICT,
    first_of_duplicates: bool = False,
) -> WordVectors:
    """Return the vectors of a file; what was left out of it is told by a warning."""
    from vastmax.embedding import WordVectors

    return WordVectors.load(
        path,
        errors=errors.value,
        duplicates="first" if first_of_duplicates else "refuse",
        on_bad_line=on_bad_line.value,
    )
