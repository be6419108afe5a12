"""`vastmax map`: a map of the frequent words, as a page or a picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import typer

from vastmax.arguments import Whole
from vastmax.cli.output import say
from vastmax.cli.shared_options import VectorsOptions
from vastmax.options import OUTPUT, option, part


@dataclass(frozen=True, kw_only=True)
class MapOptions:
    """The options of `vastmax map`."""

    source: VectorsOptions = part()
    output: Path = option(..., "The file for the map: .html, to search and explore, or .png.", flags=("--output", "-o"))
    num_words: int = option(5_000, "Number of words shown.", bound=Whole(1))
    skip: int = option(0, "Leave out this many of the most frequent words, such as 'the' and 'of'.", bound=Whole(0))
    method: Literal["pca", "tsne"] = option(
        "pca",
        "pca: the plane of largest variance; tsne: neighborhoods (slower; needs scikit-learn).",
    )
    seed: int = option(1, "For tsne: start of the random numbers.", bound=Whole(0, 2**32 - 1))
    title: str | None = option(None, "Heading.", default_text="which words these are", group=OUTPUT)


def map_(options: MapOptions, context: typer.Context) -> None:
    """Draw a map on which words used alike are near each other.

    The HTML file is self-contained and needs no network. It shows each word's count and nearest words, and more names
    when zoomed in. FILE.html#WORD opens at a word.

    \b
    Examples:
      vastmax map vectors.safetensors -o map.html
      vastmax map vectors.safetensors -o map.html --skip 100 --method tsne --title "All the news"
      vastmax map glove.6B.100d.txt -o map.png --num-words 600
    """
    from vastmax.embedding.word_map import check_layout_method, draw_map, map_suffix
    from vastmax.places import claimed
    from vastmax.progress import console_progress

    source, output = options.source, options.output
    map_suffix(output)
    check_layout_method(options.method)
    with claimed(reads={"VECTORS": source.vectors}, writes={"--output": output}), console_progress() as progress:
        shown = draw_map(
            source.load(),
            output,
            num_words=options.num_words,
            skip=options.skip,
            method=options.method,
            seed=options.seed,
            title=options.title,
            progress=progress,
        )
    say(f"{output}: {len(shown):,} words")
