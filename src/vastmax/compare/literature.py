"""What the literature says about each method: the table that the report, the advice and the documentation share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

YARDSTICK = "softmax"
"""The method that ratios are taken to."""

Cheaper = Literal["yes", "no", "with search", "if Z ≈ 1", "candidate list"]
"""Than the plain softmax; the others say on what condition."""

Grade = Literal["very good", "good", "bad to good", "bad", "very bad", "very poor"]
"""How well a method predicted, in the survey's words."""


@dataclass(frozen=True)
class Published:
    """One row of the table; None where nothing was published.

    Attributes:
        method: its name in `RECIPES`.
        name: as the papers call it.
        cheaper_training: whether a training step is.
        cheaper_scoring: whether the probability of a given word is.
        cheaper_search: whether finding the most probable word is.
        speed_up_chen: of training over softmax, all methods in the one harness of Chen, Grangier & Auli 2015.
        speed_up_paper: as the paper has it that `speed_up_source` names.
        speed_up_source: where `speed_up_paper` was published.
        small_vocabulary: perplexity on Penn Treebank, 10 thousand words.
        large_vocabulary: perplexity on the benchmark of a billion words, 800 thousand different ones.
        parameters: of the output layer, against the softmax's.
    """

    method: str
    name: str
    cheaper_training: Cheaper | None = None
    cheaper_scoring: Cheaper | None = None
    cheaper_search: Cheaper | None = None
    speed_up_chen: str | None = None
    speed_up_paper: str | None = None
    speed_up_source: str | None = None
    small_vocabulary: Grade | None = None
    large_vocabulary: Grade | None = None
    parameters: str | None = None

    @property
    def speed_ups(self) -> str | None:
        """`25×, Chen et al. 2015; 50–100×, as quoted by Ruder 2016`: each with its source."""
        sourced = ((self.speed_up_chen, "Chen et al. 2015"), (self.speed_up_paper, self.speed_up_source))
        return "; ".join(f"{speed_up}, {source}" for speed_up, source in sourced if speed_up is not None) or None


LITERATURE: tuple[Published, ...] = (
    Published(
        "softmax",
        "softmax",
        speed_up_chen="1×",
        small_vocabulary="very good",
        large_vocabulary="very poor",
        parameters="100 %",
    ),
    Published(
        "hierarchical-softmax",
        "hierarchical softmax",
        cheaper_training="yes",
        cheaper_scoring="yes",
        cheaper_search="with search",
        speed_up_chen="25×",
        speed_up_paper="50–100×",
        speed_up_source="as quoted by Ruder 2016",
        small_vocabulary="very poor",
        large_vocabulary="very good",
        parameters="100 %",
    ),
    Published(
        "two-level",
        "two-level (class-based) softmax",
        cheaper_training="yes",
        cheaper_scoring="yes",
        cheaper_search="with search",
        speed_up_paper="2.4–6.5×",
        speed_up_source="Grave et al. 2017",
        parameters="100 %",
    ),
    Published(
        "differentiated",
        "differentiated softmax",
        cheaper_training="yes",
        cheaper_scoring="yes",
        cheaper_search="yes",
        speed_up_chen="2×",
        small_vocabulary="very good",
        large_vocabulary="very good",
        parameters="< 100 %",
    ),
    Published(
        "adaptive",
        "adaptive softmax",
        cheaper_training="yes",
        cheaper_scoring="yes",
        cheaper_search="with search",
        speed_up_paper="2.8–7.3×",
        speed_up_source="Grave et al. 2017",
        parameters="< 100 %",
    ),
    Published(
        "cnn-softmax",
        "CNN-softmax",
        cheaper_training="no",
        cheaper_scoring="no",
        cheaper_search="no",
        large_vocabulary="bad to good",
        parameters="30 %",
    ),
    Published("char-lstm", "characters by an LSTM", cheaper_search="no", large_vocabulary="bad"),
    Published(
        "importance-sampling",
        "importance sampling",
        cheaper_training="yes",
        cheaper_scoring="no",
        cheaper_search="no",
        speed_up_paper="19×",
        speed_up_source="Bengio & Senécal 2003",
        parameters="100 %",
    ),
    Published(
        "adaptive-importance-sampling",
        "adaptive importance sampling",
        cheaper_training="yes",
        cheaper_scoring="no",
        cheaper_search="no",
        speed_up_paper="100×",
        speed_up_source="Bengio & Senécal 2008",
        parameters="100 %",
    ),
    Published(
        "target-sampling",
        "target sampling",
        cheaper_training="yes",
        cheaper_scoring="no",
        cheaper_search="candidate list",
        speed_up_chen="2×",
        small_vocabulary="good",
        large_vocabulary="bad",
        parameters="100 %",
    ),
    Published(
        "sampled-softmax",
        "sampled softmax",
        cheaper_training="yes",
        cheaper_scoring="no",
        cheaper_search="no",
        speed_up_paper="2.0–3.1×",
        speed_up_source="Grave et al. 2017",
        parameters="100 %",
    ),
    Published(
        "nce",
        "noise-contrastive estimation",
        cheaper_training="yes",
        cheaper_scoring="if Z ≈ 1",
        cheaper_search="no",
        speed_up_chen="8×",
        speed_up_paper="45×",
        speed_up_source="Mnih & Teh 2012",
        small_vocabulary="very bad",
        large_vocabulary="very bad",
        parameters="100 %",
    ),
    Published(
        "negative-sampling",
        "negative sampling",
        cheaper_training="yes",
        cheaper_scoring="no",
        cheaper_search="no",
        speed_up_paper="50–100×",
        speed_up_source="as quoted by Ruder 2016",
        parameters="100 %",
    ),
    Published(
        "self-normalised",
        "self-normalisation",
        cheaper_training="no",
        cheaper_scoring="yes",
        cheaper_search="no",
        speed_up_paper="15× (decoding)",
        speed_up_source="Devlin et al. 2014",
        parameters="100 %",
    ),
    Published(
        "infrequent-normalisation",
        "infrequent normalisation",
        cheaper_training="yes",
        cheaper_scoring="yes",
        cheaper_search="no",
        speed_up_chen="6×",
        speed_up_paper="10×",
        speed_up_source="Andreas & Klein 2015",
        small_vocabulary="very good",
        large_vocabulary="good",
        parameters="100 %",
    ),
)
"""One row a method, in the order in which the literature tells of them."""

PUBLISHED: dict[str, Published] = {row.method: row for row in LITERATURE}
"""By the name of the method."""

CITATION = (
    "Speed-ups in training over the plain softmax: those of one harness from Chen, Grangier & Auli, “Strategies for "
    "training large vocabulary neural language models” (2015); beside them those of the papers named, each measured "
    "in its own way, some of them by counting operations. For two-level, adaptive and sampled softmax they are "
    "worked out from the training times of Grave et al. (2017) on text8 and on Europarl in German. The table goes back "
    "to Ruder, “On word embeddings, part 2: Approximating the softmax” (2016)."
)
CAVEAT = (
    "All with a grain of salt: programs of several decades, machines and degrees of care; and a GPU helps the plain "
    "softmax more than the others."
)
