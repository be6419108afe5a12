"""Which method to take, and why: rules over the expected costs and what has been published of the quality."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from vastmax.compare.advice.costs import MethodCost, describe_bytes
from vastmax.compare.advice.quality import QUALITY
from vastmax.compare.advice.words import ASSUMED_LETTERS
from vastmax.compare.literature import YARDSTICK

Purpose = Literal["train", "score", "best-word", "vectors"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)

SMALL_GAIN = 3.0
"""A vocabulary is small when the usual approximation, sampled softmax, would save less than this factor: then the time
is mostly the encoder's, and an approximation buys little for what it may cost."""

LARGE_GAIN = 12.0
"""And large from here: the softmax is then most of the work of any encoder that one would train on a CPU."""

MUCH_CHEAPER = 2.0

ALIKE = 1.5
"""Steps nearer than this factor cost about the same."""

NUM_CHOSEN = 3


@dataclass(frozen=True)
class Reasoned:
    """A method, and what speaks for or against it here."""

    method: str
    why: str


@dataclass(frozen=True)
class Choice:
    """What is advised.

    Attributes:
        size: "small", "medium" or "large": how much an approximation can save here.
        take: the best first.
        avoid: what would be a mistake here, the ones that suggest themselves first.
        notes: what holds whichever is taken.
    """

    size: Literal["small", "medium", "large"]
    take: tuple[Reasoned, ...]
    avoid: tuple[Reasoned, ...]
    notes: tuple[str, ...]


class _Case:
    """The figures that the rules speak of."""

    def __init__(
        self, costs: Sequence[MethodCost], purpose: Purpose, *, spelled: bool, memory_bytes: int | None
    ) -> None:
        self.costs = {cost.method: cost for cost in costs}
        self.purpose, self.spelled, self.memory_bytes = purpose, spelled, memory_bytes
        gain = self.costs["sampled-softmax"].gain
        self.gain = gain
        self.size: Literal["small", "medium", "large"] = (
            "small" if gain < SMALL_GAIN else "medium" if gain < LARGE_GAIN else "large"
        )

    def too_large(self, method: str) -> bool:
        return self.memory_bytes is not None and self.costs[method].training_bytes > self.memory_bytes

    def pays(self, method: str) -> bool:
        """Whether it is any use: where likelihoods count, nothing that is dearer than the softmax betters it."""
        dearer = self.costs[method].gain <= 1 / ALIKE
        return self.purpose != "train" or not dearer or self.too_large(YARDSTICK)

    def faster(self, method: str) -> str:
        """`a step is 41 times cheaper than the softmax's`."""
        gain = self.costs[method].gain
        if gain >= ALIKE:
            return f"a step is {_times(gain)} cheaper than the softmax's"
        if gain > 1 / ALIKE:
            return "a step costs about what the softmax's does"
        return f"a step is {_times(1 / gain)} dearer than the softmax's"

    def score_against(self, method: str) -> str:
        ratio = self.costs[YARDSTICK].score_seconds / self.costs[method].score_seconds
        return f"scoring a given word is {_times(ratio)} cheaper" if ratio >= ALIKE else "scoring a word is as dear"

    def best_against(self, method: str) -> str:
        """`40 times cheaper than the softmax's scan`."""
        ratio = self.costs[YARDSTICK].best_seconds / self.costs[method].best_seconds
        return f"{_times(ratio)} cheaper than the softmax's scan"


def choose(costs: Sequence[MethodCost], purpose: Purpose, *, spelled: bool, memory_bytes: int | None = None) -> Choice:
    """The methods to take and to avoid.

    Args:
        costs: of all methods.
        purpose: what for: "train" a language model whose likelihoods count; "score" given words fast afterwards; find
            the "best-word" fast afterwards; "vectors".
        spelled: whether words are known, not only their counts.
        memory_bytes: what the output layer may take in training; None: anything.
    """
    case = _Case(costs, purpose, spelled=spelled, memory_bytes=memory_bytes)
    wanted = [name for name in _ORDER[purpose][case.size] if case.pays(name) and not case.too_large(name)]
    if memory_bytes is not None and spelled:  # spelling takes the place of a table of vectors
        wanted += [name for name in ("cnn-softmax", "char-lstm") if name not in wanted and not case.too_large(name)]
    take = tuple(Reasoned(name, _for(case, name)) for name in wanted[:NUM_CHOSEN])
    taken = {reasoned.method for reasoned in take}
    avoid = tuple(reasoned for reasoned in _against(case) if reasoned.method not in taken)
    return Choice(case.size, take, avoid, tuple(_notes(case)))


