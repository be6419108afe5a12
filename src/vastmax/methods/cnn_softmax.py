"""CNN-softmax: output vectors computed from spelling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vastmax.methods.case import YARDSTICK, describe_bytes
from vastmax.methods.method import Method, Published, WhenToTake
from vastmax.methods.parts import sampled_work, unique_noise
from vastmax.methods.words import expected_distinct
from vastmax.methods.work import DEFAULT_NUM_SAMPLES, FLOAT_BYTES, MethodWork, Setting, Work

if TYPE_CHECKING:
    from vastmax.head import Head


# The network as it is built by default; see `vastmax.characters.convolution`.
FILTERS, SYMBOL_SIZE = 256, 16
PATTERN_SYMBOLS = 840  # of all patterns together
_NUM_SYMBOLS = 260  # that have a vector


def cnn_softmax(
    hidden_size: int,
    vocabulary: Any,
    *,
    correction_size: int | None = None,
    num_samples: int = DEFAULT_NUM_SAMPLES,
    power: float = 1.0,
) -> Head:
    """Build CharCNN × SampledSoftmax over unique draws from Unigram(power)."""
    from vastmax.head import Head
    from vastmax.objective.sampled_softmax import SampledSoftmax
    from vastmax.output.char_cnn import CharCNN
    from vastmax.proposal.unigram import Unigram

    noise = Unigram(vocabulary, power, unique=True)
    output = CharCNN(hidden_size, vocabulary.words, correction_size)
    return Head(output, SampledSoftmax(noise, num_samples), counts=vocabulary)


def _work(setting: Setting) -> MethodWork:
    D, N = setting.hidden_size, setting.batch_size
    noise, tries = unique_noise(setting)
    target = expected_distinct(setting.words.law, N)
    in_play = 1 - (1 - noise) * (1 - target)
    touched = float(in_play.sum())
    symbols = float((in_play * (setting.words.letters + 2)).sum())
    plain = sampled_work(setting, scored=setting.noise_words, touched=touched, draws=tries)
    correction = D // 8
    # What each symbol adds to each pattern is computed once; a word adds up those of its letters.
    patterns = _NUM_SYMBOLS * SYMBOL_SIZE * PATTERN_SYMBOLS
    network = patterns + touched * (2 * FILTERS**2 + FILTERS * D + correction * D)
    passes = FLOAT_BYTES * (symbols * PATTERN_SYMBOLS + 8 * touched * 6 * FILTERS)
    spelling = Work(3 * network, streamed_bytes=passes, operations=200.0)
    of_network = FILTERS * (2 * FILTERS + D + 3.0) + (PATTERN_SYMBOLS + _NUM_SYMBOLS) * SYMBOL_SIZE + correction * D
    rows = setting.V * (correction + 1.0)
    return MethodWork(
        plain.train + spelling,
        plain.score,  # once its vectors are kept (`freeze`)
        plain.best,
        parameters=of_network + rows,
        state=2 * of_network + 2.0 * setting.V,
        gradient=of_network + touched * (correction + 1.0),
    )


METHOD = Method(
    name="cnn-softmax",
    title="CNN-softmax",
    summary="output vectors computed from spelling: a third of the parameters, words of no training text included; "
    "slower to train",
    source="Jozefowicz et al. 2016",
    family="words from their letters",
    family_rank=1,
    build=cnn_softmax,
    work=_work,
    complexity=40,
    needs=frozenset({"words"}),
    published=Published(
        quality="a third of the parameters: 39.8 against 30.0 on a billion words, 35.8 with a correction per word "
        "(Jozefowicz 2016)",
        cheaper_training="no",
        cheaper_scoring="no",
        cheaper_search="no",
        large_vocabulary="bad to good",
        parameters="30 %",
    ),
    take=WhenToTake(
        why=lambda case: (
            f"{describe_bytes(case.costs['cnn-softmax'].training_bytes)} in training where the softmax takes "
            f"{describe_bytes(case.costs[YARDSTICK].training_bytes)}, and words of no training text get vectors; "
            f"{case.faster('cnn-softmax')}"
        ),
        saves_memory=True,
    ),
)
