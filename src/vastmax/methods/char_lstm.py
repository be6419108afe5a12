"""Words predicted letter by letter, by an LSTM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vastmax.methods.case import MUCH_CHEAPER, Case, describe_bytes
from vastmax.methods.method import Method, Published, WhenToTake
from vastmax.methods.words import expected_distinct
from vastmax.methods.work import FLOAT_BYTES, MethodWork, Setting, Work

if TYPE_CHECKING:
    from vastmax.head import Head


_PREDICTED_SYMBOLS = 258


def char_lstm(hidden_size: int, vocabulary: Any, *, renormalise: bool = False, state_size: int | None = None) -> Head:
    """Build CharLSTM × CrossEntropy."""
    from vastmax.head import Head
    from vastmax.objective.cross_entropy import CrossEntropy
    from vastmax.output.char_lstm import CharLSTM

    output = CharLSTM(hidden_size, vocabulary.words, renormalise=renormalise, state_size=state_size)
    return Head(output, CrossEntropy())


def _work(setting: Setting) -> MethodWork:
    D, N, V = setting.hidden_size, setting.batch_size, setting.V
    H = D
    letters = setting.words.letters + 1  # the end of the word is predicted, too
    steps = N * float((setting.words.law * letters).sum())
    # The longest word of a batch: words longer than it are there less often than not.
    longest_first = np.argsort(-letters)
    in_batch = expected_distinct(setting.words.law, N)[longest_first].cumsum()
    longest = float(letters[longest_first[min(int(np.searchsorted(in_batch, 0.5)), V - 1)]])
    per_step = 4.0 * H * H + _PREDICTED_SYMBOLS * H
    start = N * D * 2.0 * H
    numbers = steps * (16 * H + 3 * _PREDICTED_SYMBOLS)
    forward = Work(
        steps * per_step + start,
        steps * _PREDICTED_SYMBOLS,
        streamed_bytes=FLOAT_BYTES * numbers,
        operations=15 * longest,
    )
    step = Work(
        3 * forward.multiply_adds,
        2 * forward.cells,
        streamed_bytes=3 * forward.streamed_bytes,
        operations=4 * forward.operations,
    )
    # No more than 1 / p prefixes of one length are likelier than a word of probability p.
    prefixes = steps / float(setting.words.law.max())
    walk = Work(
        prefixes * per_step,
        prefixes * _PREDICTED_SYMBOLS,
        streamed_bytes=FLOAT_BYTES * prefixes * (16 * H + 3 * _PREDICTED_SYMBOLS),
        operations=60 * longest,
    )
    parameters = 2.0 * H * (D + 1) + 4 * H * _PREDICTED_SYMBOLS + 4.0 * H * H + _PREDICTED_SYMBOLS * (H + 1)
    return MethodWork(
        step,
        forward,
        walk,
        parameters=parameters,
        state=2 * parameters,
        gradient=parameters,
        scores_unnormalised=True,
        best_of_unigrams=True,
    )


def _avoid(case: Case) -> str | None:
    if case.costs["char-lstm"].gain >= MUCH_CHEAPER * case.gain or case.memory_bytes:
        return None
    return f"{case.faster('char-lstm')}, and {METHOD.published.quality}"


METHOD = Method(
    name="char-lstm",
    title="characters by an LSTM",
    summary="words letter by letter, by an LSTM: no vocabulary to outgrow, the fewest parameters; slow, and worse",
    source="Ling et al. 2016; Jozefowicz et al. 2016",
    family="words from their letters",
    family_rank=2,
    build=char_lstm,
    work=_work,
    complexity=41,
    needs=frozenset({"words"}),
    published=Published(
        quality="any string has a probability: 49.0 against 30.0 on a billion words, 47.9 renormalised "
        "(Jozefowicz 2016)",
        cheaper_search="no",
        large_vocabulary="bad",
    ),
    take=WhenToTake(
        why=lambda case: (
            f"{describe_bytes(case.costs['char-lstm'].training_bytes)} in training, whatever V; the last resort, for "
            "quality and for time"
        ),
        avoid=_avoid,
        saves_memory=True,
    ),
)
