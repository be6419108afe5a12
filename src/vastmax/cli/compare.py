"""`vastmax compare`: which approximation to use, found out on the user's own text."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vastmax.arguments import MOST_MINUTES, real
from vastmax.cli.corpus_options import (
    Column,
    DecodingErrors,
    Errors,
    Lowercase,
    MaxFinalVocab,
    OptionalCorpusSources,
    UseCache,
    open_corpus,
    read_by,
)
from vastmax.cli.failure import EXIT_BAD_INPUT, StoppedError, complain, stopped_at_once
from vastmax.cli.lm import training_options as options
from vastmax.cli.lm.model_argument import Device, checked_device, require_torch
from vastmax.cli.lm.stopping import StopSignals
from vastmax.cli.option_names import as_typed
from vastmax.cli.vectors_argument import AsJson
from vastmax.errors import InputError

if TYPE_CHECKING:
    from vastmax.compare.results import Race
    from vastmax.compare.settings import RaceSettings

EXIT_METHOD_FAILED = 3
"""The race was run to its end, and some of its methods failed."""


def compare(
    context: typer.Context,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="The folder of the race.", show_default=False)
    ],
    corpus: OptionalCorpusSources = None,
    methods: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,…|all",
            help="Which methods run.  [default: softmax,hierarchical-softmax,two-level,adaptive,sampled-softmax,nce]",
        ),
    ] = None,
    encoder: options.EncoderName = "lstm",
    minutes_each: Annotated[
        float | None, typer.Option(metavar="FLOAT", help="Training of each method.  [default: 3]")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(metavar="INT", help="Train each method so often on the text, not for a time.")
    ] = None,
    tune: Annotated[
        int,
        typer.Option(metavar="INT", help="Short trials in which each method looks for its learning rates; 0: none."),
    ] = 0,
    trial_share: Annotated[float, typer.Option(metavar="FLOAT", help="What a trial takes, in budgets.")] = 0.1,
    valid: options.Valid = None,
    held_out: options.HeldOut = 0.05,
    min_count: options.MinCount = 2,
    max_final_vocab: MaxFinalVocab = None,
    hidden_size: options.HiddenSize = 256,
    encoder_option: options.EncoderOption = None,
    method_option: Annotated[
        list[str] | None,
        typer.Option(metavar="METHOD.NAME=VALUE", help="Such as nce.num_samples=64; may be given several times."),
    ] = None,
    points: Annotated[int, typer.Option(metavar="INT", help="How often the perplexity is measured on the way.")] = 12,
    curve_words: Annotated[
        int, typer.Option(metavar="INT", help="Validation words for that; at the end all of them are read.")
    ] = 20_000,
    streams: options.Streams = 32,
    stretch: options.Stretch = 32,
    table_rate: options.TableRate = 0.3,
    dense_rate: options.DenseRate = 2e-3,
    warmup_steps: options.WarmupSteps = 100,
    final_share: options.FinalShare = 0.1,
    max_norm: options.MaxNorm = 1.0,
    partition_size: options.PartitionSize = 4096,
    seed: options.Seed = 1,
    device: Device = None,
    threads: options.Threads = None,
    checkpoint_minutes: Annotated[
        float, typer.Option(metavar="FLOAT", help="Save the method under way so often; also on Ctrl-C.")
    ] = 10.0,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on with the race in DIR, with the same text and options; further methods may be named."
        ),
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="With --resume: run the methods that failed once more.")
    ] = False,
    report_only: Annotated[
        bool,
        typer.Option(
            "--report-only", help="Run nothing: write the report of the race in DIR anew. CORPUS is not needed."
        ),
    ] = False,
    lowercase: Lowercase = False,
    errors: Errors = DecodingErrors.STRICT,
    column: Column = None,
    cache: UseCache = True,
    as_json: AsJson = False,
) -> None:
    """Race output methods against each other on your text: same encoder, same start, same batches, same budget.

    Perplexity is exact and normalised for every method. DIR holds report.html, to look at, report.json, for programs,
    and a run for each method, for vastmax lm. The exit code is 3 if a method failed; the others' results are there.

    \b
    Examples:
      vastmax compare corpus.txt -o race
      vastmax compare corpus.txt --methods softmax,nce,adaptive --minutes-each 10 -o race
      vastmax compare train.txt --valid valid.txt --methods all --epochs 1 --tune 5 -o race
      vastmax compare corpus.txt --methods nce --method-option nce.num_samples=25 --epochs 2 -o race
      vastmax compare corpus.txt -o race --resume
      vastmax compare --report-only -o race
    """
    require_torch()
    if report_only:
        if corpus:
            raise InputError("--report-only runs nothing and reads no CORPUS; leave one of them out")
        _report_only(context, output, as_json=as_json)
        return
    if not corpus:
        raise InputError("CORPUS is missing: give the text to race on")
    from vastmax.cli.race_text import print_race
    from vastmax.compare.folder import RaceFolder, check_same_settings
    from vastmax.compare.race import run_race
    from vastmax.compare.settings import DEFAULT_METHODS, DEFAULT_MINUTES, RaceSettings
    from vastmax.encoder.registry import ENCODERS
    from vastmax.language_model import LanguageModelSettings, ModelConfig
    from vastmax.language_model.options import parsed_options
    from vastmax.language_model.text import check_text_options, training_text
    from vastmax.methods import RECIPES
    from vastmax.places import claimed
    from vastmax.progress import console_progress
    from vastmax.text.sources import files_of

    if minutes_each is not None and epochs is not None:
        raise InputError("--minutes-each and --epochs are two budgets; give one of them")
    if retry_failed and not resume:
        raise InputError("--retry-failed is about a race that was run; give --resume, too")
    real("checkpoint_minutes", checkpoint_minutes, 0.0, MOST_MINUTES, above=True)
    check_text_options(held_out=held_out, min_count=min_count, max_size=max_final_vocab)
    if held_out == 0 and not valid:
        raise InputError(
            "--held-out is 0 and --valid is not given, but a race needs text to measure on; give one of them"
        )
    if minutes_each is None and epochs is None:
        minutes_each = DEFAULT_MINUTES
    training = LanguageModelSettings(
        minutes=minutes_each,
        epochs=1 if epochs is None else epochs,
        num_streams=streams,
        stretch=stretch,
        table_rate=table_rate,
        dense_rate=dense_rate,
        warmup_steps=warmup_steps,
        final_share=final_share,
        max_norm=max_norm or None,
        partition_size=partition_size,
        seed=seed,
    )
    chosen = DEFAULT_METHODS if methods is None else tuple(RECIPES) if methods == "all" else _names(methods)
    ModelConfig(encoder)  # which checks the name, before its options are looked at
    settings = RaceSettings(
        methods=chosen,
        encoder=encoder,
        hidden_size=hidden_size,
        encoder_options=parsed_options(
            ENCODERS[encoder].build, encoder_option or (), of=encoder, allowed=ENCODERS[encoder].options
        ),
        method_options=_method_options(chosen, method_option or ()),
        training=training,
        trials=tune,
        trial_share=trial_share,
        points=points,
        curve_words=curve_words,
        threads=threads,
        device=checked_device(device),
    )
    reads = read_by(corpus, valid=files_of(valid))
    context.with_resource(claimed(reads=reads, folder=("--output", output)))
    folder = RaceFolder(output)
    if resume:
        check_same_settings(folder.read(), settings.as_dict())
    else:
        folder.check_free()

    command = shlex.join(["vastmax", *context.obj, *([] if resume else ["--resume"])])
    with console_progress() as progress:
        read = partial(open_corpus, lowercase=lowercase, errors=errors, column=column, cache=cache, progress=progress)
        text = training_text(
            read(corpus),
            read(valid) if valid else None,
            held_out=held_out,
            min_count=min_count,
            max_size=max_final_vocab,
        )
        print(_expectation(settings), file=sys.stderr)
        with StopSignals() as stop, _told_how(output, command):
            race = run_race(
                text,
                settings,
                output,
                facts={"sources": corpus, "validation_sources": valid, "lowercase": lowercase},
                resume=resume,
                retry_failed=retry_failed,
                save_minutes=checkpoint_minutes,
                stop=stop,
                progress=progress,
            )
    page = _written_report(race, output)
    if race.finished or race.complete:
        print_race(race, page, as_json=as_json)
    if not race.complete:
        verb = "terminated" if stop.exit_code == 143 else "interrupted"
        raise StoppedError(f"{verb}; {output} holds what was found so far; go on with: {command}", stop.exit_code)
    _exit_by(context, race, page, again=command if retry_failed else f"{command} --retry-failed")


def _report_only(context: typer.Context, output: Path, *, as_json: bool) -> None:
    from vastmax.cli.race_text import print_race
    from vastmax.compare.folder import RaceFolder

    race = RaceFolder(output).read()
    page = _written_report(race, output)
    print_race(race, page, as_json=as_json)
    _exit_by(context, race, page)


def _written_report(race: Race, output: Path) -> Path | None:
    """The page, or None where it cannot be written: what the race has found is worth more than the page."""
    from vastmax.compare.folder import REPORT
    from vastmax.compare.report import write_report

    try:
        return write_report(race, output)[0]
    except (InputError, OSError) as error:
        again = shlex.join(["vastmax", "compare", "--report-only", "-o", str(output)])
        complain(f"the report could not be written: {error}; {output / REPORT} holds the results; try: {again}")
        return None


def _exit_by(context: typer.Context, race: Race, page: Path | None, *, again: str | None = None) -> None:
    """Name the methods that failed, and how to run them `again`; leave with the exit code for what went wrong."""
    failed = [method for method in race.methods if method.status == "failed"]
    for method in failed:
        complain(as_typed(f"{method.method} failed: {method.error}", context))
    if failed and again is not None:
        complain(f"run what failed once more with: {again}")
    if page is None:
        raise typer.Exit(EXIT_BAD_INPUT)
    if failed:
        raise typer.Exit(EXIT_METHOD_FAILED)


def _names(methods: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in methods.split(",") if name.strip())


def _method_options(methods: Sequence[str], assignments: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Options by method, from METHOD.NAME=VALUE."""
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
    return f"Race: {each}: {describe_seconds(seconds)} of training in all, and the time to measure."


@contextmanager
def _told_how(output: Path, command: str) -> Iterator[None]:
    """Say what is kept when somebody cannot wait until the method under way has saved."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as told:
        raise stopped_at_once(told, f"{output} keeps what was saved; go on with: {command}") from None
