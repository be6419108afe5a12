"""What each method has to do for a batch, counted: multiply-adds, scores, bytes moved, operations started.

The counts are those of the code of this library, forward, backward and optimiser, not of the papers: so the exact
softmax makes four products in place of three, because its scores are worked out twice and never kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np

from vastmax.compare.advice.words import Law, Words, expected_distinct, tries_for
from vastmax.distribution.cutoffs import tail_width

FLOAT_BYTES = 4

DEFAULT_NOISE_WORDS = 1024
DEFAULT_PARTITION_WORDS = 4096
NORMALISED_FRACTION = 0.1
"""What the recipes and `LanguageModelSettings` start from; a test holds them to it."""

# The character models as they are built by default; see `vastmax.characters.convolution`.
_FILTERS, _SYMBOL = 256, 16
_PATTERN_SYMBOLS, _NUM_SYMBOLS = 840, 260  # of all patterns together; that have a vector
_PREDICTED_SYMBOLS = 258

# Passes over memory that the optimisers make of a dense gradient: row-wise Adagrad squares it, then reads and writes
# the weights by it; AdamW besides reads and writes two moments, in several operations.
_ADAGRAD_PASSES = 5
_ADAMW_PASSES = 14

# Fitted to timings, not counted: what the code alone does not tell.
_FEW_EXAMPLES = 32  # with fewer, the exact softmax goes through PyTorch's operations, which keep what they work out
_UNIQUE_DRAWS_OPERATIONS = 140
_SCAN_PASSES = 7


@dataclass(frozen=True)
class Work:
    """Of one batch.

    Attributes:
        multiply_adds: in large matrix products.
        cells: scores that pass through an exponential.
        scattered_bytes: of rows read or written wherever they lie.
        streamed_bytes: read or written from end to end.
        operations: started one after the other, however small.
    """

    multiply_adds: float = 0.0
    cells: float = 0.0
    scattered_bytes: float = 0.0
    streamed_bytes: float = 0.0
    operations: float = 0.0

    def __add__(self, other: Work) -> Work:
        return Work(*(getattr(self, part.name) + getattr(other, part.name) for part in fields(Work)))

    def as_vector(self) -> np.ndarray:
        """In the order of the attributes."""
        return np.array([getattr(self, part.name) for part in fields(Work)])


@dataclass(frozen=True)
class Setting:
    """One case: the words, D, N, and K where a method draws noise."""

    words: Words
    hidden_size: int
    batch_size: int

    @property
    def V(self) -> int:  # noqa: N802 - the letter of the docs
        """Words."""
        return self.words.vocab_size

    @property
    def noise_words(self) -> int:
        """K: as the recipes have it, but never more than there are words."""
        return min(DEFAULT_NOISE_WORDS, self.V)


@dataclass(frozen=True)
class MethodWork:
    """What one method does.

    Attributes:
        train: a step: forward, backward, optimiser.
        score: log p, or what the method lets stand for it, of one given word an example.
        best: the most probable word of each example, by an exact search.
        parameters: numbers in the output layer.
        state: numbers that its optimiser keeps.
        gradient: numbers of the gradient of a step.
        scores_unnormalised: `score` is of the raw score, which such training brings near to log p.
        best_of_unigrams: `best` is that of a model as sure as the unigrams: the search leaves out what cannot win, and
            more of it the surer the model is.
    """

    train: Work
    score: Work
    best: Work
    parameters: float
    state: float
    gradient: float
    scores_unnormalised: bool = False
    best_of_unigrams: bool = False

    @property
    def training_bytes(self) -> float:
        """Parameters, optimiser state and gradient of the output layer together."""
        return FLOAT_BYTES * (self.parameters + self.state + self.gradient)


@dataclass(frozen=True)
class _Part:
    """A softmax of `words` words of width `width` over `examples` examples; `projected` from the full width."""

    examples: float
    words: float
    width: float

    @property
    def cells(self) -> float:
        return self.examples * self.words


def _exact_forward(parts: Sequence[_Part]) -> Work:
    cells = sum(part.cells for part in parts)
    products = sum(part.cells * part.width for part in parts)
    table = sum(part.words * part.width for part in parts)
    return Work(products, cells, streamed_bytes=FLOAT_BYTES * table, operations=12.0 * len(parts))


def _exact_step(parts: Sequence[_Part], *, optimiser_passes: int) -> Work:
    """Scores, scores again, and the gradients of both factors; the dense gradient made, and the optimiser's passes."""
    forward = _exact_forward(parts)
    table = forward.streamed_bytes
    detours = 2 if max(part.examples for part in parts) < _FEW_EXAMPLES else 1
    return Work(
        4 * forward.multiply_adds,
        2 * forward.cells,
        streamed_bytes=detours * (4 + optimiser_passes) * table,
        operations=40.0 * len(parts),
    )


