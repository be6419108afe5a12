"""`vastmax lm train`: a language model from text."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vastmax.arguments import MOST_MINUTES, MOST_THREADS, real, whole
from vastmax.cli.corpus_options import (
    Column,
    CorpusSources,
    DecodingErrors,
    Errors,
    Lowercase,
    MaxFinalVocab,
    UseCache,
    open_corpus,
    read_by,
)
from vastmax.cli.failure import StoppedError, stopped_at_once
from vastmax.cli.lm import training_options as options
from vastmax.cli.lm.model_argument import Device, checked_device, require_torch
from vastmax.cli.lm.stopping import StopSignals
from vastmax.cli.output import print_json, say
from vastmax.cli.vectors_argument import AsJson
from vastmax.errors import InputError

if TYPE_CHECKING:
    from vastmax.language_model.run_folder import RunFolder
    from vastmax.language_model.train import Trainer


def train(
    context: typer.Context,
    corpus: CorpusSources,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="RUN", help="The folder of the run.", show_default=False)
    ],
    encoder: options.EncoderName = "lstm",
    method: Annotated[
        str, typer.Option(metavar="NAME", help="What predicts: softmax, sampled-softmax, nce, adaptive, and others.")
    ] = "sampled-softmax",
    hidden_size: options.HiddenSize = 256,
    encoder_option: options.EncoderOption = None,
    method_option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Such as num_samples=64; may be given several times.")
    ] = None,
    tied: Annotated[bool, typer.Option("--tied", help="Words read and words predicted share their vectors.")] = False,
    valid: options.Valid = None,
    held_out: options.HeldOut = 0.05,
    min_count: options.MinCount = 2,
    max_final_vocab: MaxFinalVocab = None,
    epochs: Annotated[int, typer.Option(metavar="INT", help="How often the text is read.")] = 5,
    minutes: Annotated[float | None, typer.Option(metavar="FLOAT", help="Train for so long, not by epochs.")] = None,
    streams: options.Streams = 32,
    stretch: options.Stretch = 32,
    accumulation: Annotated[int, typer.Option(metavar="INT", help="Stretches that make up one step.")] = 1,
    table_rate: options.TableRate = 0.3,
    dense_rate: options.DenseRate = 2e-3,
    weight_decay: options.WeightDecay = 0.0,
    warmup_steps: options.WarmupSteps = 100,
    final_share: options.FinalShare = 0.1,
    max_norm: options.MaxNorm = 1.0,
    precision: Annotated[
        str, typer.Option(metavar="float32|bfloat16|float16", help="Of products; float16 on GPUs only.")
    ] = "float32",
    patience: Annotated[
        int | None, typer.Option(metavar="INT", help="Stop after so many epochs without a better perplexity.")
    ] = None,
    partition_size: options.PartitionSize = 4096,
    seed: options.Seed = 1,
    device: Device = None,
    threads: options.Threads = None,
    checkpoint_minutes: options.CheckpointMinutes = 10.0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in RUN, with the same text and options.")
    ] = False,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write TensorBoard event files, too.")] = False,
    lowercase: Lowercase = False,
    errors: Errors = DecodingErrors.STRICT,
    column: Column = None,
    cache: UseCache = True,
    as_json: AsJson = False,
) -> None:
    """Train a language model: an encoder that reads the words so far, and an output method that predicts the next.

    RUN holds the best model so far, the state to resume from and log.csv. Under torchrun the processes share the work.

    \b
    Examples:
      vastmax lm train corpus.txt -o run
      vastmax lm train train.txt --valid valid.txt --method adaptive --epochs 20 --patience 2 -o run
      vastmax lm train corpus.txt --encoder transformer --encoder-option num_layers=4 --minutes 30 -o run
      vastmax lm train corpus.txt --method nce --method-option num_samples=25 -o run
      vastmax lm train corpus.txt -o run --resume
      torchrun --nproc-per-node 2 --no-python vastmax lm train corpus.txt -o run
    """
    require_torch()
    import torch

    from vastmax.encoder.registry import ENCODERS
    from vastmax.language_model import LanguageModelSettings
    from vastmax.language_model.config import ModelConfig
    from vastmax.language_model.log import check_tensorboard
    from vastmax.language_model.options import parsed_options
    from vastmax.language_model.run_folder import FILES, RunFolder
    from vastmax.language_model.text import check_text_options, training_text
    from vastmax.methods import RECIPES
    from vastmax.places import claimed
    from vastmax.progress import console_progress
    from vastmax.text.sources import files_of

    model = ModelConfig(encoder, method, hidden_size, tied=tied, seed=seed)
    kind = ENCODERS[encoder]
    model = replace(  # now that the names are known to be right
        model,
        encoder_options=parsed_options(kind.build, encoder_option or (), of=encoder, allowed=kind.options),
        method_options=parsed_options(RECIPES[method].build, method_option or (), of=method),
    )
    settings = LanguageModelSettings(
        epochs=epochs,
        minutes=minutes,
        num_streams=streams,
        stretch=stretch,
        accumulation=accumulation,
        table_rate=table_rate,
        dense_rate=dense_rate,
        weight_decay=weight_decay,
        warmup_steps=warmup_steps,
        final_share=final_share,
        max_norm=max_norm or None,
        precision=precision,
        patience=patience,
        partition_size=partition_size,
        seed=seed,
    )
    real("checkpoint_minutes", checkpoint_minutes, 0.0, MOST_MINUTES, above=True)
    check_text_options(held_out=held_out, min_count=min_count, max_size=max_final_vocab)
    if tensorboard:
        check_tensorboard()
    if threads is not None:
        whole("threads", threads, 1, MOST_THREADS)
        torch.set_num_threads(threads)
    chosen_device = checked_device(device)
    if precision == "float16" and not chosen_device.startswith("cuda"):
        raise InputError("--precision float16 needs a GPU; bfloat16 works on a CPU, too")
    with _team(chosen_device) as leads, console_progress() as shown:
        reads, place = read_by(corpus, valid=files_of(valid)), ("--output", output)
        if leads:
            context.with_resource(claimed(reads=reads, folder=place, files=FILES))
        begun = RunFolder.open(output) if resume else None
        if leads and begun is None:  # others may come when the leader has begun
            RunFolder.check_free(output)
        progress = shown if leads else None
        from vastmax.language_model.run import train_run
        from vastmax.progress import Silent

        read = partial(
            open_corpus, lowercase=lowercase, errors=errors, column=column, cache=cache, progress=progress or Silent()
        )
        text = training_text(
            read(corpus),
            read(valid) if valid else None,
            held_out=held_out,
            min_count=min_count,
            max_size=max_final_vocab,
        )
        facts = {"sources": corpus, "validation_sources": valid, "lowercase": lowercase, **text.digests()}
        folder = RunFolder(output, model, settings, facts, text.vocabulary)
        if begun is not None:
            folder.check_same(begun)
        command = shlex.join(["vastmax", *context.obj, *([] if resume else ["--resume"])])
        with StopSignals() as stop, _told_how(folder, command):
            trainer = train_run(
                folder,
                text.training,
                text.validation,
                resume=resume,
                save_minutes=checkpoint_minutes,
                device=chosen_device,
                tensorboard=tensorboard,
                stop=stop,
                progress=progress,
            )
        if not trainer.finished:
            verb = "terminated" if stop.exit_code == 143 else "interrupted"
            raise StoppedError(
                f"{verb}; {output} holds the run up to step {trainer.progressed.step:,}; go on with: {command}",
                stop.exit_code,
            )
    if leads:
        _print(folder, trainer, as_json=as_json)


@contextmanager
def _team(device: str) -> Iterator[bool]:
    """Join the processes that torchrun has started, if it has; whether this one leads."""
    import torch.distributed as dist

    if not dist.is_torchelastic_launched():
        yield True
        return
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield dist.get_rank() == 0
    finally:
        dist.destroy_process_group()


@contextmanager
def _told_how(folder: RunFolder, command: str) -> Iterator[None]:
    """Say what is kept when training cannot go on, or is interrupted before it could save."""
    from vastmax.language_model.run_folder import CHECKPOINT
    from vastmax.language_model.train import TrainingFailedError

    kept = f"{folder.path} keeps what was saved; go on with: {command}"
    try:
        yield
    except TrainingFailedError as error:
        raise InputError(f"{error}; {folder.path} keeps what was saved before") from error
    except (KeyboardInterrupt, SystemExit) as told:
        raise stopped_at_once(told, kept) from None
    except OSError as error:  # a full disk, for one
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
