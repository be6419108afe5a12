"""`vastmax embed`: word vectors from text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import typer

from vastmax.arguments import MOST_PASSES, Whole
from vastmax.cli.command import was_given
from vastmax.cli.failure import EXIT_INTERRUPTED, complain
from vastmax.cli.output import print_json, say
from vastmax.cli.resuming import CheckpointOptions, Resuming
from vastmax.cli.shared_options import TextOptions, as_json, checked_device, require_torch, vectors_format
from vastmax.cli.spelling import as_typed
from vastmax.embedding.settings import OBJECTIVES, TrainingSettings
from vastmax.errors import InputError, argument
from vastmax.options import DATA, OUTPUT, TRAINING, option, part
from vastmax.training.stop_signals import StopSignals

if TYPE_CHECKING:
    from vastmax.embedding import WordVectors
    from vastmax.progress import Progress
    from vastmax.text import Corpus


@dataclass(frozen=True, kw_only=True)
class EmbedOptions:
    """The options of `vastmax embed`."""

    text: TextOptions = part()
    output: Path = option(..., "The file for the vectors.", flags=("--output", "-o"), metavar="VECTORS", group=OUTPUT)
    training: TrainingSettings = part()
    objective_option: tuple[str, ...] = option(
        (),
        "Option of an objective through PyTorch, such as num_samples=256; may be given several times.",
        metavar="NAME=VALUE",
        also=("objective_options",),
        group=TRAINING,
    )
    stop_words: Path | None = option(None, "Words to remove from the text first, one per line.", group=DATA)
    phrases: int = option(
        0,
        "Passes that join words that belong together; see vastmax phrases.",
        bound=Whole(0, MOST_PASSES),
        group=DATA,
    )
    start_from: Path | None = option(
        None,
        "Start from these vectors, with new text, and add its new words.",
        metavar="VECTORS",
        also=("start",),
    )
    saving: CheckpointOptions = part()
    vectors_format: str | None = vectors_format()
    as_json: bool = as_json("Print the results as JSON.")


def embed(options: EmbedOptions, context: typer.Context) -> None:
    """Train word vectors: skip-gram or CBOW.

    \b
    Examples:
      vastmax embed corpus.txt -o vectors.safetensors
      vastmax embed 'shards/*.txt.gz' -o vectors.safetensors --vector-size 300 --epochs 10
      vastmax embed corpus.txt -o vectors.safetensors --phrases 2 --stop-words stop.txt
      zcat corpus.gz | vastmax embed - -o vectors.vec.gz
      vastmax embed reviews.parquet --column text --lowercase -o vectors.safetensors
      vastmax embed corpus.txt -o vectors.safetensors --resume
      vastmax embed more.txt --start-from vectors.safetensors -o newer.safetensors
      vastmax embed corpus.txt -o vectors.safetensors --objective nce --objective-option num_samples=256
      vastmax embed corpus.txt -o vectors.safetensors --config settings.toml
    """
    from vastmax.embedding import DivergenceError
    from vastmax.embedding.formats import format_for
    from vastmax.places import claimed
    from vastmax.progress import console_progress
    from vastmax.text import find_phrases

    output = options.output
    chosen_format = format_for(output, options.vectors_format)
    trainer = _trainer(options, context)
    saved_in = options.saving.checkpoint or Path(f"{output}.checkpoint")
    writes = {"--output": output, "--checkpoint": None if options.saving.no_checkpoint else saved_in}
    reads = options.text.read_by(stop_words=options.stop_words, start_from=options.start_from)
    context.with_resource(claimed(reads=reads, writes=writes))
    resuming = Resuming(trainer.checkpoints, trainer.settings, options.saving, saved_in, output=output, context=context)

    def advise(line: str) -> None:
        complain(f"warning: {as_typed(line, context)}")

    with resuming.told_how():
        try:
            with console_progress() as progress:
                text = options.text.open(progress)
                if options.phrases:
                    phrases = find_phrases(text, passes=options.phrases, progress=progress)
                    text = phrases.apply(text, progress=progress)
                vectors = trainer.train(text, resuming.checkpoints, advise, progress)
        except DivergenceError as error:
            if error.word_vectors is None:
                raise
            error.word_vectors.save(output, chosen_format)
            resuming.clear()
            raise InputError(f"{error.message.marked}; the kept vectors are in {output}") from error
    with resuming.told_how(finished=True):
        vectors.save(output, chosen_format)
    resuming.clear()
    _print(options, vectors, text, chosen_format)


def _print(options: EmbedOptions, vectors: WordVectors, text: Corpus, chosen_format: str) -> None:
    from vastmax.progress import describe_seconds

    trained = vectors.training
    if options.as_json:
        print_json(
            {
                "output": str(options.output),
                "format": chosen_format,
                "words": len(vectors),
                "vector_size": vectors.vector_size,
                "corpus_tokens": text.num_tokens,
                "corpus_types": len(text.vocabulary),
                "training": trained,
            }
        )
        return
    say(
        f"{options.output}: {len(vectors):,} words × {vectors.vector_size}, {chosen_format}; "
        f"{trained['predictions']:,} predictions in {describe_seconds(trained['elapsed_seconds'])}, "
        f"loss {trained['losses'][-1]:.4g} nats per prediction"
    )


class _Trainer(Protocol):
    """Checked settings, and training with them."""

    settings: Any
    checkpoints: Any  # the class of them

    def train(self, text: Corpus, checkpoints: Any, advise: Callable[[str], object], progress: Progress) -> WordVectors:
        """Return the vectors; when told to stop, save and raise KeyboardInterrupt or SystemExit."""


def _trainer(options: EmbedOptions, context: typer.Context) -> _Trainer:
    settings = replace(options.training, stop_words=options.stop_words)
    given = {"objective_options": "objective_option"}
    settings.refuse_unused(lambda name: was_given(context, given.get(name, name)))
    if settings.is_native:
        return _NativeTrainer(settings, options.start_from)
    if options.start_from is not None:
        raise InputError(f"{argument('objective', settings.objective)} does not use {argument('start')}; leave it out")
    return _RecipeTrainer(settings, options.objective_option)


class _NativeTrainer:
    """Training with the native kernels."""

    def __init__(self, settings: TrainingSettings, start_from: Path | None) -> None:
        from vastmax.embedding import WordVectors
        from vastmax.embedding.checkpoint_file import Checkpoints
        from vastmax.embedding.settings import checked

        self.settings = checked(settings)
        self.checkpoints = Checkpoints
        self._start = None if start_from is None else WordVectors.load(start_from)

    def train(self, text: Corpus, checkpoints: Any, advise: Callable[[str], object], progress: Progress) -> WordVectors:
        """See `_Trainer.train`."""
        from vastmax.embedding.train import train

        return train(text, self.settings, start=self._start, checkpoints=checkpoints, advise=advise, progress=progress)


class _RecipeTrainer:
    """Training with any recipe, through PyTorch."""

    def __init__(self, settings: TrainingSettings, assignments: tuple[str, ...]) -> None:
        name = settings.objective
        require_torch(f"--objective {name} (all except {', '.join(OBJECTIVES)})")
        from vastmax.language_model.options import parsed_options
        from vastmax.methods import RECIPES
        from vastmax.word_model.checkpoint import WordModelCheckpoints
        from vastmax.word_model.settings import checked

        if name in RECIPES:
            parsed = parsed_options(RECIPES[name].build, assignments, of=name)
            settings = replace(settings, objective_options=parsed)
            checked_device(settings.device)
        self.settings = checked(settings)
        self.checkpoints = WordModelCheckpoints

    def train(self, text: Corpus, checkpoints: Any, advise: Callable[[str], object], progress: Progress) -> WordVectors:
        """See `_Trainer.train`."""
        from vastmax.word_model.train import train

        with StopSignals() as stop:
            run = train(text, self.settings, checkpoints=checkpoints, advise=advise, progress=progress, stop=stop)
        if not run.finished:
            raise KeyboardInterrupt if stop.exit_code == EXIT_INTERRUPTED else SystemExit(stop.exit_code)
        return run.word_vectors()
