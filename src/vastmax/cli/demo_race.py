"""The second half of `vastmax demo`: a race of a few output methods on the same text, and its report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vastmax import extras
from vastmax.cli.failure import StoppedError
from vastmax.cli.output import say
from vastmax.errors import InputError
from vastmax.training.stop_signals import StopSignals

if TYPE_CHECKING:
    from vastmax.compare.results import Race
    from vastmax.text import Corpus

METHODS = ("softmax", "hierarchical-softmax", "adaptive", "sampled-softmax", "nce")
"""The baseline, the two most common exact methods, and two sampled ones."""

SECONDS_EACH = 10.0
"""Seconds of training for each method; five of them take over a minute, with startup and measurements."""

# The cheapest encoder, so nearly all time is spent where the methods differ; small steps, so the softmax makes about a
# hundred of them.
ENCODER = "log-bilinear"
HIDDEN_SIZE = 128
STREAMS = SEQUENCE_LENGTH = 16
WARMUP_STEPS = 10
POINTS = 8
CURVE_WORDS = 5_000

NO_TORCH = extras.missing("the race of output methods is left out: it", "torch")


def can_race() -> bool:
    """Return whether PyTorch is installed."""
    return extras.has("torch")


def make_room(folder: Path) -> None:
    """Remove the race of an earlier demo; raise InputError if there is anything else."""
    from vastmax.compare.folder import REPORT, RaceFolder
    from vastmax.compare.report import PAGE
    from vastmax.compare.report.pictures import PICTURES

    if (folder / REPORT).exists():
        try:
            RaceFolder(folder).remove((PAGE, *PICTURES))
        except InputError as error:
            raise InputError(f"{folder} was not removed: {error}. Give another folder with -o") from None
    RaceFolder(folder).check_free()


def race_on(corpus: Corpus, folder: Path, *, seconds_each: float, threads: int | None) -> tuple[Race, list[Path]]:
    """Run the race in an empty `folder`; return its results and the files of the report, the page first.

    Raises:
        StoppedError: on Ctrl-C; the results so far are kept.
    """
    from vastmax.compare.race import run_race
    from vastmax.compare.report import write_report
    from vastmax.compare.settings import RaceSettings
    from vastmax.language_model import LanguageModelSettings, training_text
    from vastmax.progress import console_progress

    settings = RaceSettings(
        methods=METHODS,
        encoder=ENCODER,
        hidden_size=HIDDEN_SIZE,
        training=LanguageModelSettings(
            minutes=seconds_each / 60, num_streams=STREAMS, bptt=SEQUENCE_LENGTH, warmup_steps=WARMUP_STEPS
        ),
        points=POINTS,
        curve_words=CURVE_WORDS,
        threads=threads,
    )
    with console_progress() as progress, StopSignals() as stop:
        race = run_race(
            training_text(corpus),
            settings,
            folder,
            facts={"sources": ["the documentation inside Python"]},
            stop=stop,
            progress=progress,
        )
    if not race.complete:
        raise StoppedError(f"interrupted; finished files are in {folder.parent}", stop.exit_code)
    return race, write_report(race, folder)


def show_race(race: Race) -> None:
    """Print the results of each method and the recommendation."""
    from vastmax.compare.report.recommendation import recommend

    say(f"\noutput methods, each trained for {60 * race.settings['training']['minutes']:g} seconds")
    for method in race.methods:
        perplexity, speed = method.perplexity, method.training_words_per_second
        if perplexity is None or speed is None:
            say(f"  {method.method:<22} {method.status}: {method.error}")
        else:
            say(f"  {method.method:<22} perplexity {perplexity:6,.0f}, {speed:9,.0f} words/s in training")
    advice = recommend(race)
    say(f"  {advice.headline}. {advice.text}")
