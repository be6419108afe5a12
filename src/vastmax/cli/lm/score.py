"""`vastmax lm score`: how probable sentences are."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from itertools import islice
from typing import Annotated

import typer

from vastmax.cli.lm.model_argument import Device, Run, open_model, words_of
from vastmax.cli.output import print_json, say
from vastmax.cli.vectors_argument import AsJson
from vastmax.errors import InputError

_SENTENCES_AT_A_TIME = 64


def score(
    run: Run,
    totals: Annotated[bool, typer.Option("--totals", help="Print one line a sentence: its log-probability.")] = False,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Print the log-probability, in nats, of each word of the sentences on standard input, one sentence a line.

    Each line holds the sentence's number, the word and its log-probability, separated by tabs; the end of the sentence,
    </s>, is a word too. Words that the model does not know get the log-probability of <unk>.

    \b
    Examples:
      vastmax lm score run < sentences.txt
      vastmax lm score run --totals < candidates.txt
      echo "the cat sat" | vastmax lm score run --json
    """
    folder, model = open_model(run, device)

    from vastmax.language_model.prediction import sentence_log_probs
    from vastmax.language_model.text import SENTENCE_END

    collected = []
    number = 0
    for lines in _batches():
        sentences = [words_of(folder, line) for line in lines]
        for words, log_probs in zip(sentences, sentence_log_probs(model, folder.vocabulary, sentences), strict=True):
            number += 1
            if as_json:
                collected.append({"words": [*words, SENTENCE_END], "log_probs": log_probs, "total": sum(log_probs)})
            elif totals:
                say(f"{math.fsum(log_probs):.4f}")
            else:
                for word, log_prob in zip([*words, SENTENCE_END], log_probs, strict=True):
                    say(f"{number}\t{word}\t{log_prob:.4f}")
        if not as_json:
            sys.stdout.flush()
    if as_json:
        print_json(collected)


def _batches() -> Iterator[list[str]]:
    """Lines of standard input, a few at a time; one at a time where a person types them."""
    try:
        while lines := list(islice(sys.stdin, 1 if sys.stdin.isatty() else _SENTENCES_AT_A_TIME)):
            yield lines
    except UnicodeDecodeError as error:
        raise InputError(f"standard input is no UTF-8 text: byte {error.start} of a block") from None