def _scan(parts: Sequence[_Part]) -> Work:
    """The best of all words: scores in tiles, kept, their sum and their largest sought."""
    forward = _exact_forward(parts)
    return forward + Work(streamed_bytes=_SCAN_PASSES * FLOAT_BYTES * forward.cells, operations=30.0)


def _rows_in_play(rows: float, width: float) -> Work:
    """Gathered, their gradients written and read, read and written by the optimiser."""
    return Work(scattered_bytes=5 * FLOAT_BYTES * rows * width)


def _dense_table(setting: Setting) -> _Part:
    return _Part(setting.batch_size, setting.V, setting.hidden_size)


def _of_dense(setting: Setting, train: Work, *, sparse_rows: float | None, raw_score: bool = False) -> MethodWork:
    """A method over the plain table of vectors; `sparse_rows` of it get a gradient, or all if None."""
    V, D, N = setting.V, setting.hidden_size, setting.batch_size
    table = [_dense_table(setting)]
    raw = Work(scattered_bytes=FLOAT_BYTES * N * D, operations=10.0)
    return MethodWork(
        train,
        raw if raw_score else _exact_forward(table),
        _scan(table),
        parameters=V * (D + 1.0),
        state=2.0 * V,  # one accumulator a row, of weight and bias
        gradient=(V if sparse_rows is None else sparse_rows) * (D + 1.0),
        scores_unnormalised=raw_score,
    )


def _softmax(setting: Setting, *, raw_score: bool = False, fraction: float = 1.0) -> MethodWork:
    table = _dense_table(setting)
    chosen = _Part(max(1.0, fraction * table.examples), table.words, table.width)
    step = _exact_step([chosen], optimiser_passes=_ADAGRAD_PASSES)
    if fraction < 1:
        step = step + _rows_in_play(setting.batch_size, setting.hidden_size)
    return _of_dense(setting, step, sparse_rows=None, raw_score=raw_score)


def _sampled(
    setting: Setting,
    *,
    scored: float,
    touched: float,
    draws: float,
    scores_in_memory: bool = False,
    raw_score: bool = False,
    operations: float = 60.0,
) -> MethodWork:
    """A step over `scored` noise words for the whole batch, which with the targets touches `touched` rows."""
    N, D = setting.batch_size, setting.hidden_size
    cells = N * scored
    step = Work(3 * cells * D, 2 * cells, operations=operations) + _rows_in_play(touched, D)
    step = step + Work(scattered_bytes=FLOAT_BYTES * 3 * N * D + 64 * draws)  # target scores; draws and look-ups
    if scores_in_memory:
        step = step + Work(streamed_bytes=16 * FLOAT_BYTES * cells)
    return _of_dense(setting, step, sparse_rows=touched, raw_score=raw_score)


def _shared_noise(setting: Setting, power: float, **options: bool | float) -> MethodWork:
    """Draws with replacement, repeats merged."""
    noise = expected_distinct(setting.words.power(power), setting.noise_words)
    touched = _in_play(setting, noise)
    scored, draws = float(noise.sum()), float(setting.noise_words)
    return _sampled(setting, scored=scored, touched=touched, draws=draws, **options)  # type: ignore[arg-type]


def _in_play(setting: Setting, noise: Law) -> float:
    """Different words among noise and targets."""
    target = expected_distinct(setting.words.law, setting.batch_size)
    return float((1 - (1 - noise) * (1 - target)).sum())


def _unique_noise(setting: Setting) -> tuple[Law, float]:
    """How likely each word is among K different ones, and how many draws that takes."""
    law = setting.words.power(1.0)
    tries = tries_for(law, setting.noise_words)
    if np.isinf(tries):
        return np.ones_like(law), float(law.size)
    return expected_distinct(law, tries), tries


