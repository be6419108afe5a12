"""Differentiated softmax: frequent words get wide vectors, rare ones narrow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vastmax.distribution.counts import counts_array
from vastmax.methods.case import YARDSTICK, capital
from vastmax.methods.method import Method, Published, WhenToTake
from vastmax.methods.parts import ADAGRAD_PASSES, Part, exact_forward, exact_step, scan
from vastmax.methods.work import MethodWork, Setting

if TYPE_CHECKING:
    from vastmax.head import Head


def differentiated(
    hidden_size: int,
    vocabulary: Any,
    *,
    block_sizes: Sequence[int] | None = None,
    block_widths: Sequence[int] | None = None,
) -> Head:
    """Build Differentiated × CrossEntropy."""
    from vastmax.head import Head
    from vastmax.objective.cross_entropy import CrossEntropy
    from vastmax.output.differentiated import Differentiated

    output = Differentiated(hidden_size, counts_array(vocabulary), block_sizes, block_widths)
    return Head(output, CrossEntropy(), counts=vocabulary)


def _work(setting: Setting) -> MethodWork:
    sizes, widths = setting.words.blocks(setting.hidden_size)
    parts = [Part(setting.batch_size, size, width) for size, width in zip(sizes, widths, strict=True)]
    table = float(sum(size * width for size, width in zip(sizes, widths, strict=True)))
    V = setting.V
    return MethodWork(
        exact_step(parts, optimizer_passes=ADAGRAD_PASSES),
        exact_forward(parts),
        scan(parts),
        parameters=table + V,
        state=2.0 * V,
        gradient=table + V,
    )


METHOD = Method(
    name="differentiated",
    title="differentiated softmax",
    summary="frequent words get wide vectors, rare ones narrow: exact, cheaper in training and test, rare words suffer",
    source="Chen et al. 2015",
    family="narrow vectors for rare words",
    family_rank=2,
    build=differentiated,
    work=_work,
    complexity=14,
    published=Published(
        quality="at least as good as the softmax in equal time, rare words worse; 195 against 144 on text8 at equal "
        "epochs (Grave 2017)",
        cheaper_training="yes",
        cheaper_scoring="yes",
        cheaper_search="yes",
        speed_up_chen="2×",
        small_vocabulary="very good",
        large_vocabulary="very good",
        parameters="< 100 %",
        perplexities=(121.1, 52.0, 91.2),
    ),
    take=WhenToTake(
        rank={"train": (2, 4, None), "best-word": (2, 2, None)},
        why=lambda case: (
            f"{capital(case.faster('differentiated'))}, exact, in training and afterwards alike; rare words get narrow "
            "vectors and are predicted less well"
        ),
        why_for={
            "best-word": lambda case: (
                "Finding the best word costs "
                f"{case.costs['differentiated'].best_seconds / case.costs[YARDSTICK].best_seconds:.0%} of the "
                f"softmax's scan, whatever the model; {case.faster('differentiated')}"
            )
        },
    ),
)
