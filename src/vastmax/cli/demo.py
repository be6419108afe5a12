"""`vastmax demo`: the main job, start to end, on a text that every Python carries."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vastmax.cli.failure import Interrupted
from vastmax.cli.output import check_output_folder, print_table
from vastmax.cli.vocab import print_facts

if TYPE_CHECKING:
    from vastmax.embedding import WordVectors
    from vastmax.progress import Progress

EPOCHS = 10
"""Twice the default: the text is small, and its rarer words are met a few times only."""

WORDS_TO_LOOK_AT = ("server", "lock", "directory", "monday", "red", "false", "widget", "socket", "two", "integer")
"""Words whose neighbours show what was learned; the first `WORDS_SHOWN` that the text holds are looked at."""
WORDS_SHOWN = 6
NEIGHBOURS_SHOWN = 6

ANALOGIES = (("read", "reading", "write"), ("file", "files", "directory"), ("raise", "raises", "return"))
"""A is to B as C is to …: shown where the text holds all three."""

MAP_WORDS, MAP_SKIP = 600, 50
"""The map shows words 51 to 650: the first ones are "the", "of" and their like."""


def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the text, the vectors and the map go.")
    ] = Path("demo-output"),
    epochs: Annotated[int, typer.Option(metavar="INT", help="How often the text is read.")] = EPOCHS,
    threads: Annotated[int | None, typer.Option(metavar="INT", help="Threads.  [default: one a core]")] = None,
) -> None:
    """Train on the documentation inside Python: no download.

    Collects the language reference, docstrings and comments of the running Python's standard library (about 0.7
    million words), trains word vectors on them, shows what they have learned, and draws a map of the frequent words.

    \b
    Examples:
      vastmax demo
      vastmax demo -o /tmp/demo --threads 1
    """
    from vastmax.embedding import train_embeddings
    from vastmax.embedding.picture import draw_map
    from vastmax.progress import console_progress, describe_seconds, describe_speed
    from vastmax.text import Corpus

    check_output_folder_or_make(output)
    text_file, vectors_file, map_file = output / "python-docs.txt", output / "vectors.safetensors", output / "map.png"
    try:
        with console_progress() as progress:
            write_text(text_file, progress)
            corpus = Corpus(str(text_file), progress=progress)
            vectors = train_embeddings(corpus, epochs=epochs, threads=threads, progress=progress)
            vectors.save(vectors_file)
            progress.begin("draw the map", None, "words")
            named = draw_map(vectors, map_file, num_words=MAP_WORDS, skip=MAP_SKIP)
            progress.update(len(named))
            progress.end()
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted; what was finished is in {output}") from None

    print_facts(corpus.vocabulary.facts())
    show_neighbours(vectors)
