"""`vastmax convert`: a vectors file in another format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import typer

from vastmax.cli.output import say
from vastmax.cli.shared_options import VectorsOptions, load_vectors, vectors_format
from vastmax.options import DATA, option, part


@dataclass(frozen=True, kw_only=True)
class ConvertOptions:
    """The options of `vastmax convert`."""

    source: VectorsOptions = part()
    target: Path = option(..., "The file to write.", metavar="OUT", positional=True)
    vectors_format: str | None = vectors_format()
    first_of_duplicates: bool = option(
        False, "Keep the first vector of repeated words, which are otherwise an error.", group=DATA
    )
    errors: Literal["strict", "replace", "ignore"] = option(
        "strict",
        "Bytes that are invalid in the encoding: stop with their place, read them as U+FFFD, or drop them.",
        group=DATA,
    )


def convert(options: ConvertOptions, context: typer.Context) -> None:
    """Write a vectors file in another format.

    Endings: .txt and .vec for word2vec text, .bin for word2vec binary, .glove for GloVe text, .safetensors for the
        native
    format, which alone keeps counts, output vectors and facts about training. All except the last may be followed by
    .gz, .bz2, .xz or .zst.

    \b
    Examples:
      vastmax convert vectors.safetensors vectors.bin
      vastmax convert glove.6B.100d.txt glove.safetensors
      vastmax convert GoogleNews-vectors-negative300.bin.gz news.safetensors
    """
    from vastmax.embedding.formats import format_for
    from vastmax.places import claimed

    source, target = options.source, options.target
    chosen = format_for(target, options.vectors_format)
    with claimed(reads={"VECTORS": source.vectors}, writes={"OUT": target}):
        vectors = load_vectors(
            source.vectors,
            source.on_bad_line,
            encoding=source.encoding,
            errors=options.errors,
            first_of_duplicates=options.first_of_duplicates,
        )
        vectors.save(target, chosen)
    say(f"{target}: {len(vectors):,} words × {vectors.vector_size}, {chosen}")
