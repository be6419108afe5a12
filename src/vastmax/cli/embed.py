"""`vastmax embed`: word vectors from text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from vastmax.arguments import whole
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
from vastmax.cli.embed_ways import NativeWay, RecipeWay, Way
from vastmax.cli.failure import complain
from vastmax.cli.given import was_given
from vastmax.cli.option_names import as_typed
from vastmax.cli.output import print_json, say
from vastmax.cli.resuming import CheckpointMinutes, CheckpointPath, NoCheckpoint, Resume, Resuming
from vastmax.cli.vectors_argument import FormatOption
from vastmax.errors import InputError

OBJECTIVE_HELP = (
    "negative-sampling: a word is told from noise words. hierarchical-softmax: it is found in a Huffman tree. "
    "negative-sampling+hierarchical-softmax: both. These have native kernels. nce, sampled-softmax, softmax and the "
    "other methods of vastmax lm train go through PyTorch, far more slowly."
)

NATIVE_ONLY = ("cbow_gradient", "negative", "ns_exponent", "exclude", "start_from")
RECIPE_ONLY = ("objective_option", "batch_size", "dense_rate", "partition_size", "device")
"""Parameters that mean something to the native kernels alone, and to what goes through PyTorch alone."""

INSTEAD = {
    "negative": ", or say --objective-option num_samples=INT",
    "ns_exponent": ", or say --objective-option power=FLOAT",
    "objective_option": ", or say --negative INT and --ns-exponent FLOAT",
}


def embed(
    context: typer.Context,
    corpus: CorpusSources,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="VECTORS", help="Where the vectors go.", show_default=False)
    ],
    model: Annotated[
        str, typer.Option(metavar="MODEL", help="skipgram: a word predicts those around it; cbow: they predict it.")
    ] = "skipgram",
    objective: Annotated[str, typer.Option(metavar="OBJECTIVE", help=OBJECTIVE_HELP)] = "negative-sampling",
    objective_option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="Of an objective through PyTorch, such as num_samples=256; repeatable."
        ),
    ] = None,
    cbow_gradient: Annotated[
        str,
        typer.Option(metavar="exact|word2vec", help="CBOW: the gradient of the mean of the contexts, or of the sum."),
    ] = "exact",
    vector_size: Annotated[int, typer.Option(metavar="INT", help="Numbers in a word's vector.")] = 100,
    window: Annotated[int, typer.Option(metavar="INT", help="Words on each side that are predicted, at most.")] = 5,
    min_count: Annotated[int, typer.Option(metavar="INT", help="Leave out words that are rarer than this.")] = 5,
    max_final_vocab: MaxFinalVocab = None,
    stop_words: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Take these words out of the text first; one a line.")
    ] = None,
    phrases: Annotated[
        int,
        typer.Option(metavar="INT", help="Join words that belong together, in so many passes; see vastmax phrases."),
    ] = 0,
    sample: Annotated[
        float, typer.Option(metavar="FLOAT", help="Words more frequent than this share are thinned; 0 keeps all.")
    ] = 1e-3,
    negative: Annotated[int, typer.Option(metavar="INT", help="Noise words for each pair of words.")] = 5,
    ns_exponent: Annotated[
        float, typer.Option(metavar="FLOAT", help="Noise words are drawn by their count to this power.")
    ] = 0.75,
    exclude: Annotated[
        str,
        typer.Option(
            metavar="EXCLUDE", help="Noise words that do not count: target (the word predicted), window, none."
        ),
    ] = "target",
    epochs: Annotated[int, typer.Option(metavar="INT", help="How often the corpus is read.")] = 5,
    alpha: Annotated[
        float | None,
        typer.Option(metavar="FLOAT", help="Learning rate at the start.  [default: by model and objective]"),
    ] = None,
    min_alpha: Annotated[
        float | None, typer.Option(metavar="FLOAT", help="Learning rate at the end.  [default: alpha / 10000]")
    ] = None,
    batch_size: Annotated[int, typer.Option(metavar="INT", help="PyTorch: predictions in a step.")] = 1024,
    dense_rate: Annotated[
        float, typer.Option(metavar="FLOAT", help="PyTorch: learning rate of all that is no table of vectors.")
    ] = 2e-3,
    partition_size: Annotated[
        int, typer.Option(metavar="INT", help="For target-sampling: different words of a part of the text.")
    ] = 4096,
    device: Annotated[str, typer.Option(metavar="cpu|cuda", help="PyTorch: where to compute.")] = "cpu",
    threads: Annotated[
        int | None,
        typer.Option(metavar="INT", help="Threads; 1 gives the same vectors every time.  [default: one a core]"),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="INT", help="Start of the random numbers.")] = 1,
    start_from: Annotated[
        Path | None,
        typer.Option(metavar="VECTORS", help="Go on from these vectors with new text; its new words are added."),
    ] = None,
    checkpoint: CheckpointPath = None,
    checkpoint_minutes: CheckpointMinutes = 10.0,
    no_checkpoint: NoCheckpoint = False,
    resume: Resume = False,
    lowercase: Lowercase = False,
    errors: Errors = DecodingErrors.STRICT,
    column: Column = None,
    cache: UseCache = True,
    vectors_format: FormatOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
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
    """
    from vastmax.embedding import DivergenceError
    from vastmax.embedding.formats import format_for
    from vastmax.embedding.settings import OBJECTIVES
    from vastmax.places import claimed
    from vastmax.progress import console_progress, describe_seconds
    from vastmax.text import find_phrases
    from vastmax.text.phrase_settings import MOST_PASSES

    chosen_format = format_for(output, vectors_format)
    whole("phrases", phrases, 0, MOST_PASSES)
    common: dict[str, Any] = {
        "model": model,
        "vector_size": vector_size,
        "window": window,
        "min_count": min_count,
        "max_final_vocab": max_final_vocab,
        "stop_words": stop_words,
        "sample": sample,
        "epochs": epochs,
        "alpha": alpha,
        "min_alpha": min_alpha,
        "threads": threads,
        "seed": seed,
    }
    is_native = objective in OBJECTIVES
    _refuse_given(context, RECIPE_ONLY if is_native else NATIVE_ONLY, objective)
    way: Way
    if is_native:
        native = {
            "objective": objective,
            "cbow_gradient": cbow_gradient,
            "negative": negative,
            "ns_exponent": ns_exponent,
            "exclude": exclude,
        }
        way = NativeWay({**common, **native}, start_from)
    else:
        through_torch = {
            "batch_size": batch_size,
            "dense_rate": dense_rate,
            "partition_size": partition_size,
            "device": device,
        }
        way = RecipeWay(objective, objective_option or (), {**common, **through_torch})
    saved_in = checkpoint or Path(f"{output}.checkpoint")
    context.with_resource(
        claimed(
            reads=read_by(corpus, stop_words=stop_words, start_from=start_from),
            writes={"--output": output, "--checkpoint": None if no_checkpoint else saved_in},
        )
    )
    resuming = Resuming(
        way.checkpoints,
        way.settings,
        saved_in,
        output=output,
        minutes=checkpoint_minutes,
        resume=resume,
        off=no_checkpoint,
        arguments=context.obj,
    )

    def advise(line: str) -> None:
        complain(f"warning: {as_typed(line, context)}")

    with resuming.told_how():
        try:
            with console_progress() as progress:
                text = open_corpus(
                    corpus, lowercase=lowercase, errors=errors, column=column, cache=cache, progress=progress
                )
                if phrases:
                    text = find_phrases(text, passes=phrases, progress=progress).apply(text, progress=progress)
                vectors = way.train(text, resuming.checkpoints, advise, progress)
        except DivergenceError as error:
            if error.word_vectors is None:
                raise
            error.word_vectors.save(output, chosen_format)
            resuming.clear()
            raise InputError(f"{error}; the kept vectors are in {output}") from error
    with resuming.told_how(finished=True):
        vectors.save(output, chosen_format)
    resuming.clear()
    summary = {
        "output": str(output),
        "format": chosen_format,
        "words": len(vectors),
        "vector_size": vectors.vector_size,
        "corpus_tokens": text.num_tokens,
        "corpus_types": len(text.vocabulary),
        "training": vectors.training,
    }
    if as_json:
        print_json(summary)
    else:
        trained = vectors.training
        say(
            f"{output}: {len(vectors):,} words × {vectors.vector_size}, {chosen_format}; "
            f"{trained['predictions']:,} predictions in "
            f"{describe_seconds(trained['elapsed_seconds'])}, loss {trained['losses'][-1]:.4g} nats a prediction"
        )


def _refuse_given(context: typer.Context, names: Sequence[str], objective: str) -> None:
    """Raise InputError for the first of these options that was given, since this objective does not know it."""
    for name in names:
        if was_given(context, name):
            option = "--" + name.replace("_", "-")
            raise InputError(f"{option} means nothing to --objective {objective}; leave it out{INSTEAD.get(name, '')}")
