"""`vastmax advise`: which output method to take for a text, before anything is trained."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vastmax import extras
from vastmax.arguments import MOST_THREADS, real, whole
from vastmax.cli.corpus_options import (
    Column,
    DecodingErrors,
    Errors,
    Lowercase,
    MaxFinalVocab,
    UseCache,
    open_corpus,
)
from vastmax.cli.output import print_json
from vastmax.cli.vectors_argument import AsJson
from vastmax.errors import InputError

if TYPE_CHECKING:
    from vastmax.progress import Progress


DEFAULT_SECONDS = 60.0


class Purpose(StrEnum):
    """What the model is for."""

    TRAIN = "train"
    SCORE = "score"
    BEST_WORD = "best-word"
    VECTORS = "vectors"


def advise(
    corpus: Annotated[
        list[str],
        typer.Argument(
            metavar="CORPUS|COUNTS",
            show_default=False,
            help="Text, as for `vastmax vocab`; or one file of words and counts, a word TAB its count on each line, or "
            "what `vastmax vocab -o` keeps; - reads standard input.",
        ),
    ],
    hidden_size: Annotated[int, typer.Option(metavar="INT", help="Numbers in a hidden vector.")] = 256,
    batch: Annotated[int, typer.Option("--batch", metavar="INT", help="Words predicted in a step.")] = 1024,
    purpose: Annotated[
        Purpose,
        typer.Option(
            metavar="train|score|best-word|vectors",
            help="A language model; one that scores given words fast; one that finds the best word fast; vectors.",
        ),
    ] = Purpose.TRAIN,
    memory: Annotated[
        float | None, typer.Option(metavar="GB", help="What the output layer may take in training.")
    ] = None,
    calibrate: Annotated[
        bool,
        typer.Option(
            "--calibrate",
            help="First measure how fast this machine is, in some seconds; later runs use it (needs PyTorch).",
        ),
    ] = False,
    measure: Annotated[
        bool, typer.Option("--measure", help="Time every method's step on this machine, too (needs PyTorch).")
    ] = False,
    seconds: Annotated[
        float | None, typer.Option(metavar="FLOAT", help="For --measure: about so long in all.  [default: 60]")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(metavar="INT", help="For --measure and --calibrate.  [default: one per core]")
    ] = None,
    min_count: Annotated[int, typer.Option(metavar="INT", help="Leave out words that are rarer than this.")] = 1,
    max_final_vocab: MaxFinalVocab = None,
    lowercase: Lowercase = False,
    errors: Errors = DecodingErrors.STRICT,
    column: Column = None,
    cache: UseCache = True,
    as_json: AsJson = False,
) -> None:
    """Say what each output method would cost for these words, which to take, and why.

    From the counts alone, in seconds: entropy, path lengths, cut-offs, the expected cost of every method, and those
    that suit best, three at most. Perplexity cannot be told from counts: `vastmax compare` measures it.

    \b
    Examples:
      vastmax advise corpus.txt --min-count 2
      vastmax advise counts.txt --hidden-size 512 --batch 256
      vastmax advise corpus.txt --calibrate
      vastmax advise corpus.txt --purpose score --measure
      cut -f 1,3 table.tsv | vastmax advise - --json
    """
    from vastmax.compare import advise as advise_from_counts
    from vastmax.compare.advice.calibration import calibrated_machine, kept_machine
    from vastmax.compare.advice.machine import DEVELOPMENT_MACHINE
    from vastmax.progress import console_progress

    if memory is not None:
        real("memory", memory, 0.0, 1e9, above=True, why="gigabytes")
    for name, value in (("--seconds", seconds), ("--threads", threads)):
        if value is not None and not measure and not (calibrate and name == "--threads"):
            raise InputError(f"{name} is for --measure; add that, or leave {name} out")
    if threads is not None:
        _set_threads(threads)
    with console_progress() as progress:
        source = _source(
            corpus,
            min_count=min_count,
            max_size=max_final_vocab,
            read={"lowercase": lowercase, "errors": errors, "column": column, "cache": cache},
            progress=progress,
        )
        advice = advise_from_counts(
            source,
            hidden_size=hidden_size,
            batch_size=batch,
            purpose=purpose.value,
            memory_bytes=None if memory is None else max(1, round(memory * 1e9)),
            machine=calibrated_machine(progress) if calibrate else kept_machine() or DEVELOPMENT_MACHINE,
            measure=measure,
            measure_seconds=DEFAULT_SECONDS if seconds is None else seconds,
            progress=progress,
        )
    if as_json:
        print_json(advice.to_json())
        return
    from vastmax.cli.advice_text import print_advice

    print_advice(advice)


def _source(
    given: list[str], *, min_count: int, max_size: int | None, read: dict[str, Any], progress: Progress
) -> object:
    """The vocabulary of a file of counts, or the text in the ids of its vocabulary."""
    from vastmax.text.counts_file import read_counts

    if len(given) > 1:
        for name in given:
            if read_counts(name) is not None:
                raise InputError(
                    f"{name} holds words and counts, which are given alone; give that one file, or only text"
                )
    counted = read_counts(given[0]) if len(given) == 1 else None
    if counted is not None:
        set_without_use = [name for name in ("lowercase", "column") if read[name]]
        if set_without_use:
            raise InputError(f"--{set_without_use[0]} is for text, and {given[0]} holds words and counts")
        return counted.truncate(min_count=min_count, max_size=max_size)
    text = open_corpus(given, **read, progress=progress)
    return text.encode_with(text.vocabulary.truncate(min_count=min_count, max_size=max_size))


def _set_threads(threads: int) -> None:

    whole("threads", threads, 1, MOST_THREADS)
    if extras.has("torch"):  # without it, `advise` says what is missing
        import torch

        torch.set_num_threads(threads)
