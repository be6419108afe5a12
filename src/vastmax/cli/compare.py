"""`vastmax compare`: compares output methods on the user's own text."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from vastmax.arguments import MOST_EPOCHS, MOST_MINUTES, Number, Whole
from vastmax.cli.failure import EXIT_BAD_INPUT, complain, stopped, stopped_at_once
from vastmax.cli.lm.training_text import HeldOutOptions, encoder_option, encoder_options
from vastmax.cli.resuming import resuming_command
from vastmax.cli.shared_options import DeviceOptions, TextOptions, as_json, checkpoint_minutes
from vastmax.cli.spelling import as_typed
from vastmax.compare.settings import DEFAULT_MINUTES, RaceKnobs
from vastmax.errors import InputError
from vastmax.language_model.config import ModelConfig
from vastmax.language_model.settings import LanguageModelSettings
from vastmax.options import OUTPUT, option, part
from vastmax.training.stop_signals import StopSignals

if TYPE_CHECKING:
    from vastmax.compare.results import Race
    from vastmax.compare.settings import RaceSettings

EXIT_METHOD_FAILED = 3
"""The comparison is complete, but some of its methods failed."""


@dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """The options of `vastmax compare`."""

    text: TextOptions = part(corpus=())  # --report-only needs no text
    output: Path = option(..., "The folder of the race.", flags=("--output", "-o"), metavar="DIR", group=OUTPUT)
    methods: str | None = option(
        None,
        "The methods to compare.",
        metavar="NAME,…|all",
        default_text="softmax,hierarchical-softmax,two-level,adaptive,sampled-softmax,nce",
        also=("method",),
    )
    model: ModelConfig = part(without=("method", "tied"))
    minutes_each: float | None = option(
        None,
        "Minutes of training for each method.",
        bound=Number(0.0, MOST_MINUTES, above=True, optional=True),
        default_text=f"{DEFAULT_MINUTES:g}",
        also=("minutes",),
    )
    epochs: int | None = option(
        None,
        "Passes over the text for each method, instead of minutes.",
        bound=Whole(1, MOST_EPOCHS, optional=True),
    )
    race: RaceKnobs = part()
    encoder_option: tuple[str, ...] = encoder_option()
    method_option: tuple[str, ...] = option(
        (), "Such as nce.num_samples=64; may be given several times.", metavar="METHOD.NAME=VALUE"
    )
    held_out: HeldOutOptions = part()
    training: LanguageModelSettings = part(
        without=("epochs", "minutes", "accumulation", "weight_decay", "precision", "patience")
    )
    where: DeviceOptions = part()
    checkpoint_minutes: float = checkpoint_minutes("Minutes between checkpoints; also saved on Ctrl-C.")
    resume: bool = option(
        False,
        "Resume the race in DIR, with the same text and options; methods may be added.",
        group=OUTPUT,
    )
    retry_failed: bool = option(False, "With --resume: run the failed methods again.", group=OUTPUT)
    report_only: bool = option(
        False, "Run nothing, write only the report of the race in DIR; needs no CORPUS.", group=OUTPUT
    )
    as_json: bool = as_json()

    def check(self) -> None:
        """Raise InputError for options that exclude each other or need others."""
        if self.minutes_each is not None and self.epochs is not None:
            raise InputError("--minutes-each and --epochs are two budgets; give one of them")
        if self.retry_failed and not self.resume:
            raise InputError("--retry-failed needs --resume")
        if self.held_out.held_out == 0 and not self.held_out.valid:
            raise InputError(
                "--held-out is 0 and --valid is not given, but a race needs validation text; give one of them"
            )

    def settings(self) -> RaceSettings:
        """Return the settings of the race."""
        from vastmax.compare.settings import RaceSettings, default_methods
        from vastmax.methods import RECIPES

        minutes = DEFAULT_MINUTES if self.minutes_each is None and self.epochs is None else self.minutes_each
        training = replace(self.training, minutes=minutes, epochs=1 if self.epochs is None else self.epochs)
        named = self.methods
        methods = default_methods() if named is None else tuple(RECIPES) if named == "all" else _names(named)
        return RaceSettings(
            methods=methods,
            encoder=self.model.encoder,
            hidden_size=self.model.hidden_size,
            encoder_options=encoder_options(self.model.encoder, self.encoder_option),
            method_options=_method_options(methods, self.method_option),
            training=training,
            device=self.where.usable(),
            **vars(self.race),
        )


def compare(options: CompareOptions, context: typer.Context) -> None:
    """Compare output methods on your text, with the same encoder, initialization, batches and budget.

    Perplexity is exact and normalized for every method. DIR contains report.html for people, report.json for programs,
    and a run for each method, for vastmax lm. The exit code is 3 if a method failed; results of the others are kept.

    \b
    Examples:
      vastmax compare corpus.txt -o race
      vastmax compare corpus.txt --methods softmax,nce,adaptive --minutes-each 10 -o race
      vastmax compare train.txt --valid valid.txt --methods all --epochs 1 --tune 5 -o race
      vastmax compare corpus.txt --methods nce --method-option nce.num_samples=25 --epochs 2 -o race
      vastmax compare corpus.txt -o race --resume
      vastmax compare --report-only -o race
    """
    if options.report_only:
        if options.text.corpus:
            raise InputError("--report-only reads no CORPUS; leave out one of them")
        _report_only(context, options.output, as_json=options.as_json)
        return
    if not options.text.corpus:
        raise InputError("CORPUS is missing; give the text")
    from vastmax.cli.race_text import print_race
    from vastmax.compare.folder import RaceFolder, check_same_settings
    from vastmax.compare.race import run_race
    from vastmax.places import claimed
    from vastmax.progress import console_progress
    from vastmax.text.sources import files_of

    options.check()
    settings, output = options.settings(), options.output
    reads = options.text.read_by(valid=files_of(list(options.held_out.valid)))
    context.with_resource(claimed(reads=reads, folder=("--output", output)))
    folder = RaceFolder(output)
    if options.resume:
        check_same_settings(folder.read(), settings.as_dict())
    else:
        folder.check_free()

    command = resuming_command(context, resume=options.resume)
    with console_progress() as progress:
        text = options.held_out.read(options.text, progress)
        print(_expectation(settings), file=sys.stderr)
        with StopSignals() as stop, _told_how(output, command):
            race = run_race(
                text,
                settings,
                output,
                facts=options.held_out.facts(options.text),
                resume=options.resume,
                retry_failed=options.retry_failed,
                save_minutes=options.checkpoint_minutes,
                stop=stop,
                progress=progress,
            )
    page = _written_report(race, output)
    if race.finished or race.complete:
        print_race(race, page, as_json=options.as_json)
    if not race.complete:
        raise stopped(stop.exit_code, f"{output} holds the results so far; resume with: {command}")
    _exit_by(context, race, page, again=command if options.retry_failed else f"{command} --retry-failed")


def _report_only(context: typer.Context, output: Path, *, as_json: bool) -> None:
    from vastmax.cli.race_text import print_race
    from vastmax.compare.folder import RaceFolder

    race = RaceFolder(output).read()
    page = _written_report(race, output)
    print_race(race, page, as_json=as_json)
    _exit_by(context, race, page)


def _written_report(race: Race, output: Path) -> Path | None:
    """Return the page, or None if it cannot be written; the results of the race are kept anyway."""
    from vastmax.compare.folder import REPORT
    from vastmax.compare.report import write_report

    try:
        return write_report(race, output)[0]
    except (InputError, OSError) as error:
        again = shlex.join(["vastmax", "compare", "--report-only", "-o", str(output)])
        complain(f"the report could not be written: {error}; {output / REPORT} holds the results; try: {again}")
        return None


def _exit_by(context: typer.Context, race: Race, page: Path | None, *, again: str | None = None) -> None:
    """List failed methods and the command that runs them `again`; exit with the code for the problem, if any."""
    failed = [method for method in race.methods if method.status == "failed"]
    for method in failed:
        complain(as_typed(f"{method.method} failed: {method.error}", context))
    if failed and again is not None:
        complain(f"run failed methods again with: {again}")
    if page is None:
        raise typer.Exit(EXIT_BAD_INPUT)
    if failed:
        raise typer.Exit(EXIT_METHOD_FAILED)


def _names(methods: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in methods.split(",") if name.strip())


def _method_options(methods: Sequence[str], assignments: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return options by method, from METHOD.NAME=VALUE."""
    from vastmax.language_model.options import parsed_options
    from vastmax.methods import RECIPES

    by_method: dict[str, list[str]] = {}
    for assignment in assignments:
        method, dot, rest = assignment.partition(".")
        if not dot or "=" in method:
            raise InputError(f"--method-option is {assignment!r}; expected METHOD.NAME=VALUE, as in nce.num_samples=64")
        if method not in methods or method not in RECIPES:
            raise InputError(
                f"--method-option {assignment} is for {method!r}, which does not run; expected {', '.join(methods)}"
            )
        by_method.setdefault(method, []).append(rest)
    return {method: parsed_options(RECIPES[method].build, given, of=method) for method, given in by_method.items()}


def _expectation(settings: RaceSettings) -> str:
    from vastmax.progress import describe_seconds

    count = len(settings.methods)
    each = f"{count} method{'s' if count > 1 else ''}, {settings.budget} each"
    if settings.trials:
        each += f" and {settings.trials} trials of {settings.trial_share:g} of that"
    seconds = settings.expected_seconds
    if seconds is None:
        return f"Race: {each}."
    return f"Race: {each}: {describe_seconds(seconds)} of training in total, plus the time to measure."


@contextmanager
def _told_how(output: Path, command: str) -> Iterator[None]:
    """Report what is kept if a second signal interrupts saving."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as told:
        raise stopped_at_once(told, f"{output} keeps what was saved; resume with: {command}") from None
