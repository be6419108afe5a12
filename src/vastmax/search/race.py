"""Every index of one head measured beside the others, on queries of the user's own text."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vastmax.arguments import shown, whole
from vastmax.errors import InputError, argument
from vastmax.extras import has
from vastmax.output.adaptive import Adaptive
from vastmax.output.hierarchical import Hierarchical
from vastmax.output.table import TableOutput
from vastmax.progress import Progress, Silent
from vastmax.search.approximate import Approximate
from vastmax.search.best_first import BestFirst
from vastmax.search.calibration import efforts, recall_of
from vastmax.search.certified import Certified
from vastmax.search.clustered import Clustered
from vastmax.search.faiss_index import Faiss, Hnsw
from vastmax.search.hashing import Hashing
from vastmax.search.race_truth import Truth
from vastmax.search.score_table import layer_of
from vastmax.search.screened import Screened

KINDS = ("certified", "clustered", "screened", "hashing", "faiss", "hnsw")
"""Indexes of tables in the order in which they are measured; trees and clusters have one, best-first."""

EVERY_WORD, NO_INDEX, BEST_FIRST = "every word (PyTorch)", "no index", "best-first"
FEWEST_QUERIES = 160
_POINTS, _QUERIES_PER_POINT = 8, 100
_LONGEST_CASE_SECONDS = 4.0


@dataclass(frozen=True, kw_only=True)
class SearchRaceSettings:
    """Settings of a race of indexes.

    Attributes:
        kinds: which indexes; None: all whose library is installed, or best-first for trees and clusters.
        k: words per query.
        recall: share of the k best words that the indexes that are not certified are calibrated to find.
        batches: numbers of queries asked at once.
        rounds: how often each is timed; the median counts.
    """

    kinds: tuple[str, ...] | None = None
    k: int = 10
    recall: float = 0.99
    batches: tuple[int, ...] = (1, 32, 512)
    rounds: int = 5

    def check(self, layer: Any) -> tuple[str, ...]:
        """Return the kinds of indexes to measure, checked for this layer.

        Raises:
            InputError: a kind that is not there, or is not for this layer; numbers out of range.
        """
        whole("k", self.k, 1, layer.vocab_size, "the vocabulary size")
        whole("rounds", self.rounds, 1, 1000)
        if not self.batches:
            raise InputError("batches is empty; expected numbers of queries, such as 1,32,512")
        for batch in self.batches:
            whole("batches", batch, 1, 1 << 16)
        if not 0.0 < self.recall <= 1.0:
            raise InputError(f"recall is {self.recall}; expected a number above 0 and at most 1")
        possible = (BEST_FIRST,) if isinstance(layer, Hierarchical | Adaptive) else KINDS
        if self.kinds is None:
            return tuple(kind for kind in possible if kind not in ("faiss", "hnsw") or has("faiss"))
        for kind in self.kinds:
            if kind not in possible:
                raise InputError(
                    f"{argument('kinds')} holds {shown(kind)}; a {type(layer).__name__} layer has {', '.join(possible)}"
                )
        if not self.kinds:
            raise InputError(f"{argument('kinds')} is ''; expected some of {', '.join(possible)}")
        return tuple(dict.fromkeys(self.kinds))


@dataclass(frozen=True)
class Point:
    """One setting of an index on the picture of speed against recall.

    Attributes:
        effort: the setting.
        milliseconds: per query, one at a time.
        recall: of the k best words.
    """

    effort: int
    milliseconds: float
    recall: float


@dataclass(frozen=True)
class Measured:
    """Cost and quality of one index.

    Attributes:
        kind: which; `EVERY_WORD` scores all by PyTorch, `NO_INDEX` is the head's own `topk`.
        build_seconds: to make it, without calibration.
        num_bytes: of the index.
        effort: the calibrated setting; None where there is none.
        reached: whether calibration reached the recall.
        milliseconds: per query, by batch, median.
        recall_first: share of queries whose best word was found.
        recall: share of the k best words that was found.
        log_prob_error: mean |log p − exact log p| of the best word found.
        sample_divergence: Kullback-Leibler divergence, in nats, of the ranks of words drawn by the index from their
            true distribution, over the ranks 1, 2 to 10, 11 to 100, 101 to 1,000 and above.
        curve: other settings.
    """

    kind: str
    build_seconds: float
    num_bytes: int
    effort: int | None
    reached: bool
    milliseconds: dict[int, float]
    recall_first: float
    recall: float
    log_prob_error: float
    sample_divergence: float
    curve: tuple[Point, ...] = ()


@dataclass(frozen=True)
class SearchRace:
    """The indexes of one head, measured.

    Attributes:
        vocab_size: V.
        hidden_size: D.
        k: words per query.
        queries: held-out queries that recall and errors are means of.
        best_probability: mean probability of the best word: how peaked the model is.
        chance_divergence: about what `sample_divergence` is of exact draws, by chance.
        measured: the indexes, the two ways without one first.
    """

    vocab_size: int
    hidden_size: int
    k: int
    queries: int
    best_probability: float
    chance_divergence: float
    measured: tuple[Measured, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


@torch.no_grad()
def race_search(
    head: Any, hidden: Tensor, settings: SearchRaceSettings | None = None, *, progress: Progress | None = None
) -> SearchRace:
    """Measure every index of a head on queries of one's own text.

    A quarter of the queries measures; the others calibrate the indexes and are what `Screened` learns from.

    Args:
        head: in eval mode, on a CPU.
        hidden: (N, D), N ≥ 160, in random order: hidden vectors of text that the model was not trained on.
        settings: what to measure.
        progress: told of indexes.

    Raises:
        InputError: too few queries; settings that do not fit; a head that no index is made of.

    Cost: the whole distribution of each measuring query, then the building and timing of every index.
    """
    settings, progress = settings or SearchRaceSettings(), progress or Silent()
    layer = layer_of(head)
    kinds = settings.check(layer)
    if len(hidden) < FEWEST_QUERIES:
        raise InputError(f"{len(hidden)} queries are too few to measure by; expected at least {FEWEST_QUERIES}")
    quarter = len(hidden) // 4
    held_out, calibrating, learned = hidden[:quarter], hidden[quarter : 2 * quarter], hidden[2 * quarter :]
    progress.begin("The whole distribution", quarter, "queries")
    truth = Truth.of(layer, held_out, settings.k, progress)
    progress.end()
    every_word = layer.logits if isinstance(layer, TableOutput) else layer.log_prob
    cases = {EVERY_WORD: _Case(EVERY_WORD, lambda h, k: every_word(h).topk(k, dim=1).indices)}
    cases[NO_INDEX] = _Case(NO_INDEX, lambda h, k: head.topk(h, k)[1])
    progress.begin("Building", len(kinds), "indexes")
    for done, kind in enumerate(kinds):
        cases[kind] = _built(kind, head, layer, learned, calibrating, settings)
        progress.update(done + 1, last=kind)
    progress.end()
    progress.begin("Timing", len(settings.batches), "batch sizes")
    for done, batch in enumerate(settings.batches):
        _time_in_turn(list(cases.values()), held_out, batch, settings)
        progress.update(done + 1)
    progress.end()
    progress.begin("Recall and draws", len(cases), "indexes")
    measured = []
    for done, case in enumerate(cases.values()):
        measured.append(_judged(case, head, truth, settings))
        progress.update(done + 1, last=case.kind)
    progress.end()
    return SearchRace(
        vocab_size=layer.vocab_size,
        hidden_size=layer.hidden_size,
        k=settings.k,
        queries=quarter,
        best_probability=float(truth.best_log_prob[:, 0].exp().mean()),
        chance_divergence=truth.chance_divergence,
        measured=tuple(measured),
    )


class _Case:
    """One way to find the best words while it is measured."""

    def __init__(self, kind: str, find: Callable[[Tensor, int], Tensor], index: Any = None) -> None:
        self.kind, self.find, self.index = kind, find, index
        self.build_seconds = 0.0
        self.reached = True
        self.milliseconds: dict[int, float] = {}


def _built(
    kind: str, head: Any, layer: Any, learned: Tensor, calibrating: Tensor, settings: SearchRaceSettings
) -> _Case:
    builders: dict[str, Callable[[], Any]] = {
        "certified": lambda: Certified(head, tolerance=1e-3),
        "clustered": lambda: Clustered(head),
        "screened": lambda: Screened(head, learned, k=min(max(32, settings.k), layer.vocab_size)),
        "hashing": lambda: Hashing(head),
        "faiss": lambda: Faiss(head, factory=f"IVF{max(1, round(2 * layer.vocab_size**0.5))},Flat"),
        "hnsw": lambda: Hnsw(head),
        BEST_FIRST: lambda: BestFirst(head),
    }
    began = time.perf_counter()
    index = builders[kind]()
    seconds = time.perf_counter() - began
    if isinstance(index, BestFirst):
        case = _Case(kind, lambda h, k: index.topk(layer, h, k)[1], index)
    else:
        case = _Case(kind, lambda h, k: index.find(h, k).word_id, index)
    case.build_seconds = seconds
    if isinstance(index, Approximate):
        case.reached = index.calibrate(calibrating, settings.recall, k=settings.k).reached
    return case


def _time_in_turn(cases: list[_Case], hidden: Tensor, batch: int, settings: SearchRaceSettings) -> None:
    """Time all cases on the same queries, one after the other, several rounds."""
    seconds: dict[str, list[float]] = {case.kind: [] for case in cases}
    for turn in range(settings.rounds):
        places = torch.arange(turn * batch, (turn + 1) * batch) % len(hidden)
        queries = hidden[places].contiguous()
        for case in cases:
            taken = seconds[case.kind]
            if taken and sum(taken) > _LONGEST_CASE_SECONDS:
                continue  # known well enough, and too slow for more
            began = time.perf_counter()
            case.find(queries, settings.k)
            taken.append(time.perf_counter() - began)
    for case in cases:
        case.milliseconds[batch] = 1e3 * float(np.median(seconds[case.kind])) / batch


def _judged(case: _Case, head: Any, truth: Truth, settings: SearchRaceSettings) -> Measured:
    """Compare what a case finds and draws with the truth."""
    found = torch.cat([case.find(part, settings.k) for part in torch.split(truth.hidden, 64)])
    shares = recall_of(found, truth.best_ids)
    log_prob_error = divergence = 0.0
    if case.index is not None or case.kind == NO_INDEX:
        log_prob, word_ids = (torch.cat(each) for each in zip(*_answers(head, truth, case), strict=True))
        exact = truth.log_prob_of(word_ids)
        log_prob_error = float((log_prob[:, 0] - exact[:, 0]).abs().mean())
        divergence = truth.divergence(lambda h: head.sample(h, search=case.index))
    return Measured(
        kind=case.kind,
        build_seconds=case.build_seconds,
        num_bytes=0 if case.index is None else int(getattr(case.index, "num_bytes", 0)),
        effort=getattr(case.index, "effort", None),
        reached=case.reached,
        milliseconds=case.milliseconds,
        recall_first=float((found[:, 0] == truth.best_ids[:, 0]).double().mean()),
        recall=float(shares.mean()),
        log_prob_error=log_prob_error,
        sample_divergence=divergence,
        curve=_curve(case.index, truth, settings.k) if isinstance(case.index, Approximate) else (),
    )


def _answers(head: Any, truth: Truth, case: _Case) -> list[tuple[Tensor, Tensor]]:
    return [head.topk(part, 1, search=case.index) for part in torch.split(truth.hidden, 64)]


def _curve(index: Approximate, truth: Truth, k: int) -> tuple[Point, ...]:
    """Measure other efforts around the calibrated one."""
    chosen, every = index.effort, efforts(index.most_effort)
    near = [effort for effort in every if effort <= 8 * chosen]
    tried = sorted({near[round(i)] for i in np.linspace(0, len(near) - 1, min(_POINTS, len(near)))} | {chosen})
    hidden, best = truth.hidden[:_QUERIES_PER_POINT], truth.best_ids[:_QUERIES_PER_POINT]
    points = []
    for effort in tried:
        index.effort = effort
        seconds, found = [], []
        for query in torch.split(hidden, 1):
            began = time.perf_counter()
            found.append(index.find(query, k).word_id)
            seconds.append(time.perf_counter() - began)
        recall = float(recall_of(torch.cat(found), best).mean())
        points.append(Point(effort, 1e3 * float(np.median(seconds)), recall))
    index.effort = chosen
    return tuple(points)
