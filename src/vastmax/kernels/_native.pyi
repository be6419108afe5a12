# Written by tools/native_stub.py.
"""
The compiled core of vastmax; use it through vastmax.text and vastmax.kernels.
"""

from collections.abc import Sequence
from typing import Annotated

import numpy
from numpy.typing import NDArray

from vastmax.kernels.arrays import Column, Cube, Matrix

def available_targets() -> list[str]: ...

row_alignment: int = 16

band_width: int = 8

most_skipgram_centres: int = 32

most_cbow_centres: int = 64

class EmbeddingModel:
    def __init__(
        self,
        *,
        words: Matrix[numpy.float32],
        outputs: Matrix[numpy.float32],
        keep_threshold: Column[numpy.uint32],
        alias_threshold: Column[numpy.uint32],
        alias_word: Column[numpy.int32],
        nodes: Matrix[numpy.float32],
        path_offsets: Column[numpy.int64],
        path_edges: Column[numpy.int32],
        visits_per_exchange: int,
        subword_offsets: Column[numpy.int64],
        subword_rows: Column[numpy.int32],
        stretch: int,
    ) -> None: ...

class EmbeddingSettings:
    def __init__(
        self,
        *,
        window: int,
        negative: int,
        pool_sizes: Sequence[int],
        centres: int,
        sum_gradient: bool,
        exclude: int,
        fixed_window: bool = False,
    ) -> None: ...

def train_skipgram(
    target: str,
    model: EmbeddingModel,
    settings: EmbeddingSettings,
    word_ids: Column[numpy.int32],
    sentence_offsets: Column[numpy.int64],
    alpha_begin: float,
    alpha_end: float,
    seed: int,
) -> tuple[int, int, int, float]: ...
def train_cbow(
    target: str,
    model: EmbeddingModel,
    settings: EmbeddingSettings,
    word_ids: Column[numpy.int32],
    sentence_offsets: Column[numpy.int64],
    alpha_begin: float,
    alpha_end: float,
    seed: int,
) -> tuple[int, int, int, float]: ...

class HierarchicalPlan:
    @property
    def num_slopes(self) -> int: ...
    @property
    def rows(self) -> Annotated[NDArray[numpy.int64], dict(shape=(None,), writable=False)]: ...

def hierarchical_plan(
    leaves: Column[numpy.int64],
    path_offsets: Column[numpy.int64],
    path_edges: Column[numpy.int32],
    edge_nodes: Column[numpy.int32],
    child_offsets: Column[numpy.int64],
    tree_levels: Column[numpy.int64],
    binary: bool,
    grouped: bool,
) -> HierarchicalPlan: ...
def hierarchical_forward(
    target: str,
    plan: HierarchicalPlan,
    hidden: Matrix[numpy.float32],
    weight: Matrix[numpy.float32],
    bias: Column[numpy.float32],
    leaves: Column[numpy.int64],
    path_offsets: Column[numpy.int64],
    path_edges: Column[numpy.int32],
    child_offsets: Column[numpy.int64],
    log_prob: Column[numpy.float32],
    slope: Column[numpy.float32] | None,
    hidden_slope: Matrix[numpy.float32] | None,
    threads: int,
) -> None: ...
def hierarchical_backward(
    target: str,
    plan: HierarchicalPlan,
    hidden: Matrix[numpy.float32],
    child_offsets: Column[numpy.int64],
    slope: Column[numpy.float32],
    upstream: Column[numpy.float32],
    hidden_slope: Matrix[numpy.float32] | None,
    hidden_gradient: Matrix[numpy.float32] | None,
    weight_gradient: Matrix[numpy.float32],
    bias_gradient: Column[numpy.float32],
    threads: int,
) -> None: ...
def hierarchical_best_first(
    target: str,
    hidden: Matrix[numpy.float32],
    weight: Matrix[numpy.float32],
    bias: Column[numpy.float32],
    binary: bool,
    child_offsets: Column[numpy.int64],
    children: Column[numpy.int32],
    log_prob: Matrix[numpy.float32],
    leaves: Matrix[numpy.int64],
    num_expanded: Column[numpy.int64],
    threads: int,
) -> None: ...

