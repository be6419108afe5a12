"""`vastmax lm train`: a language model from text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from vastmax.cli.failure import stopped, stopped_at_once
from vastmax.cli.lm.training_text import HeldOutOptions, encoder_option, encoder_options
from vastmax.cli.output import print_json, say
from vastmax.cli.resuming import resuming_command
from vastmax.cli.shared_options import DeviceOptions, TextOptions, as_json, checkpoint_minutes, threads, use_threads
from vastmax.errors import InputError
from vastmax.language_model.config import ModelConfig
from vastmax.language_model.settings import LanguageModelSettings
from vastmax.options import OUTPUT, option, part
from vastmax.training.stop_signals import StopSignals

if TYPE_CHECKING:
    from vastmax.language_model.run_folder import RunFolder
    from vastmax.language_model.train import Trainer
    from vastmax.progress import Progress
    from vastmax.training.pytorch.process_group import ProcessGroup


@dataclass(frozen=True, kw_only=True)
class LmTrainOptions:
    """The options of `vastmax lm train`."""

    text: TextOptions = part()
    output: Path = option(..., "The folder of the run.", flags=("--output", "-o"), metavar="RUN", group=OUTPUT)
    model: ModelConfig = part()
    encoder_option: tuple[str, ...] = encoder_option()
    method_option: tuple[str, ...] = option(
        (), "Such as num_samples=64; may be given several times.", metavar="NAME=VALUE"
    )
    held_out: HeldOutOptions = part()
    training: LanguageModelSettings = part()
    where: DeviceOptions = part()
    threads: int | None = threads()
    checkpoint_minutes: float = checkpoint_minutes()
    resume: bool = option(False, "Resume the run in RUN, with the same text and options.", group=OUTPUT)
    tensorboard: bool = option(False, "Also write TensorBoard event files.", group=OUTPUT)
    as_json: bool = as_json()

    def built_model(self) -> ModelConfig:
        """Return the configuration of the model, with the options of its parts."""
        from vastmax.language_model.options import parsed_options
        from vastmax.methods import RECIPES

        encoder, method = self.model.encoder, self.model.method
        return replace(
            self.model,
            encoder_options=encoder_options(encoder, self.encoder_option),
            method_options=parsed_options(RECIPES[method].build, self.method_option, of=method),
        )


def train(options: LmTrainOptions, context: typer.Context) -> None:
    """Train a language model: an encoder reads the words so far, and an output method predicts the next one.

    RUN contains the best model so far, the state to resume from, and log.csv. Under torchrun, processes share the work.

    \b
    Examples:
      vastmax lm train corpus.txt -o run
      vastmax lm train train.txt --valid valid.txt --method adaptive --epochs 20 --patience 2 -o run
      vastmax lm train corpus.txt --encoder transformer --encoder-option num_layers=4 --minutes 30 -o run
      vastmax lm train corpus.txt --method nce --method-option num_samples=25 -o run
      vastmax lm train corpus.txt -o run --resume
      vastmax lm train corpus.txt -o run --config settings.toml
      torchrun --nproc-per-node 2 --no-python vastmax lm train corpus.txt -o run
    """
    from vastmax.progress import console_progress
    from vastmax.training.log import check_tensorboard
    from vastmax.training.pytorch.process_group import joined

    model = options.built_model()
    if options.tensorboard:
        check_tensorboard()
    use_threads(options.threads)
    device = options.where.usable()
    if options.training.precision == "float16" and not device.startswith("cuda"):
        raise InputError("--precision float16 needs a GPU; bfloat16 works on a CPU, too")
    with joined(device) as group, console_progress() as shown:
        begun = _claimed(options, context, group)
        from vastmax.language_model.run import train_run
        from vastmax.language_model.run_folder import RunFolder
        from vastmax.progress import Silent

        progress: Progress = shown if group.is_main else Silent()
        text = options.held_out.read(options.text, progress)
        facts = {**options.held_out.facts(options.text), **text.digests()}
        folder = RunFolder(options.output, model, options.training, facts, text.vocabulary)
        if begun is not None:
            folder.check_same(begun)
        command = resuming_command(context, resume=options.resume)
        with StopSignals() as stop, _told_how(folder, command):
            trainer = train_run(
                folder,
                text.training,
                text.validation,
                resume=options.resume,
                save_minutes=options.checkpoint_minutes,
                device=device,
                tensorboard=options.tensorboard,
                stop=stop,
                progress=progress,
            )
        if not trainer.finished:
            step = trainer.progressed.step
            raise stopped(stop.exit_code, f"{folder.path} holds the run up to step {step:,}; resume with: {command}")
    if group.is_main:
        _print(folder, trainer, as_json=options.as_json)


def _claimed(options: LmTrainOptions, context: typer.Context, group: ProcessGroup) -> RunFolder | None:
    """Lock the folder of the run, and return the run to resume; None: a new one."""
    from vastmax.language_model.run_folder import FILES, RunFolder
    from vastmax.places import claimed
    from vastmax.text.sources import files_of

    reads = options.text.read_by(valid=files_of(list(options.held_out.valid)))
    if group.is_main:
        context.with_resource(claimed(reads=reads, folder=("--output", options.output), files=FILES))
    if options.resume:
        return RunFolder.open(options.output)
    if group.is_main:  # other processes may arrive after the main one has started
        RunFolder.check_free(options.output)
    return None


@contextmanager
def _told_how(folder: RunFolder, command: str) -> Iterator[None]:
    """Report what is kept if training fails, or is interrupted before it can save."""
    from vastmax.language_model.run_folder import CHECKPOINT
    from vastmax.language_model.train import TrainingFailedError

    kept = f"{folder.path} keeps what was saved; resume with: {command}"
    try:
        yield
    except TrainingFailedError as error:
        raise InputError(f"{error.message.marked}; {folder.path} keeps what was saved before") from error
    except (KeyboardInterrupt, SystemExit) as told:
        raise stopped_at_once(told, kept) from None
    except OSError as error:  # such as a full disk
        if not (folder.path / CHECKPOINT).exists():
            raise
        raise OSError(error.errno, f"{error.strerror or error}; {kept}", error.filename) from error


def _print(folder: RunFolder, trainer: Trainer, *, as_json: bool) -> None:
    import math

    from vastmax.distribution.entropy import perplexity_from_nats
    from vastmax.progress import describe_seconds

    progressed = trainer.progressed
    best = None if math.isinf(progressed.best_nats) else perplexity_from_nats(progressed.best_nats)
    if as_json:
        print_json(
            {
                "run": str(folder.path),
                "model": folder.model.as_dict(),
                "words": len(folder.vocabulary),
                "epochs": progressed.epoch,
                "steps": progressed.step,
                "trained_words": progressed.words,
                "training_seconds": progressed.training_seconds,
                "prepared_seconds": progressed.prepared_seconds,
                "losses": progressed.losses,
                "validation_nats": progressed.validation_nats,
                "best_perplexity": best,
            }
        )
        return
    measured = "no validation text" if best is None else f"validation perplexity {best:,.1f}"
    say(
        f"{folder.path}: {folder.model.encoder} {folder.model.hidden_size}, {folder.model.method}, "
        f"{len(folder.vocabulary):,} words; {progressed.words:,} words read in "
        f"{describe_seconds(progressed.training_seconds)}, {measured}"
    )
