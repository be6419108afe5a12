"""The rules by which a race becomes a recommendation: each on a race made for it, beside one where it stays silent."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from race_examples import SECONDS, UNIGRAM_NATS, finished, full_race, race
from vastmax.compare.report.recommendation import Recommendation, recommend
from vastmax.compare.results import Band, MethodResult, Point, Race


def choice(of: Race, purpose: str) -> str | None:
    (found,) = (choice for choice in recommend(of).alternatives if purpose in choice.purpose)
    return found.method


def warns(of: Race, words: str) -> bool:
    return any(words in warning for warning in recommend(of).warnings)


def test_the_lowest_perplexity_wins_and_the_reasons_say_by_how_much() -> None:
    found = recommend(race(finished("softmax", 300, words_per_second=1_000), finished("nce", 200)))
    assert found.method == "nce"
    assert found.headline == "Recommended: nce"
    assert (
        found.text == "It reached perplexity 200 in 1 min 00 s of training, the plain softmax to 300 in the same time."
    )
    assert found.reasons[0] == "It was the best in equal time: perplexity 200; the next best is softmax with 300."
    assert found.reasons[1] == "It read 10,000 words/s in training, 10.0× the softmax's."
    # From 200·e^0.8 after 12 s to 200·e^0.1 after 30 s: at 300 after 22.1 s, which the softmax needed a minute for.
    assert found.reasons[2].startswith("The perplexity that the softmax ended with (300) it reached after 22 s, 2.7")
    assert found.warnings == ()


def test_of_tied_methods_the_simpler_wins() -> None:
    near, far = finished("sampled-softmax", 200), finished("nce", 300)
    assert recommend(race(near, finished("two-level", 203), far)).method == "two-level"
    assert "sampled-softmax (200) is within 2 %" in recommend(race(near, finished("two-level", 203), far)).reasons[0]
    assert recommend(race(near, finished("two-level", 205), far)).method == "sampled-softmax"


def test_with_few_validation_words_larger_differences_are_ties() -> None:
    methods = finished("sampled-softmax", 200), finished("two-level", 210)
    assert recommend(race(*methods)).method == "sampled-softmax"
    assert recommend(race(*methods, text={"validation_words": 1_000})).method == "two-level"  # ± 6.5 %


def test_methods_are_compared_after_the_time_that_all_had() -> None:
    slow = finished("softmax", 150, training_seconds=10 * SECONDS)  # after one tenth of its time still near its start
    quick = finished("two-level", 200)
    found = recommend(race(slow, quick))
    assert found.method == "two-level"
    assert choice(race(slow, quick), "in the end") == "softmax"
    assert not any("in the end" in other.purpose for other in recommend(race(finished("nce", 9), quick)).alternatives)


def test_with_a_small_vocabulary_the_softmax_wins_unless_far_behind() -> None:
    methods = finished("softmax", 215), finished("two-level", 200)
    small = {"vocabulary_size": 4_999}
    assert recommend(race(*methods)).method == "two-level"
    found = recommend(race(*methods, text=small))
    assert found.method == "softmax"
    assert (
        "With 4,999 words the softmax is cheap, and two-level, the best of the others, is only 7.5 % better"
        in found.reasons[0]
    )
    assert recommend(race(finished("softmax", 225), methods[1], text=small)).method == "two-level"


@pytest.mark.parametrize(("drift", "expected"), [(0.2, "nce"), (0.9, "two-level"), (None, "two-level")])
def test_a_raw_score_is_a_probability_only_while_log_z_stays_near_0(drift: float | None, expected: str) -> None:
    diagnostics = {} if drift is None else {"log_normaliser_mean_abs": drift}
    methods = (
        finished("nce", 150, diagnostics=diagnostics),
        finished("two-level", 200),
        finished("sampled-softmax", 100),
    )
    assert choice(race(*methods), "given words") == expected


def test_a_tree_is_cheap_to_score_with_only_if_it_was_measured_to_be() -> None:
    softmax = finished("softmax", 300, evaluation_seconds=10.0)
    quick, slow = (
        finished("two-level", 200, evaluation_seconds=5.0),
        finished("two-level", 200, evaluation_seconds=11.0),
    )
    assert choice(race(softmax, quick), "given words") == "two-level"
    assert choice(race(softmax, slow), "given words") is None


def test_the_best_word_is_found_cheaply_by_layers_that_can_be_searched() -> None:
    methods = finished("nce", 100), finished("sampled-softmax", 90), finished("adaptive", 150)
    assert choice(race(*methods), "most probable word") == "adaptive"
    assert choice(race(*methods[:2]), "most probable word") is None


def test_the_smallest_is_the_best_of_the_smallest_and_must_have_learned() -> None:
    small = finished("cnn-softmax", 250, parameters=1_000_000)
    alike = finished("char-lstm", 230, parameters=1_040_000)
    useless = finished("differentiated", 800, parameters=900_000)  # the unigrams are at 700
    assert choice(race(small, alike, useless, finished("nce", 100)), "fewest parameters") == "char-lstm"
    assert choice(race(small, replace(alike, parameters=1_100_000), useless), "fewest parameters") == "cnn-softmax"


def test_what_the_choice_costs_is_said() -> None:
    softmax = finished("softmax", 300)
    worse = (Band(0, 60_000, 3.0), Band(1_000, 10_000, softmax.bands[2].nats + math.log(1.5)))
    found = recommend(race(softmax, finished("adaptive", 200, bands=worse, parameters=500_000)))
    assert "It has 25 % of the softmax's parameters." in found.reasons
    assert "Rare words are worse: on those of ranks from 1,001 its perplexity is 1.50× the softmax's." in found.reasons
    assert any("searching its tree" in reason for reason in found.reasons)
    alike = recommend(race(softmax, finished("sampled-softmax", 200, bands=softmax.bands)))
    assert not any("Rare words" in reason or "parameters" in reason for reason in alike.reasons)
    assert "It is cheaper in training only; at test time it costs as much as the softmax." in alike.reasons


def test_a_band_of_a_few_words_is_no_evidence() -> None:
    softmax = finished("softmax", 300, bands=(Band(0, 60_000, 3.0), Band(1_000, 100, 5.0)))
    found = recommend(race(softmax, finished("adaptive", 200, bands=(Band(0, 60_000, 3.0), Band(1_000, 100, 9.0)))))
    assert not any("Rare words" in reason for reason in found.reasons)


def test_what_does_not_sum_to_1_takes_no_part() -> None:
    found = race(finished("softmax", 300), replace(finished("char-lstm", 20), normalised=False))
    assert recommend(found).method == "softmax"
    assert warns(found, "char-lstm do not sum to 1")
    assert not warns(race(finished("softmax", 300)), "sum to 1")


def test_failed_waiting_and_infinite_methods_take_no_part_and_are_named() -> None:
    infinite = replace(finished("nce", 100), nats=math.inf)
    found = race(
        finished("softmax", 300), infinite, MethodResult("two-level", "failed", error="x"), MethodResult("adaptive")
    )
    assert recommend(found).method == "softmax"
    assert warns(found, "No perplexity that is a number came of nce")
    assert warns(found, "two-level failed")
    assert warns(found, "1 of 4 methods are still to come (adaptive)")


def test_curves_that_still_fall_are_named() -> None:
    nats = math.log(200)

    def falling_by(last_fifth: float) -> Race:
        points = ((0.0, 8.0), (48.0, nats + last_fifth), (60.0, nats))
        curve = tuple(Point(seconds, seconds, int(100 * seconds), level) for seconds, level in points)
        return race(finished("softmax", 300), finished("nce", 200, curve=curve))

    assert warns(
        falling_by(0.06), "too short to tell: in the last fifth of its training time perplexity still fell by more"
    )
    assert warns(falling_by(0.06), "nce (by 5.8 %)")
    assert not warns(falling_by(0.04), "too short")


def test_methods_behind_the_unigrams_are_named() -> None:
    assert warns(race(finished("softmax", 705), finished("nce", 300)), "(perplexity 700) than softmax did")
    assert not warns(race(finished("softmax", 695), finished("nce", 300)), "frequencies")
    assert not warns(race(finished("softmax", 705), text={"unigram_perplexity": None}), "frequencies")
    assert math.exp(UNIGRAM_NATS) == pytest.approx(700)


def test_a_validation_text_is_called_small_by_the_standard_error() -> None:
    # 2.5 / √n nats: 2 % of a perplexity at about 15,900 words.
    assert warns(race(finished("softmax", 300), text={"validation_words": 15_000}), "(15,000 words)")
    assert not warns(race(finished("softmax", 300), text={"validation_words": 17_000}), "is small")


def test_many_unknown_words_are_told() -> None:
    assert warns(
        race(finished("softmax", 300), text={"unknown_share": 0.11}), "11 % of the validation words are unknown"
    )
    assert not warns(race(finished("softmax", 300), text={"unknown_share": 0.09}), "unknown")


@pytest.mark.parametrize(
    ("methods", "text"),
    [
        ((), "The race had no methods."),
        ((MethodResult("nce"),), "No method has finished yet."),
        (
            (MethodResult("nce", "failed", error="x"),),
            "Every method failed, so there is nothing to recommend; see below why.",
        ),
        ((MethodResult("nce", "finished"),), "No method that finished has a perplexity that can be compared."),
    ],
)
def test_a_race_without_a_winner(methods: tuple[MethodResult, ...], text: str) -> None:
    found = recommend(race(*methods))
    assert (found.method, found.headline, found.text, found.alternatives) == (None, "No recommendation", text, ())


def test_one_method_alone_and_figures_that_are_missing() -> None:
    found = recommend(race(finished("nce", 200)))
    assert found.method == "nce"
    assert found.reasons[0] == "No other method finished, so there is no comparison."
    bare = Race({}, {}, {}, (MethodResult("nce", "finished", nats=5.0), MethodResult("softmax", "finished", nats=6.0)))
    assert recommend(bare).method == "nce"


def test_a_name_of_ones_own_is_recommended_like_any_other() -> None:
    assert recommend(race(finished("softmax", 300), finished("my-own", 100))).method == "my-own"


def test_the_full_race() -> None:
    found: Recommendation = recommend(full_race())
    assert found.method == "hierarchical-softmax"
    assert {choice.purpose.split()[-1]: choice.method for choice in found.alternatives} == {
        "time": "hierarchical-softmax",
        "words": "hierarchical-softmax",
        "word": "hierarchical-softmax",
        "parameters": "adaptive",
    }