class RowLaws:
    def __len__(self) -> int: ...

def row_laws(
    offset: Column[numpy.int64],
    column: Column[numpy.int32],
    cumulative: Column[numpy.int64],
    small_count: Column[numpy.uint8],
    columns: int,
    row: Column[numpy.int64],
    row_weight: Column[numpy.float32],
    wanted: Column[numpy.int64],
    noise_of: Column[numpy.int32],
    mean: Column[numpy.float64],
) -> RowLaws: ...
def row_responsibilities(
    laws: RowLaws,
    share: Column[numpy.float32],
    unigram: Column[numpy.float32],
    example_row: Column[numpy.int64],
    weight: Matrix[numpy.float32],
    claimed: Column[numpy.float64],
) -> None: ...

class NoisePlan:
    @property
    def rows(self) -> Annotated[NDArray[numpy.int64], dict(shape=(None,), writable=False)]: ...

def noise_plan(noise_ids: Column[numpy.int64], target_ids: Column[numpy.int64], vocab_size: int) -> NoisePlan: ...
def noise_slope_step(target: str, num_noise: int) -> int: ...
def noise_loss_forward(
    target: str,
    plan: NoisePlan,
    softmax: bool,
    mask: bool,
    hidden: Matrix[numpy.float32],
    weight: Matrix[numpy.float32],
    bias: Column[numpy.float32] | None,
    noise_ids: Column[numpy.int64],
    target_ids: Column[numpy.int64],
    noise_shift: Column[numpy.float32] | None,
    target_shift: Column[numpy.float32] | None,
    multiplicity: Column[numpy.float32] | None,
    loss: Column[numpy.float32],
    slope: Matrix[numpy.float32],
    row_scale: Column[numpy.float32],
    target_slope: Column[numpy.float32],
    hidden_slope: Matrix[numpy.float32] | None,
    threads: int,
) -> None: ...
def noise_loss_backward(
    target: str,
    plan: NoisePlan,
    hidden: Matrix[numpy.float32],
    slope: Matrix[numpy.float32],
    row_scale: Column[numpy.float32],
    target_slope: Column[numpy.float32],
    hidden_slope: Matrix[numpy.float32] | None,
    upstream: Column[numpy.float32],
    hidden_gradient: Matrix[numpy.float32] | None,
    weight_gradient: Matrix[numpy.float32],
    bias_gradient: Column[numpy.float32] | None,
    threads: int,
) -> None: ...
def pattern_fit_forward(
    target: str,
    symbols: Column[numpy.int16],
    offsets: Column[numpy.int64],
    nothing: int,
    word_ids: Column[numpy.int64],
    widths: Column[numpy.int32],
    table: Cube[numpy.float32],
    fit: Matrix[numpy.float32],
    place: Matrix[numpy.int32] | None,
    threads: int,
) -> None: ...
def pattern_fit_backward(
    target: str,
    symbols: Column[numpy.int16],
    offsets: Column[numpy.int64],
    nothing: int,
    word_ids: Column[numpy.int64],
    widths: Column[numpy.int32],
    place: Matrix[numpy.int32],
    upstream: Matrix[numpy.float32],
    table_gradient: Cube[numpy.float32],
    threads: int,
) -> None: ...

class PairCounter:
    def __init__(self, num_words: int, num_countable: int, connectors: Column[numpy.uint8], most_bits: int) -> None: ...
    def feed(self, ids: Column[numpy.int32], ends: Column[numpy.int64]) -> None: ...
    def finish_reading(self) -> None: ...
    def next_share(self) -> bool: ...
    def at_least(
        self, least: int
    ) -> tuple[
        Annotated[NDArray[numpy.int32], dict(shape=(None,))],
        Annotated[NDArray[numpy.int32], dict(shape=(None,))],
        Annotated[NDArray[numpy.int64], dict(shape=(None,))],
    ]: ...
    def prefixes(
        self,
    ) -> tuple[
        Annotated[NDArray[numpy.int32], dict(shape=(None,))], Annotated[NDArray[numpy.int32], dict(shape=(None,))]
    ]: ...
    @property
    def num_pairs(self) -> int: ...
    @property
    def num_slots(self) -> int: ...

