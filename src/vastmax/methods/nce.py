"""Noise-contrastive estimation: tell words from noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from vastmax.methods.case import Case, capital
from vastmax.methods.method import Method, Published, WhenToTake
from vastmax.methods.parts import shared_noise_work
from vastmax.methods.work import DEFAULT_NUM_SAMPLES, MethodWork, Setting

if TYPE_CHECKING:
    from vastmax.head import Head


def nce(
    hidden_size: int,
    vocabulary: Any,
    *,
    num_samples: int = DEFAULT_NUM_SAMPLES,
    power: float = 1.0,
    log_normaliser: float | Literal["scalar", "linear"] = 0.0,
) -> Head:
    """Build Dense × NCE over draws from Unigram(power), shared by the batch."""
    from vastmax.head import Head
    from vastmax.objective.nce import NCE
    from vastmax.output.dense import Dense
    from vastmax.proposal.unigram import Unigram

    noise = Unigram(vocabulary, power)
    objective = NCE(noise, num_samples, log_normaliser, hidden_size=hidden_size)
    return Head(Dense(hidden_size, noise.vocab_size), objective, counts=vocabulary)


def _work(setting: Setting) -> MethodWork:
    return shared_noise_work(setting, 1.0, raw_score=True)


def _avoid(case: Case) -> str | None:
    if case.size == "large" or case.purpose == "vectors":
        return None
    return f"the worst for vocabularies of such a size: {METHOD.published.against_softmax()} (Chen 2015)"


METHOD = Method(
    name="nce",
    title="noise-contrastive estimation",
    summary="tell words from noise: as cheap as sampled softmax, and scores that need no normalization at test time",
    source="Gutmann & Hyvärinen 2010; Mnih & Teh 2012",
    family="words told from noise",
    family_rank=1,
    build=nce,
    work=_work,
    complexity=31,
    dense=True,
    self_normalising=True,
    in_default_race=True,
    published=Published(
        quality="at K = 25 as good as maximum likelihood on Penn Treebank (163.1 against 163.5, Mnih & Teh 2012); in "
        "Chen et al. the worst for a small V and for a medium one",
        cheaper_training="yes",
        cheaper_scoring="if Z ≈ 1",
        cheaper_search="no",
        speed_up_chen="8×",
        speed_up_paper="45×",
        speed_up_source="Mnih & Teh 2012",
        small_vocabulary="very bad",
        large_vocabulary="very bad",
        parameters="100 %",
        perplexities=(143.1, 78.4, 104.7),
    ),
    take=WhenToTake(
        rank={"score": (None, 5, 3)},
        why=lambda case: (
            f"{capital(case.faster('nce'))}, and the raw score of a word comes near its log p: one row of the table "
            "per word"
        ),
        avoid=_avoid,
    ),
)
