"""`vastmax convert`: a vectors file in another format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vastmax.cli.corpus_options import DecodingErrors, Errors
from vastmax.cli.output import say
from vastmax.cli.vectors_argument import BadLine, FormatOption, OnBadLine, VectorsFile, load_vectors


def convert(
    source: VectorsFile,
    target: Annotated[Path, typer.Argument(metavar="OUT", show_default=False, help="The file to write.")],
    target_format: FormatOption = None,
    first_of_duplicates: Annotated[
        bool,
        typer.Option(
            "--first-of-duplicates", help="Where a word comes twice, keep the first vector; else it is an error."
        ),
    ] = False,
    errors: Errors = DecodingErrors.STRICT,
    on_bad_line: OnBadLine = BadLine.REFUSE,
) -> None:
    """Write a vectors file in another format.

    The endings .txt and .vec stand for word2vec text, .bin for word2vec binary, .glove for GloVe text, .safetensors for
    our own, which alone keeps counts, output vectors and the facts about training. All but the last may be followed
    by .gz, .bz2, .xz or .zst.

    \b
    Examples:
      vastmax convert vectors.safetensors vectors.bin
      vastmax convert glove.6B.100d.txt glove.safetensors
      vastmax convert GoogleNews-vectors-negative300.bin.gz news.safetensors
    """
    from vastmax.embedding.formats import format_for
    from vastmax.places import claimed

    chosen = format_for(target, target_format)
    with claimed(reads={"VECTORS": source}, writes={"OUT": target}):
        vectors = load_vectors(source, on_bad_line, errors=errors, first_of_duplicates=first_of_duplicates)
        vectors.save(target, chosen)
    say(f"{target}: {len(vectors):,} words × {vectors.vector_size}, {chosen}")
