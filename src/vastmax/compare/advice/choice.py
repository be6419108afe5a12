"""The choice of methods, by the rules of each method (`vastmax.methods`) and the expected costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vastmax.methods import RECIPES, Method
from vastmax.methods.case import SIZES, YARDSTICK, Case, MethodCost, Purpose, Size, describe_bytes
from vastmax.methods.words import ASSUMED_LETTERS

NUM_CHOSEN = 3


@dataclass(frozen=True)
class Reasoned:
    """A method, with the reason for or against it."""

    method: str
    why: str


@dataclass(frozen=True)
class Choice:
    """The advice.

    Attributes:
        size: "small", "medium" or "large": how much an approximation can save here.
        take: recommended methods, the best first.
        avoid: unsuitable methods; those that need too much memory come first.
        notes: advice for any method.
    """

    size: Size
    take: tuple[Reasoned, ...]
    avoid: tuple[Reasoned, ...]
    notes: tuple[str, ...]


def choose(costs: Sequence[MethodCost], purpose: Purpose, *, spelled: bool, memory_bytes: int | None = None) -> Choice:
    """Return the methods to use and to avoid.

    Args:
        costs: of all methods.
        purpose: "train" a language model; "score" given words fast; find the "best-word" fast; "vectors".
        spelled: whether words are known, not only their counts.
        memory_bytes: memory for the output layer in training; None for any amount.
    """
    case = Case(costs, purpose, spelled=spelled, memory_bytes=memory_bytes)
    methods = [RECIPES[name] for name in case.costs]
    wanted = [each for each in _ranked(methods, case) if case.pays(each.name) and not case.too_large(each.name)]
    if memory_bytes is not None and spelled:  # spelling replaces a table of vectors
        wanted += [
            each for each in methods if each.take.saves_memory and each not in wanted and not case.too_large(each.name)
        ]
    take = tuple(Reasoned(each.name, _for(case, each)) for each in wanted[:NUM_CHOSEN])
    taken = {reasoned.method for reasoned in take}
    avoid = tuple(reasoned for reasoned in _against(case, methods) if reasoned.method not in taken)
    return Choice(case.size, take, avoid, tuple(_notes(case)))


def _ranked(methods: Sequence[Method], case: Case) -> list[Method]:
    """Return the methods recommended for this purpose and size of vocabulary, the best first."""
    size = SIZES.index(case.size)
    places = {each.name: each.take.rank.get(case.purpose, (None, None, None))[size] for each in methods}
    ranked = [each for each in methods if places[each.name] is not None]
    return sorted(ranked, key=lambda each: places[each.name] or 0)


def _for(case: Case, method: Method) -> str:
    """Return cost, benefits, and published quality."""
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
                f"needs {describe_bytes(needed)} in training, but only {describe_bytes(allowed)} are available",
            )
    for method in methods:
        why = method.take.avoid(case)
        if why is not None and not case.too_large(method.name):
            yield Reasoned(method.name, why)


def _notes(case: Case) -> Iterator[str]:
    yield (
        "Counts determine what a method costs, not how well it predicts; `vastmax compare CORPUS` trains them on your "
        "text and measures perplexity."
    )
    yield (
        "These are costs of the output layer alone. The encoder takes the same time with every method, so models "
        "gain less than these factors."
    )
    yield (
        "Seconds are for a CPU. GPUs speed up large products, and so the softmax and adaptive softmax, more than "
        "methods that use single rows."
    )
    if not case.spelled:
        yield (
            "Words were not given, so for the two methods that spell them, "
            f"{ASSUMED_LETTERS:g} letters per word were assumed."
        )