_ORDER: dict[Purpose, dict[str, tuple[str, ...]]] = {
    "train": {
        "small": ("softmax", "differentiated", "adaptive", "sampled-softmax"),
        "medium": ("sampled-softmax", "adaptive", "softmax", "differentiated"),
        "large": ("sampled-softmax", "adaptive", "hierarchical-softmax", "infrequent-normalisation"),
    },
    "score": {
        "small": ("self-normalised", "softmax", "infrequent-normalisation", "adaptive"),
        "medium": ("hierarchical-softmax", "infrequent-normalisation", "adaptive", "nce"),
        "large": ("hierarchical-softmax", "nce", "adaptive", "two-level"),
    },
    "best-word": {
        "small": ("softmax", "differentiated", "adaptive"),
        "medium": ("adaptive", "differentiated", "sampled-softmax"),
        "large": ("adaptive", "hierarchical-softmax", "sampled-softmax"),
    },
    "vectors": dict.fromkeys(
        ("small", "medium", "large"), ("negative-sampling", "hierarchical-softmax", "sampled-softmax")
    ),
}


def _for(case: _Case, method: str) -> str:
    """Cost first, then what it gives, then what it is known to cost in quality."""
    parts = [_GOOD_FOR.get((case.purpose, method), _GIVES[method])(case)]
    published = QUALITY[method].against_softmax()
    if case.purpose == "vectors":
        return ". ".join(parts) + "."
    if published is not None and method != YARDSTICK:
        parts.append(f"Published perplexities at V = 10k / 100k / 800k: {published} (Chen 2015)")
    elif method != YARDSTICK:
        parts.append(f"Published: {QUALITY[method].quality}")
    return ". ".join(parts) + "."


_GIVES: dict[str, Callable[[_Case], str]] = {
    "softmax": lambda case: (
        f"Exact, with nothing to tune, and here no more than {_times(case.gain)} as dear as a sampled step"
        if case.gain >= ALIKE
        else "Exact, with nothing to tune, and here no dearer than a sampled step"
    ),
    "sampled-softmax": lambda case: (
        f"{_capital(case.faster('sampled-softmax'))}, whatever V, and it trains the same model as the softmax: exact "
        "likelihoods afterwards, at the softmax's price"
    ),
    "adaptive": lambda case: (
        f"{_capital(case.faster('adaptive'))}, with exact likelihoods in training and after it, and "
        f"{case.score_against('adaptive')}; rare words get narrow vectors. The first choice on a GPU"
    ),
    "hierarchical-softmax": lambda case: (
        f"{_capital(case.faster('hierarchical-softmax'))}, exact, and {case.score_against('hierarchical-softmax')}. "
        "It is another model, as good as its tree: `vastmax tree --kind clustered` makes better ones than by frequency"
    ),
    "differentiated": lambda case: (
        f"{_capital(case.faster('differentiated'))}, exact, in training and afterwards alike; rare words get narrow "
        "vectors and are predicted less well"
    ),
    "two-level": lambda case: (
        f"{_capital(case.faster('two-level'))}, exact, and {case.score_against('two-level')}; its classes are by "
        "frequency, which is not the best way to group words"
    ),
    "infrequent-normalisation": lambda case: (
        f"{_capital(case.faster('infrequent-normalisation'))}, and the raw score of a word comes near its log p"
    ),
    "self-normalised": lambda case: (
        f"Trained exactly ({case.faster('self-normalised')}) so that the raw score stands for log p: scoring a given "
        "word then takes one row of the table"
    ),
    "nce": lambda case: (
        f"{_capital(case.faster('nce'))}, and the raw score of a word comes near its log p: one row of the table a word"
    ),
    "negative-sampling": lambda case: f"{_capital(case.faster('negative-sampling'))}",
    "cnn-softmax": lambda case: (
        f"{describe_bytes(case.costs['cnn-softmax'].training_bytes)} in training where the softmax takes "
        f"{describe_bytes(case.costs[YARDSTICK].training_bytes)}, and words of no training text get vectors; "
        f"{case.faster('cnn-softmax')}"
    ),
    "char-lstm": lambda case: (
        f"{describe_bytes(case.costs['char-lstm'].training_bytes)} in training, whatever V; the last resort, for "
        "quality and for time"
    ),
}