def _sampled_softmax(setting: Setting) -> MethodWork:
    noise, tries = _unique_noise(setting)
    return _sampled(
        setting,
        scored=setting.noise_words,
        touched=_in_play(setting, noise),
        draws=tries,
        operations=60.0 + (_UNIQUE_DRAWS_OPERATIONS if setting.noise_words < setting.V else 0),
    )


def _target_sampling(setting: Setting) -> MethodWork:
    words = float(min(DEFAULT_PARTITION_WORDS, setting.V))
    return _sampled(setting, scored=words, touched=words, draws=0.0)


def _importance_sampling(setting: Setting) -> MethodWork:
    """The first draws alone: further ones, and the exact loss where they do not do, depend on the model."""
    return _shared_noise(setting, 1.0, scores_in_memory=True, operations=100.0)


def _adaptive_importance_sampling(setting: Setting) -> MethodWork:
    """The same with draws from pairs of words, whose law and learning take look-ups for each draw and example."""
    plain = _shared_noise(setting, 1.0, scores_in_memory=True, operations=300.0)
    N = setting.batch_size
    lookups = Work(scattered_bytes=64.0 * (N + DEFAULT_NOISE_WORDS) * 32, streamed_bytes=0.0)
    return MethodWork(plain.train + lookups, plain.score, plain.best, plain.parameters, plain.state, plain.gradient)


def _hierarchical(setting: Setting) -> MethodWork:
    V, D, N = setting.V, setting.hidden_size, setting.batch_size
    masses = setting.words.node_masses
    decisions = N * float(masses.sum())  # each example passes a node with the node's mass
    touched = float(expected_distinct(masses, N).sum())
    forward = Work(decisions * D, decisions, scattered_bytes=FLOAT_BYTES * decisions * D, operations=15.0)
    step = Work(3 * decisions * D, decisions, FLOAT_BYTES * decisions * D, operations=60.0)
    # A node is unfolded only if all below it together are likelier than the best word.
    unfolded = N * float((masses >= setting.words.law.max()).sum())
    search = Work(unfolded * D, unfolded, scattered_bytes=FLOAT_BYTES * unfolded * D, operations=15.0)
    return MethodWork(
        step + _rows_in_play(touched, D),
        forward,
        search,
        parameters=(V - 1) * (D + 1.0),
        state=2.0 * (V - 1),
        gradient=touched * (D + 1.0),
        best_of_unigrams=True,
    )


def _two_level(setting: Setting) -> MethodWork:
    D, N = setting.hidden_size, setting.batch_size
    sizes, masses = setting.words.classes
    inner = sizes > 1
    num_rows = len(sizes) + float(sizes[inner].sum())
    cells = N * (len(sizes) + float((masses * sizes)[inner].sum()))
    in_play = expected_distinct(masses, N) * sizes
    touched = len(sizes) + float(in_play[inner].sum())
    forward = Work(cells * D, cells, FLOAT_BYTES * touched * D, operations=20.0)
    step = Work(3 * cells * D, cells, operations=60.0) + _rows_in_play(touched, D)
    unfolded = N * (len(sizes) + float(sizes[inner & (masses >= setting.words.law.max())].sum()))
    return MethodWork(
        step,
        forward,
        Work(unfolded * D, unfolded, FLOAT_BYTES * unfolded * D, operations=20.0),
        parameters=num_rows * (D + 1.0),
        state=2.0 * num_rows,
        gradient=touched * (D + 1.0),
        best_of_unigrams=True,
    )


def _differentiated(setting: Setting) -> MethodWork:
    sizes, widths = setting.words.blocks(setting.hidden_size)
    parts = [_Part(setting.batch_size, size, width) for size, width in zip(sizes, widths, strict=True)]
    table = float(sum(size * width for size, width in zip(sizes, widths, strict=True)))
    V = setting.V
    return MethodWork(
        _exact_step(parts, optimiser_passes=_ADAGRAD_PASSES),
        _exact_forward(parts),
        _scan(parts),
        parameters=table + V,
        state=2.0 * V,
        gradient=table + V,
    )


