"""The argument that names a vectors file, alike in every command that reads one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

VectorsFile = Annotated[
    Path,
    typer.Argument(
        metavar="VECTORS",
        show_default=False,
        help="Word vectors: ours (.safetensors), word2vec text or binary, or GloVe text; told apart by content.",
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
