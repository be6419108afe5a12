"""Adaptive softmax: a short list of frequent words, clusters of the others in narrower spaces."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from vastmax.distribution.counts import counts_array
from vastmax.distribution.cutoffs import tail_width
from vastmax.methods.case import capital
from vastmax.methods.method import Method, Published, WhenToTake
from vastmax.methods.parts import ADAMW_PASSES, Part, exact_forward, exact_step, scan
from vastmax.methods.work import MethodWork, Setting, Work

if TYPE_CHECKING:
    from vastmax.head import Head


def adaptive(hidden_size: int, vocabulary: Any, *, cutoffs: Sequence[int] | None = None) -> Head:
    """Build Adaptive × CrossEntropy."""
    from vastmax.head import Head
    from vastmax.objective.cross_entropy import CrossEntropy
    from vastmax.output.adaptive import Adaptive

    return Head(Adaptive(hidden_size, counts_array(vocabulary), cutoffs), CrossEntropy())


def _work(setting: Setting) -> MethodWork:
    V, D, N = setting.V, setting.hidden_size, setting.batch_size
    cutoffs = setting.words.cutoffs(D)
    edges = [*cutoffs, V]
    head = Part(N, edges[0] + len(cutoffs), D)
    shares = setting.words.mass_between([0, *edges])[1:]
    sizes = [stop - start for start, stop in pairwise(edges)]
    tails = [
        Part(N * share, size, tail_width(D, i))
        for i, (share, size) in enumerate(zip(shares, sizes, strict=True), start=1)
    ]
    parts = [head, *tails]
    projections = float(sum(D * part.width for part in tails))
    parameters = float(sum(part.words * (part.width + 1) for part in parts)) + projections
    project = Work(sum(part.examples * D * part.width for part in tails))
    best = setting.words.law.max()
    opened = [Part(N, part.words, part.width) for part, share in zip(tails, shares, strict=True) if share >= best]
    step = exact_step(parts, optimizer_passes=ADAMW_PASSES)
    return MethodWork(
        step + Work(3 * project.multiply_adds),
        exact_forward(parts) + project,
        scan([head, *opened]),
        parameters=parameters,
        state=2.0 * parameters,
        gradient=parameters,
        best_of_unigrams=True,
    )


METHOD = Method(
    name="adaptive",
    title="adaptive softmax",
    summary="a short list of frequent words and clusters of the others in narrower spaces: exact, and fast on GPUs",
    source="Grave et al. 2017",
    family="narrow vectors for rare words",
    family_rank=1,
    build=adaptive,
    work=_work,
    complexity=13,
    in_default_race=True,
    published=Published(
        quality="147 against the softmax's 144 on text8, 40 against 42 on Europarl, at equal epochs (Grave 2017)",
        cheaper_training="yes",
        cheaper_scoring="yes",
        cheaper_search="with search",
        speed_up_paper="2.8–7.3×",
        speed_up_source="Grave et al. 2017",
        parameters="< 100 %",
    ),
    take=WhenToTake(
        rank={"train": (3, 2, 3), "score": (4, 4, 4), "best-word": (3, 1, 1)},
        why=lambda case: (
            f"{capital(case.faster('adaptive'))}, with exact likelihoods in training and after it, and "
            f"{case.score_against('adaptive')}; rare words get narrow vectors. The first choice on a GPU"
        ),
        why_for={
            "best-word": lambda case: (
                "The search opens a cluster of rare words only where one of them could win, and then in a narrow "
                f"space: {case.best_against('adaptive')} for a model no surer than the unigrams; "
                f"{case.faster('adaptive')}"
            )
        },
    ),
)