class PhraseJoiner:
    def __init__(self, num_words: int, num_ids: int, connectors: Column[numpy.uint8]) -> None: ...
    def add_prefixes(
        self, before: Column[numpy.int32], connectors: Column[numpy.int32], longer: Column[numpy.int32]
    ) -> None: ...
    def add_phrases(
        self, prefixes: Column[numpy.int32], words: Column[numpy.int32], joined: Column[numpy.int32]
    ) -> None: ...
    def feed(self, ids: Column[numpy.int32], ends: Column[numpy.int64]) -> None: ...
    def ids(self) -> Annotated[NDArray[numpy.int32], dict(shape=(None,), writable=False)]: ...
    def sentence_ends(self) -> Annotated[NDArray[numpy.int64], dict(shape=(None,), writable=False)]: ...
    def clear_output(self) -> None: ...
    def counts(self) -> Annotated[NDArray[numpy.int64], dict(shape=(None,))]: ...
    def first_seen(self) -> Annotated[NDArray[numpy.int32], dict(shape=(None,))]: ...
    @property
    def num_tokens(self) -> int: ...

def row_scores_forward(
    target: str,
    hidden: Matrix[numpy.float32],
    weight: Matrix[numpy.float32],
    bias: Column[numpy.float32] | None,
    position: Matrix[numpy.int64],
    score: Matrix[numpy.float32],
    threads: int,
) -> None: ...
def row_scores_backward(
    target: str,
    hidden: Matrix[numpy.float32],
    weight: Matrix[numpy.float32],
    position: Matrix[numpy.int64],
    upstream: Matrix[numpy.float32],
    hidden_gradient: Matrix[numpy.float32] | None,
    weight_gradient: Matrix[numpy.float32] | None,
    bias_gradient: Column[numpy.float32] | None,
    threads: int,
) -> None: ...
def is_ascending(rows: Column[numpy.int64]) -> bool: ...
def add_rows(
    target: str,
    table: Matrix[numpy.float32],
    rows: Column[numpy.int64],
    update: Matrix[numpy.float32],
    scale: float,
    threads: int,
) -> None: ...

narrow_softmax_widest: int = 64

def narrow_softmax_bound(
    target: str, hidden: Matrix[numpy.float32], weight: Matrix[numpy.float32], bias: Column[numpy.float32] | None
) -> float: ...
def softmax_forward(
    target: str,
    narrow: bool,
    hidden: Matrix[numpy.float32],
    weight: Matrix[numpy.float32],
    bias: Column[numpy.float32] | None,
    log_normaliser: Column[numpy.float32],
    threads: int,
) -> None: ...
def softmax_backward(
    target: str,
    narrow: bool,
    hidden: Matrix[numpy.float32],
    weight: Matrix[numpy.float32],
    bias: Column[numpy.float32] | None,
    log_normaliser: Column[numpy.float32],
    upstream: Column[numpy.float32],
    hidden_gradient: Matrix[numpy.float32] | None,
    weight_gradient: Matrix[numpy.float32] | None,
    bias_gradient: Column[numpy.float32] | None,
    threads: int,
) -> None: ...
def ngram_buckets(
    blob: Column[numpy.uint8], word_offsets: Column[numpy.int64], min_n: int, max_n: int, buckets: int
) -> tuple[
    Annotated[NDArray[numpy.int64], dict(shape=(None,))], Annotated[NDArray[numpy.int32], dict(shape=(None,))]
]: ...
def mean_rows(
    words: Matrix[numpy.float32],
    ngrams: Matrix[numpy.float32],
    offsets: Column[numpy.int64],
    rows: Column[numpy.int32],
    out: Matrix[numpy.float32],
) -> None: ...

MAX_WORD_BYTES: int = 65535

def gather_words(
    words: bytes, offsets: Column[numpy.int64], order: Column[numpy.int64]
) -> tuple[bytes, Annotated[NDArray[numpy.int64], dict(shape=(None,))]]: ...