_GOOD_FOR: dict[tuple[Purpose, str], Callable[[_Case], str]] = {
    ("best-word", "softmax"): lambda case: (
        "Finding the best word goes over all words, and so does training; here neither is dear"
    ),
    ("best-word", "adaptive"): lambda case: (
        "The search opens a cluster of rare words only where one of them could win, and then in a narrow space: "
        f"{case.best_against('adaptive')} for a model no surer than the unigrams; {case.faster('adaptive')}"
    ),
    ("best-word", "differentiated"): lambda case: (
        "Finding the best word costs "
        f"{case.costs['differentiated'].best_seconds / case.costs[YARDSTICK].best_seconds:.0%} of the softmax's scan, "
        f"whatever the model; {case.faster('differentiated')}"
    ),
    ("best-word", "hierarchical-softmax"): lambda case: (
        "The search goes down the tree best first and leaves out what cannot win: "
        f"{case.best_against('hierarchical-softmax')} for a model no surer than the unigrams; "
        f"{case.faster('hierarchical-softmax')}"
    ),
    ("best-word", "sampled-softmax"): lambda case: (
        f"{_capital(case.faster('sampled-softmax'))}; the best word is found by the softmax's scan over all words, or "
        "by an index over the vectors"
    ),
    ("vectors", "negative-sampling"): lambda case: (
        "Made for vectors: likelihoods are not learned and not needed. `vastmax embed` trains it at native speed, a "
        "few noise words a pair, without PyTorch"
    ),
    ("vectors", "hierarchical-softmax"): lambda case: (
        "A pair costs the decisions on the path to its word, few for frequent ones, and no noise is drawn. "
        "`vastmax embed --objective hierarchical-softmax`"
    ),
    ("vectors", "sampled-softmax"): lambda case: (
        "Where the vectors shall also predict: it learns likelihoods, and costs about what negative sampling over as "
        "many noise words does"
    ),
}


def _against(case: _Case) -> Iterator[Reasoned]:
    for method, cost in case.costs.items():
        if case.too_large(method):
            yield Reasoned(
                method,
                f"takes {describe_bytes(cost.training_bytes)} in training, of {describe_bytes(case.memory_bytes or 0)} "
                "that are allowed",
            )
    for method, why in _warnings(case):
        if not case.too_large(method):
            yield Reasoned(method, why)


def _warnings(case: _Case) -> Iterator[tuple[str, str]]:
    cost = case.costs
    if case.size != "small":
        whole = f"its step takes {_times(case.gain)} as long as a sampled one"
        if case.purpose != "score" or case.size == "large":
            yield "softmax", f"{whole}: keep it as the yardstick, on a part of the text"
            yield "self-normalised", f"{whole}: it pays in scoring only, and nce and infrequent-normalisation do, too"
    elif case.purpose != "vectors":
        yield (
            "hierarchical-softmax",
            "for so few words its speed buys little, and it is the worst of all there but NCE: "
            f"{QUALITY['hierarchical-softmax'].against_softmax()} (Chen 2015)",
        )
    if case.purpose != "vectors":
        yield "negative-sampling", "it learns vectors, not likelihoods: its own scores are no model of text"
    if case.size != "large" and case.purpose != "vectors":
        yield "nce", f"the worst for vocabularies of such a size: {QUALITY['nce'].against_softmax()} (Chen 2015)"
    yield (
        "importance-sampling",
        "the figure above is that of an untrained model: as it gets sharper than the unigrams, more and more examples "
        "want further draws or the exact loss; sampled-softmax needs no such guard",
    )
    if cost["char-lstm"].gain < MUCH_CHEAPER * case.gain and not case.memory_bytes:
        yield "char-lstm", f"{case.faster('char-lstm')}, and {QUALITY['char-lstm'].quality}"
    if cost["two-level"].step_seconds > cost["hierarchical-softmax"].step_seconds * MUCH_CHEAPER:
        slower = cost["two-level"].step_seconds / cost["hierarchical-softmax"].step_seconds
        yield (
            "two-level",
            f"a binary tree's step is {_times(slower)} cheaper, and can have classes by meaning at its top",
        )


def _notes(case: _Case) -> Iterator[str]:
    yield (
        "Counts say what a method costs, not how well it predicts: `vastmax compare CORPUS` trains them all on your "
        "text and measures perplexity."
    )
    yield (
        "These are the costs of the output layer alone. An encoder takes its time with every method alike, so a whole "
        "model gains less than the factors above."
    )
    yield (
        "Seconds are of a CPU. GPUs help large products, and so the softmax and the adaptive softmax, more than "
        "anything that reaches for single rows."
    )
    if not case.spelled:
        yield (
            "The words themselves were not given: for the two methods that spell them, "
            f"{ASSUMED_LETTERS:g} letters a word were assumed."
        )


def _times(factor: float) -> str:
    return f"{factor:,.0f} times" if factor >= 9.95 else f"{factor:.1f} times"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
