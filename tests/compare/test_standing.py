"""What is shown while a race goes on: the method under way, and how long all that is to come will take."""

from __future__ import annotations

from typing import Any

from vastmax.compare.standing import Standing


class Seen:
    """A progress that remembers."""

    def __init__(self) -> None:
        self.begun: list[tuple[Any, ...]] = []
        self.left: list[str | None] = []
        self.done: list[float] = []
        self.ended = 0

    def begin(self, phase: str, total: float | None, unit: str, done: float = 0.0) -> None:
        self.begun.append((phase, total, unit, done))

    def update(self, done: float, **readings: float | str) -> None:
        self.done.append(done)
        left = readings.get("race")
        self.left.append(None if left is None else str(left))

    def end(self) -> None:
        self.ended += 1


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def standing(**given: Any) -> tuple[Standing, Seen, Clock]:
    seen, clock = Seen(), Clock()
    return (
        Standing(3, **{"method_words": None, "method_seconds": None, **given}, progress=seen, clock=clock),
        seen,
        clock,
    )


def test_a_budget_of_time_tells_what_is_left_from_the_start() -> None:
    race, seen, clock = standing(method_seconds=60.0)
    race.begin(0, "softmax", 2)
    race.update(0.0, {})
    race.update(0.5, {})
    assert seen.begun == [("softmax (1 of 3)", 60.0, "s of training", 0.0)]
    assert seen.done == [0.0, 30.0]
    assert seen.left == ["3 min 00 s left", "2 min 30 s left"]
    clock.now = 80.0  # it took 20 s longer, to measure: so will the others
    race.end({"perplexity": "12"})
    assert (seen.done[-1], seen.left[-1]) == (30.0, None)  # nothing is left to wait for
    race.begin(1, "nce", 1)
    race.update(0.5, {})
    assert seen.left[-1] == "1 min 50 s left"
    race.end({})
    assert seen.ended == 2


def test_a_budget_of_words_is_judged_by_the_speed_so_far() -> None:
    race, seen, clock = standing(method_words=1_000.0)
    race.begin(0, "softmax", 1)
    race.update(0.0, {})
    clock.now = 10.0
    race.update(0.25, {"loss": 5.0})
    assert seen.begun == [("softmax (1 of 3)", 1_000.0, "words", 0.0)]
    assert seen.left == [None, "1 min 10 s left"]  # 30 s, and the 40 s of the one to come
    race.update(1.0, {})
    assert seen.done[-1] == 1_000.0


def test_the_rest_of_a_resumed_method_says_nothing_of_the_others() -> None:
    race, seen, clock = standing(method_seconds=60.0)
    race.begin(1, "nce", 1)
    race.update(0.9, {})
    assert seen.begun[0] == ("nce (2 of 3)", 60.0, "s of training", 54.0)
    clock.now = 6.0
    race.end({})
    race.begin(2, "adaptive", 0)
    race.update(0.0, {})
    assert seen.left[-1] == "1 min 00 s left"


def test_a_method_that_never_moved_shows_nothing() -> None:
    race, seen, _ = standing(method_seconds=60.0)
    race.begin(0, "softmax", 2)
    race.end({})
    assert (seen.begun, seen.ended) == ([], 0)