class TextEncoder:
    def __init__(self, replace: bool) -> None: ...
    def begin(self) -> None: ...
    def feed(self, chunk: object) -> int: ...
    def end(self) -> int: ...
    def add_sentence(self, words: list[str]) -> int: ...
    def ids(self) -> Annotated[NDArray[numpy.int32], dict(shape=(None,), writable=False)]: ...
    def sentence_ends(self) -> Annotated[NDArray[numpy.int64], dict(shape=(None,), writable=False)]: ...
    def clear_output(self) -> None: ...
    def words(
        self,
    ) -> tuple[
        bytes,
        Annotated[NDArray[numpy.int64], dict(shape=(None,))],
        Annotated[NDArray[numpy.int64], dict(shape=(None,))],
    ]: ...
    @property
    def num_types(self) -> int: ...
    @property
    def num_tokens(self) -> int: ...
    @property
    def num_sentences(self) -> int: ...
    @property
    def problem_offset(self) -> int: ...

def two_clusters(
    target: str,
    vectors: Matrix[numpy.float32],
    weights: Column[numpy.float32] | None,
    members: Column[numpy.int32],
    offsets: Column[numpy.int64],
    seeds: Column[numpy.uint64],
    iterations: int,
    log_odds: Column[numpy.float32],
    threads: int,
) -> None: ...

class CodedTable:
    def __init__(
        self,
        *,
        first_bits: int,
        first_width: int,
        first_codes: Column[numpy.int8],
        second_codes: Column[numpy.int8],
        first_scale: Column[numpy.float32],
        second_scale: Column[numpy.float32],
        first_error: Column[numpy.float32],
        second_error: Column[numpy.float32],
        variance: Column[numpy.float32],
        bias: Column[numpy.float32],
        norm: Column[numpy.float32],
        first_spread: Column[numpy.float32],
        second_spread: Column[numpy.float32],
        balance: float,
        slack: float,
    ) -> None: ...

def code_rows(
    target: str,
    weight: Matrix[numpy.float32],
    bits: int,
    codes: Column[numpy.int8],
    scale: Column[numpy.float32],
    error: Column[numpy.float32],
    norm: Column[numpy.float32],
    residual: Matrix[numpy.float32] | None,
    threads: int,
) -> None: ...
def scan_rows(
    target: str,
    weight: Matrix[numpy.float32],
    bias: Column[numpy.float32] | None,
    hidden: Matrix[numpy.float32],
    word_id: Matrix[numpy.int64],
    score: Matrix[numpy.float32],
    log_normaliser: Column[numpy.float32] | None,
    normaliser_error: Column[numpy.float32] | None,
    num_scored: Column[numpy.int64],
    num_broken: Column[numpy.int64],
    threads: int,
) -> None: ...
def scan_codes(
    target: str,
    weight: Matrix[numpy.float32],
    bias: Column[numpy.float32] | None,
    coded: CodedTable,
    turned: Matrix[numpy.float32],
    spread: Column[numpy.float32],
    likely: Column[numpy.int64],
    tolerance: float,
    hidden: Matrix[numpy.float32],
    word_id: Matrix[numpy.int64],
    score: Matrix[numpy.float32],
    log_normaliser: Column[numpy.float32] | None,
    normaliser_error: Column[numpy.float32] | None,
    num_scored: Column[numpy.int64],
    num_broken: Column[numpy.int64],
    threads: int,
) -> None: ...
def sample_normalizer(
    target: str,
    weight: Matrix[numpy.float32],
    bias: Column[numpy.float32] | None,
    coded: CodedTable,
    turned: Matrix[numpy.float32],
    seed: Column[numpy.uint64],
    likely: Column[numpy.int64],
    draws: float,
    hidden: Matrix[numpy.float32],
    log_normalizer: Column[numpy.float32],
    error: Column[numpy.float32],
    num_scored: Column[numpy.int64],
    threads: int,
) -> None: ...
def scan_listed(
    target: str,
    weight: Matrix[numpy.float32],
    bias: Column[numpy.float32] | None,
    offsets: Column[numpy.int64],
    words: Column[numpy.int32],
    disjoint: bool,
    hidden: Matrix[numpy.float32],
    chosen: Matrix[numpy.int32],
    word_id: Matrix[numpy.int64],
    score: Matrix[numpy.float32],
    log_sum: Column[numpy.float32],
    num_scored: Column[numpy.int64],
    threads: int,
) -> None: ...
