"""`vastmax map`: the frequent words on a plane, as a page or a picture."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vastmax.cli.output import say
from vastmax.cli.vectors_argument import BadLine, OnBadLine, VectorsFile, load_vectors


class LayoutMethod(StrEnum):
    """How words are laid out."""

    PCA = "pca"
    TSNE = "tsne"


def map_(
    vectors: VectorsFile,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            show_default=False,
            help="Where the map goes: .html, to search and wander about in, or .png.",
        ),
    ],
    num_words: Annotated[int, typer.Option(metavar="INT", help="How many words are shown.")] = 5_000,
    skip: Annotated[
        int, typer.Option(metavar="INT", help="Leave out so many of the most frequent words, such as 'the' and 'of'.")
    ] = 0,
    method: Annotated[
        LayoutMethod,
        typer.Option(
            metavar="pca|tsne",
            help="The plane along which the vectors differ most, or neighbourhoods (slower; needs scikit-learn).",
        ),
    ] = LayoutMethod.PCA,
    seed: Annotated[int, typer.Option(metavar="INT", help="For tsne.")] = 1,
    title: Annotated[
        str | None, typer.Option(metavar="TEXT", help="The heading.  [default: which words these are]")
    ] = None,
    on_bad_line: OnBadLine = BadLine.REFUSE,
) -> None:
    """Draw a map on which words used alike lie near each other.

    The HTML file is all there is to it: open it in a browser, send it, put it anywhere; it asks nothing of the network.
    It shows each word's count and nearest words, and names appear as one comes nearer. FILE.html#WORD opens at a word.

    \b
    Examples:
      vastmax map vectors.safetensors -o map.html
      vastmax map vectors.safetensors -o map.html --skip 100 --method tsne --title "All the news"
      vastmax map glove.6B.100d.txt -o map.png --num-words 600
    """
    from vastmax.embedding.word_map import check_layout_method, draw_map, map_suffix
    from vastmax.places import claimed
    from vastmax.progress import console_progress

    map_suffix(output)
    check_layout_method(method.value)
    with claimed(reads={"VECTORS": vectors}, writes={"--output": output}), console_progress() as progress:
        shown = draw_map(
            load_vectors(vectors, on_bad_line),
            output,
            num_words=num_words,
            skip=skip,
            method=method.value,
            seed=seed,
            title=title,
            progress=progress,
        )
    say(f"{output}: {len(shown):,} words")