def _adaptive(setting: Setting) -> MethodWork:
    V, D, N = setting.V, setting.hidden_size, setting.batch_size
    cutoffs = setting.words.cutoffs(D)
    edges = [*cutoffs, V]
    head = _Part(N, edges[0] + len(cutoffs), D)
    shares = setting.words.mass_between([0, *edges])[1:]
    sizes = [stop - start for start, stop in pairwise(edges)]
    tails = [
        _Part(N * share, size, tail_width(D, i))
        for i, (share, size) in enumerate(zip(shares, sizes, strict=True), start=1)
    ]
    parts = [head, *tails]
    projections = float(sum(D * part.width for part in tails))
    parameters = float(sum(part.words * (part.width + 1) for part in parts)) + projections
    project = Work(sum(part.examples * D * part.width for part in tails))
    best = setting.words.law.max()
    opened = [_Part(N, part.words, part.width) for part, share in zip(tails, shares, strict=True) if share >= best]
    step = _exact_step(parts, optimiser_passes=_ADAMW_PASSES)
    return MethodWork(
        step + Work(3 * project.multiply_adds),
        _exact_forward(parts) + project,
        _scan([head, *opened]),
        parameters=parameters,
        state=2.0 * parameters,
        gradient=parameters,
        best_of_unigrams=True,
    )


def _cnn_softmax(setting: Setting) -> MethodWork:
    D, N = setting.hidden_size, setting.batch_size
    noise, tries = _unique_noise(setting)
    target = expected_distinct(setting.words.law, N)
    in_play = 1 - (1 - noise) * (1 - target)
    touched = float(in_play.sum())
    symbols = float((in_play * (setting.words.letters + 2)).sum())
    plain = _sampled(setting, scored=setting.noise_words, touched=touched, draws=tries)
    correction = D // 8
    # What each symbol adds to each pattern is worked out once; a word adds up those of its letters.
    patterns = _NUM_SYMBOLS * _SYMBOL * _PATTERN_SYMBOLS
    network = patterns + touched * (2 * _FILTERS**2 + _FILTERS * D + correction * D)
    passes = FLOAT_BYTES * (symbols * _PATTERN_SYMBOLS + 8 * touched * 6 * _FILTERS)
    spelling = Work(3 * network, streamed_bytes=passes, operations=200.0)
    of_network = _FILTERS * (2 * _FILTERS + D + 3.0) + (_PATTERN_SYMBOLS + _NUM_SYMBOLS) * _SYMBOL + correction * D
    rows = setting.V * (correction + 1.0)
    return MethodWork(
        plain.train + spelling,
        plain.score,  # once its vectors are kept (`freeze`)
        plain.best,
        parameters=of_network + rows,
        state=2 * of_network + 2.0 * setting.V,
        gradient=of_network + touched * (correction + 1.0),
    )


def _char_lstm(setting: Setting) -> MethodWork:
    D, N, V = setting.hidden_size, setting.batch_size, setting.V
    H = D
    letters = setting.words.letters + 1  # the end of the word is predicted, too
    steps = N * float((setting.words.law * letters).sum())
    # The longest word of a batch: words longer than it are there less often than not.
    longest_first = np.argsort(-letters)
    in_batch = expected_distinct(setting.words.law, N)[longest_first].cumsum()
    longest = float(letters[longest_first[min(int(np.searchsorted(in_batch, 0.5)), V - 1)]])
    a_step = 4.0 * H * H + _PREDICTED_SYMBOLS * H
    start = N * D * 2.0 * H
    numbers = steps * (16 * H + 3 * _PREDICTED_SYMBOLS)
    forward = Work(
        steps * a_step + start,
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
        prefixes * a_step,
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


METHOD_WORK: dict[str, Callable[[Setting], MethodWork]] = {
    "softmax": _softmax,
    "hierarchical-softmax": _hierarchical,
    "two-level": _two_level,
    "differentiated": _differentiated,
    "adaptive": _adaptive,
    "cnn-softmax": _cnn_softmax,
    "char-lstm": _char_lstm,
    "importance-sampling": _importance_sampling,
    "adaptive-importance-sampling": _adaptive_importance_sampling,
    "target-sampling": _target_sampling,
    "sampled-softmax": _sampled_softmax,
    "nce": lambda setting: _shared_noise(setting, 1.0, raw_score=True),
    "negative-sampling": lambda setting: _shared_noise(setting, 0.75),
    "self-normalised": lambda setting: _softmax(setting, raw_score=True),
    "infrequent-normalisation": lambda setting: _softmax(setting, raw_score=True, fraction=NORMALISED_FRACTION),
}
"""By the names of `vastmax.recipes.RECIPES`, in its order; needs no torch, which a test keeps true of both."""
