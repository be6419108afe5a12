"""`vastmax lm perplexity`: how well a model predicts a text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vastmax.cli.corpus_options import Column, CorpusSources, DecodingErrors, Errors, UseCache, open_corpus
from vastmax.cli.lm.model_argument import Device, Run, open_model
from vastmax.cli.output import print_json, print_table
from vastmax.cli.vectors_argument import AsJson

if TYPE_CHECKING:
    from vastmax.language_model import Perplexity


def perplexity(
    run: Run,
    corpus: CorpusSources,
    streams: Annotated[
        int | None,
        typer.Option(
            metavar="INT",
            help="Parts of the text read side by side, each without a past.  [default: by its length, up to 16]",
        ),
    ] = None,
    device: Device = None,
    errors: Errors = DecodingErrors.STRICT,
    column: Column = None,
    cache: UseCache = True,
    as_json: AsJson = False,
) -> None:
    """Measure how well a model predicts a text: exactly, over every word and sentence end of it.

    Words that the model does not know count as <unk>. Perplexities of models with different vocabularies cannot be
    compared; bits a character can, as long as unknown words are few.

    \b
    Examples:
      vastmax lm perplexity run test.txt
      vastmax lm perplexity run 'books/*.txt.gz' --json
    """
    folder, model = open_model(run, device)

    from vastmax.distribution.entropy import perplexity_from_nats
    from vastmax.language_model.evaluation import perplexity as measure
    from vastmax.language_model.text import SENTENCE_END, known_text_of
    from vastmax.progress import console_progress

    with console_progress() as progress:
        text = open_corpus(
            corpus,
            lowercase=bool(folder.text.get("lowercase")),
            errors=errors,
            column=column,
            cache=cache,
            progress=progress,
        )
        found = measure(
            model,
            known_text_of(text, folder.vocabulary),
            folder.vocabulary,
            first_id=folder.vocabulary.id(SENTENCE_END),
            num_streams=streams,
            progress=progress,
        )
    normalised = model.head.normalised
    if as_json:
        print_json({"run": str(run), "normalised": normalised, **found.to_json()})
        return
    print_table("perplexity", ["", ""], _rows(found, normalised=normalised))
    ends = [first for first, *_ in found.bands[1:]]
    bands = [
        [
            f"{first:,} to {end - 1:,}" if end else f"{first:,} and beyond",
            f"{words:,}",
            f"{perplexity_from_nats(nats):,.1f}",
        ]
        for (first, words, nats), end in zip(found.bands, [*ends, None], strict=True)
    ]
    print_table("by rank of the word", ["ranks", "words", "perplexity"], bands)


def _rows(found: Perplexity, *, normalised: bool) -> list[list[str]]:
    rows = [
        ["perplexity", f"{found.perplexity:,.2f}"],
        ["nats a word", f"{found.nats:.4f}"],
        ["bits a word", f"{found.bits_per_word:.4f}"],
        ["bits a character", f"{found.bits_per_character:.4f}"],
        ["words", f"{found.words:,}"],
        ["unknown words", f"{found.unknown:,} ({found.unknown / found.words:.2%})"],
    ]
    if found.unnormalised_nats is not None:
        rows.insert(2, ["nats a word, not normalised", f"{found.unnormalised_nats:.4f}"])
    if not normalised:
        rows.insert(1, ["a bound", "words outside the vocabulary have a share of the probability"])
    return rows
