"""`vastmax advise`: the output method to use for a text, before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import typer

from vastmax import extras
from vastmax.arguments import MOST_SIZE, Number, Whole
from vastmax.cli.output import print_json
from vastmax.cli.shared_options import TextOptions, VocabularyOptions, as_json, threads, use_threads
from vastmax.errors import InputError, argument
from vastmax.options import option, part

if TYPE_CHECKING:
    from vastmax.progress import Progress


DEFAULT_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class AdviseOptions:
    """The options of `vastmax advise`."""

    corpus: tuple[str, ...] = option(
        ...,
        "Text, as for `vastmax vocab`; or one file of words and counts, one word TAB count per line or as written by "
        "`vastmax vocab -o`; - reads standard input.",
        metavar="CORPUS|COUNTS",
        positional=True,
    )
    hidden_size: int = option(256, "Size of hidden vectors.", bound=Whole(1, MOST_SIZE))
    batch: int = option(1024, "Words predicted per step.", bound=Whole(1, MOST_SIZE), also=("batch_size",))
    purpose: Literal["train", "score", "best-word", "vectors"] = option(
        "train",
        "To train a language model, score given words fast, find the best word fast, or train vectors.",
    )
    memory: float | None = option(
        None,
        "Memory for the output layer in training.",
        bound=Number(0.0, 1e9, above=True, optional=True, why="gigabytes"),
        metavar="GB",
    )
    calibrate: bool = option(
        False, "First measure this machine, in a few seconds, also for later runs (needs PyTorch)."
    )
    measure: bool = option(False, "Also time a step of every method on this machine (needs PyTorch).")
    seconds: float | None = option(
        None, "For --measure: approximate total time.", default_text=f"{DEFAULT_SECONDS:g}", also=("measure_seconds",)
    )
    threads: int | None = threads("For --measure and --calibrate.")
    words: VocabularyOptions = part()
    text: TextOptions = part(without=("corpus",), corpus=())
    as_json: bool = as_json()


def advise(options: AdviseOptions, context: typer.Context) -> None:
    """Estimate what each output method would cost for these words, and recommend one.

    From the counts alone, in seconds: entropy, path lengths, cutoffs, the expected cost of every method, and up to
    three that suit best. Perplexity cannot be computed from counts; `vastmax compare` measures it.

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

    for name, used in (("seconds", options.measure), ("threads", options.measure or options.calibrate)):
        if getattr(options, name) is not None and not used:
            raise InputError(f"{argument(name)} is for --measure; add that, or leave out {argument(name)}")
    if extras.has("torch"):  # without it, `advise` reports what is missing
        use_threads(options.threads)
    with console_progress() as progress:
        advice = advise_from_counts(
            _source(options, progress),
            hidden_size=options.hidden_size,
            batch_size=options.batch,
            purpose=options.purpose,
            memory_bytes=None if options.memory is None else max(1, round(options.memory * 1e9)),
            machine=calibrated_machine(progress) if options.calibrate else kept_machine() or DEVELOPMENT_MACHINE,
            measure=options.measure,
            measure_seconds=DEFAULT_SECONDS if options.seconds is None else options.seconds,
            progress=progress,
        )
    if options.as_json:
        print_json(advice.to_json())
        return
    from vastmax.cli.advice_text import print_advice

    print_advice(advice)


def _source(options: AdviseOptions, progress: Progress) -> object:
    """Return the vocabulary of a file of counts, or the text encoded with its vocabulary."""
    from vastmax.text.counts_file import read_counts

    given, text = options.corpus, options.text
    if len(given) > 1:
        for name in given:
            if read_counts(name) is not None:
                raise InputError(f"{name} contains words and counts; give only that file, or only text")
    counted = read_counts(given[0]) if len(given) == 1 else None
    if counted is not None:
        for name in ("lowercase", "column"):
            if getattr(text, name):
                raise InputError(f"{argument(name)} is for text, but {given[0]} contains words and counts")
        return counted.truncate(min_count=options.words.min_count, max_size=options.words.max_final_vocab)
    corpus = text.open(progress, given)
    return corpus.encode_with(options.words.of(corpus))
