"""`vastmax lm score`: log-probabilities of sentences."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import typer

from vastmax.cli.output import print_json, say
from vastmax.cli.shared_options import ModelOptions, as_json, words_of
from vastmax.errors import InputError
from vastmax.options import OUTPUT, option, part

_SENTENCES_AT_A_TIME = 64


@dataclass(frozen=True, kw_only=True)
class ScoreOptions:
    """The options of `vastmax lm score`."""

    model: ModelOptions = part()
    totals: bool = option(False, "Print one line per sentence: its log-probability.", group=OUTPUT)
    as_json: bool = as_json()


def score(options: ScoreOptions, context: typer.Context) -> None:
    """Print the log-probability, in nats, of each word of the sentences on standard input, one sentence per line.

    Each line has the sentence's number, the word and its log-probability, separated by tabs; the end of the sentence,
    </s>, is a word, too. Words that the model does not know have the log-probability of <unk>.

    \b
    Examples:
      vastmax lm score run < sentences.txt
      vastmax lm score run --totals < candidates.txt
      echo "the cat sat" | vastmax lm score run --json
    """
    folder, model = options.model.open()

    from vastmax.language_model.prediction import sentence_log_probs
    from vastmax.language_model.text import SENTENCE_END

    collected = []
    number = 0
    for lines in _batches():
        sentences = [words_of(folder, line) for line in lines]
        for words, log_probs in zip(sentences, sentence_log_probs(model, folder.vocabulary, sentences), strict=True):
            number += 1
            if options.as_json:
                collected.append({"words": [*words, SENTENCE_END], "log_probs": log_probs, "total": sum(log_probs)})
            elif options.totals:
                say(f"{math.fsum(log_probs):.4f}")
            else:
                for word, log_prob in zip([*words, SENTENCE_END], log_probs, strict=True):
                    say(f"{number}\t{word}\t{log_prob:.4f}")
        if not options.as_json:
            sys.stdout.flush()
    if options.as_json:
        print_json(collected)


def _batches() -> Iterator[list[str]]:
    """Yield lines of standard input, a few at a time; from a terminal, one at a time."""
    try:
        while lines := list(islice(sys.stdin, 1 if sys.stdin.isatty() else _SENTENCES_AT_A_TIME)):
            yield lines
    except UnicodeDecodeError as error:
        raise InputError(f"standard input is not UTF-8 text: byte {error.start} of a block") from None
