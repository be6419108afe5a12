"""What a race has found, and that it goes through JSON unchanged."""

from __future__ import annotations

import json
import math

import pytest

from vastmax.compare.results import Band, MethodResult, Point, Race
from vastmax.errors import InputError


def _race() -> Race:
    curve = (Point(0.0, 0.0, 0, math.log(100)), Point(10.0, 12.0, 500, math.log(25)))
    done = MethodResult(
        "nce",
        "finished",
        rates={"embedding_lr": 0.1},
        trials=({"embedding_lr": 0.1, "nats": None},),
        training_words=500,
        training_seconds=10.0,
        curve=curve,
        nats=math.log(25),
        bands=(Band(0, 3, 1.5),),
    )
    return Race({"vocabulary_size": 7}, {"epochs": 1}, {"cores": 2}, (done, MethodResult("softmax")), {"words": ["a"]})


def test_goes_through_json_unchanged() -> None:
    race = _race()
    assert Race.from_json(json.loads(json.dumps(race.to_json()))) == race


def test_another_format_is_refused() -> None:
    with pytest.raises(InputError, match="format 0; expected 2"):
        Race.from_json({**_race().to_json(), "format": 0})


def test_time_to_a_perplexity_lies_on_the_line_between_points() -> None:
    method = _race().methods[0]
    assert method.seconds_to(50) == pytest.approx(5.0)  # half way from 100 to 25, in nats
    assert method.seconds_to(200) == 0.0
    assert method.seconds_to(24) is None
    assert method.training_words_per_second == 50.0
    assert method.evaluation_words_per_second is None


@pytest.mark.parametrize(
    ("field", "value"),
    [("nats", "abc"), ("training_words", None), ("curve", [{"nats": 1}]), ("rates", 3), ("point", None)],
)
def test_fields_of_another_kind_are_refused(field: str, value: object) -> None:
    data = _race().to_json()
    method = data["methods"][0]
    if field == "point":
        method["curve"][0]["nats"] = None
    else:
        method[field] = value
    with pytest.raises(TypeError):
        Race.from_json(data)
    with pytest.raises(TypeError, match="text is 1"):
        Race.from_json({**_race().to_json(), "text": 1})
