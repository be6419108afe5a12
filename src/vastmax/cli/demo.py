"""`vastmax demo`: the main tasks on a text that is part of every Python."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from vastmax import extras
from vastmax.arguments import MOST_EPOCHS, MOST_MINUTES, Number, Whole
from vastmax.cli.demo_race import NO_TORCH, SECONDS_EACH, can_race, make_room, race_on, show_race
from vastmax.cli.failure import StoppedError, complain
from vastmax.cli.output import print_json, say
from vastmax.cli.own_command import own_command
from vastmax.cli.shared_options import as_json, threads
from vastmax.cli.vocab import print_facts
from vastmax.errors import InputError
from vastmax.options import option

if TYPE_CHECKING:
    from vastmax.embedding import WordVectors
    from vastmax.progress import Progress

RACE = "race"
"""The folder of the race, within that of the demo."""

MARK, MARK_TEXT = ".vastmax-demo", "vastmax demo"
"""The file that marks the folder of a demo, and its first words."""

EPOCHS = 20
"""More than the default, because the text is small and its rarer words occur only a few times."""

WORDS_TO_LOOK_AT = ("server", "lock", "directory", "monday", "red", "bytes", "thread", "exception")
"""Words whose neighbors show what was learned; the first `WORDS_SHOWN` of the text are shown."""
WORDS_SHOWN = 6
NEIGHBOURS_SHOWN = 6
WORDS_TO_ASK_FOR = ("string", "number")

ANALOGIES = (
    ("read", "reading", "write"),
    ("file", "files", "directory"),
    ("raise", "raises", "return"),
    ("small", "smaller", "large"),
    ("call", "calls", "raise"),
)
"""A is to B as C is to …, if the text contains all three; the last one is suggested to the user."""
ANALOGIES_SHOWN = 4

MAP_SKIP = 50
"""The maps start with word 51, because the first ones are "the", "of" and similar."""
MAP_TITLE = "The words of Python's documentation"
PICTURE_WORDS = 600
"""A picture cannot be zoomed, so it shows fewer words than the page."""
NO_PICTURE = extras.missing("the map as a picture is left out: it", "matplotlib")


@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    """The options of `vastmax demo`."""

    output: Path = option(
        Path("demo-output"),
        "The folder for text, vectors and maps.",
        flags=("--output", "-o"),
        metavar="FOLDER",
    )
    epochs: int = option(EPOCHS, "Passes over the text.", bound=Whole(1, MOST_EPOCHS))
    race_seconds: float = option(
        SECONDS_EACH,
        "Seconds of training for each output method in the race; 0: no race.",
        bound=Number(0.0, 60 * MOST_MINUTES),
    )
    threads: int | None = threads()
    as_json: bool = as_json()


def demo(options: DemoOptions, context: typer.Context) -> None:
    """Train on the documentation inside Python, in about two minutes, without a download.

    Collects the language reference, docstrings and comments of Python's standard library (about 0.7 million words),
    trains word vectors, shows what they learned, and draws two maps of the frequent words: a page to search and
    explore, and a picture. With PyTorch, it also compares five output methods for language models on the same text and
    writes the report.

    \b
    Examples:
      vastmax demo
      vastmax demo -o /tmp/demo --threads 1
      vastmax demo --race-seconds 0
    """
    from vastmax.embedding import train_embeddings
    from vastmax.places import claimed
    from vastmax.progress import console_progress
    from vastmax.text import Corpus

    output, race_seconds, threads = options.output, options.race_seconds, options.threads
    text_file, vectors_file, page_file, picture_file = (
        output / name for name in ("python-docs.txt", "vectors.safetensors", "map.html", "map.png")
    )
    _make_folder(output)
    context.with_resource(claimed(reads={}, folder=("--output", output)))
    _take_over(output, (text_file, vectors_file, page_file, picture_file))
    races = race_seconds > 0 and can_race()
    if races:
        make_room(output / RACE)
    written = {text_file: "the text, one paragraph per line"}
    try:
        with console_progress() as progress:
            _write_text(text_file, progress)
            corpus = Corpus(str(text_file), progress=progress)
            vectors = train_embeddings(corpus, epochs=options.epochs, threads=threads, progress=progress)
            vectors.save(vectors_file)
            written[vectors_file] = f"{len(vectors):,} words × {vectors.vector_size}"
            written |= _maps(vectors, page_file, picture_file, progress)
    except KeyboardInterrupt:
        raise StoppedError(f"interrupted; finished files are in {output}") from None
    if not options.as_json:  # before the race
        print_facts(corpus.vocabulary.facts())
        _show(vectors)
        sys.stdout.flush()
    race = None
    if races:
        race, report = race_on(corpus, output / RACE, seconds_each=race_seconds, threads=threads)
        written[report[0]] = "the report of the race, for a browser"
    elif race_seconds > 0:
        complain(NO_TORCH)
    if options.as_json:
        near = {word: vectors.most_similar(word, topn=NEIGHBOURS_SHOWN) for word in _shown(vectors)}
        facts, raced = asdict(corpus.vocabulary.facts()), None if race is None else race.to_json()
        paths = [str(path) for path in written]
        print_json({"written": paths, "facts": facts, "training": vectors.training, "neighbours": near, "race": raced})
        return
    if race is not None:
        show_race(race)
    say("\nwritten")
    for path, what in written.items():
        say(f"  {path}  {what}")
    _say_what_next(vectors, vectors_file, text_file, race=race is not None)


def _maps(vectors: WordVectors, page: Path, picture: Path, progress: Progress) -> dict[Path, str]:
    """Draw the maps, and return their files with what they show."""
    from vastmax.embedding import draw_map

    skip = min(MAP_SKIP, len(vectors) - 1)
    shown = draw_map(vectors, page, skip=skip, title=MAP_TITLE, progress=progress)
    written = {page: f"a map of {len(shown):,} frequent words, for a browser"}
    if extras.has("matplotlib"):
        shown = draw_map(vectors, picture, num_words=PICTURE_WORDS, skip=skip, title=MAP_TITLE)
        written[picture] = f"the map as a picture, {len(shown):,} words"
    else:
        complain(NO_PICTURE)
    return written


def _say_what_next(vectors: WordVectors, vectors_file: Path, text_file: Path, *, race: bool) -> None:
    say("\nnext")
    vastmax = own_command()
    curious = [word for word in (*WORDS_TO_ASK_FOR, *vectors) if word in vectors][: len(WORDS_TO_ASK_FOR)]
    say(f"  {vastmax} neighbours {shlex.quote(str(vectors_file))} {' '.join(curious)}")
    for question in _answerable(vectors)[-1:]:
        say(f"  {vastmax} analogy {shlex.quote(str(vectors_file))} {' '.join(question)}")
    say(f"  {vastmax} vocab {shlex.quote(str(text_file))}\n  {vastmax} embed YOUR-TEXT.txt -o vectors.safetensors")
    if race:
        say(f"  {vastmax} compare YOUR-TEXT.txt -o race")


def _show(vectors: WordVectors) -> None:
    say("\nwords used alike")
    for word in _shown(vectors):
        say(f"  {word:<10} {', '.join(near for near, _ in vectors.most_similar(word, topn=NEIGHBOURS_SHOWN))}")
    say("\nanalogies")
    for a, b, c in _answerable(vectors)[:ANALOGIES_SHOWN]:
        answers = ", ".join(word for word, _ in vectors.analogy(a, b, c, topn=3))
        say(f"  {a} is to {b} as {c} is to  {answers}")


def _shown(vectors: WordVectors) -> list[str]:
    return [word for word in WORDS_TO_LOOK_AT if word in vectors][:WORDS_SHOWN]


def _answerable(vectors: WordVectors) -> list[tuple[str, str, str]]:
    return [question for question in ANALOGIES if all(word in vectors for word in question)]


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:  # such as a file of that name
        raise InputError(f"cannot make the folder {folder}: {error.strerror}; give another one with -o") from error


def _take_over(folder: Path, files: Sequence[Path]) -> None:
    """Mark the folder as a demo's; raise InputError if it has files of these names that a demo did not write."""
    from vastmax.atomic import replacing

    mark = folder / MARK
    if mark.is_file() and mark.read_text(encoding="utf-8", errors="replace").startswith(MARK_TEXT):
        return
    for file in files:
        if file.exists():
            raise InputError(f"{file} is not from a demo and would be overwritten; give another folder with -o")
    with replacing(mark) as beside:
        beside.write_text(f"{MARK_TEXT} wrote the files in this folder and may overwrite them.\n", encoding="utf-8")


def _write_text(path: Path, progress: Progress) -> None:
    from vastmax.atomic import replacing
    from vastmax.text.builtin import python_documentation

    with replacing(path) as beside, beside.open("w", encoding="utf-8") as stream:
        for words in python_documentation(progress=progress):
            stream.write(" ".join(words) + "\n")
