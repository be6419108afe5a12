"""Which method to take, and why: the rules of each method (`vastmax.methods`) over the expected costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vastmax.methods import RECIPES, Method
from vastmax.methods.case import SIZES, YARDSTICK, Case, MethodCost, Purpose, Size, describe_bytes
from vastmax.methods.words import ASSUMED_LETTERS

NUM_CHOSEN = 3


@dataclass(frozen=True)
class Reasoned:
    """A method, and what speaks for or against it here."""

    method: str
    why: str


@dataclass(frozen=True)
class Choice:
    """The advice.

    Attributes:
        size: "small", "medium" or "large": how much an approximation can save here.
        take: the best first.
        avoid: what would be a mistake here: first what takes too much memory.
        notes: what holds whichever is taken.
    """

    size: Size
    take: tuple[Reasoned, ...]
    avoid: tuple[Reasoned, ...]
    notes: tuple[str, ...]


def choose(costs: Sequence[MethodCost], purpose: Purpose, *, spelled: bool, memory_bytes: int | None = None) -> Choice:
    """Return the methods to take and to avoid.

    Args:
        costs: of all methods.
        purpose: what for: "train" a language model whose likelihoods count; "score" given words fast afterwards; find
            the "best-word" fast afterwards; "vectors".
        spelled: whether words are known, not only their counts.
        memory_bytes: what the output layer may take in training; None for any amount.
    """
    case = Case(costs, purpose, spelled=spelled, memory_bytes=memory_bytes)
    methods = [RECIPES[name] for name in case.costs]
    wanted = [each for each in _ranked(methods, case) if case.pays(each.name) and not case.too_large(each.name)]
    if memory_bytes is not None and spelled:  # spelling takes the place of a table of vectors
        wanted += [
            each for each in methods if each.take.saves_memory and each not in wanted and not case.too_large(each.name)
        ]
    take = tuple(Reasoned(each.name, _for(case, each)) for each in wanted[:NUM_CHOSEN])
    taken = {reasoned.method for reasoned in take}
    avoid = tuple(reasoned for reasoned in _against(case, methods) if reasoned.method not in taken)
    return Choice(case.size, take, avoid, tuple(_notes(case)))


def _ranked(methods: Sequence[Method], case: Case) -> list[Method]:
    """The methods recommended for this purpose and size of vocabulary, the best first."""
    size = SIZES.index(case.size)
    places = {each.name: each.take.rank.get(case.purpose, (None, None, None))[size] for each in methods}
    ranked = [each for each in methods if places[each.name] is not None]
    return sorted(ranked, key=lambda each: places[each.name] or 0)


def _for(case: Case, method: Method) -> str:
    """Cost first, then what it gives, then what it is known to cost in quality."""
    parts = [method.why(case)]
    if case.purpose != "vectors" and method.name != YARDSTICK:
        published = method.published.against_softmax()
        if published is not None:
            parts.append(f"Published perplexities at V = 10k / 100k / 800k: {published} (Chen 2015)")
        elif method.published.quality:
            parts.append(f"Published: {method.published.quality}")
    return ". ".join(parts) + "."


def _against(case: Case, methods: Sequence[Method]) -> Iterator[Reasoned]:
    for method in methods:
        if case.too_large(method.name):
            needed, allowed = case.costs[method.name].training_bytes, case.memory_bytes or 0
            yield Reasoned(
                method.name,
                f"takes {describe_bytes(needed)} in training, of {describe_bytes(allowed)} that are allowed",
            )
    for method in methods:
        why = method.take.avoid(case)
        if why is not None and not case.too_large(method.name):
            yield Reasoned(method.name, why)


def _notes(case: Case) -> Iterator[str]:
    yield (
        "Counts say what a method costs, not how well it predicts: `vastmax compare CORPUS` trains them all on your "
        "text and measures perplexity."
    )
    yield (
        "These are the costs of the output layer alone. An encoder takes its time with every method alike, so a whole "
        "model gains less than the factors above."
    )
    yield (
        "Seconds are for a CPU. GPUs help large products, and so the softmax and the adaptive softmax, more than "
        "anything that reaches for single rows."
    )
    if not case.spelled:
        yield (
            "The words themselves were not given: for the two methods that spell them, "
            f"{ASSUMED_LETTERS:g} letters per word were assumed."
        )
