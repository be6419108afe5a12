"""The report as a file: it holds what the race found, asks for nothing, and no name breaks it."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from race_examples import HOSTILE, finished, full_race, race
from vastmax.compare.report import report_from, write_report
from vastmax.compare.report.page import page
from vastmax.compare.results import MethodResult, Point, Race
from vastmax.errors import InputError
from vastmax.files.record import sealed
from vastmax.methods import RECIPES

VOID = {"meta", "link", "input", "br"}


class Outline(HTMLParser):
    """Elements, attributes and text of a page; whether every element that is opened is closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["script"]:
            self.scripts.append(data)
        elif self.open[-1:] != ["style"]:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    @property
    def data(self) -> dict[str, Any]:
        given: dict[str, Any] = json.loads(self.scripts[0])
        return given


def rows(whole: str, caption: str) -> list[list[str]]:
    """The text of the cells of a table."""
    (table,) = (
        found for found in re.findall(r"<table.*?</table>", whole, re.S) if f"<caption>{caption}</caption>" in found
    )
    return [
        [Outline(cell).text for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.S)]
        for row in re.findall(r"<tr.*?</tr>", table, re.S)
    ]


def test_the_page_says_what_to_take_and_holds_every_part() -> None:
    outline = Outline(page(full_race()))
    for part in (
        "Recommended: hierarchical-softmax",
        "It reached perplexity 180 in 1 min 00 s of training, the plain softmax to 320 in the same time.",
        "Before you trust this",
        "If one thing matters most",
        "How fast each one learns",
        "What the speed costs",
        "Rare words against frequent ones",
        "What the literature says, and what was found",
        "Everything measured",
        "The top of the tree",
        "What failed, and why",
        "RuntimeError: <b>no memory</b> & no hope",
        "Learning rates that were tried",
    ):
        assert part in outline.text
    assert outline.elements.count("h1") == 1


def test_it_asks_the_network_for_nothing() -> None:
    whole = page(full_race())
    outline = Outline(whole)
    asking = {"src", "href", "srcset", "action", "poster", "data"}
    assert [value for _, name, value in outline.attributes if name in asking] == ["data:,"]
    assert "@import" not in whole
    assert set(re.findall(r"url\((.)", whole)) == {"#"}  # parts of the page itself
    assert set(re.findall(r"https?://[^\"' ]+", whole)) == {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert ("meta", "http-equiv", "Content-Security-Policy") in outline.attributes


def test_charts_get_the_figures_of_the_race() -> None:
    data = Outline(page(full_race())).data
    assert [method["name"] for method in data["methods"]] == [
        "hierarchical-softmax", "two-level", "sampled-softmax", "adaptive", "importance-sampling", "nce", "softmax",
        "char-lstm",
    ]  # fmt: skip
    tree = data["methods"][0]
    assert tree["chosen"]
    assert tree["speed"] == pytest.approx(35.0)
    assert tree["points"][-1] == pytest.approx([60.0, 66.0, 4_200_000, 180.0])
    assert [band["name"] for band in data["bands"]] == ["1–100", "101–1,000", "from 1,001"]
    assert [band["share"] for band in data["bands"]] == ["60 %", "30 %", "10 %"]
    assert [band["ratio"] for band in tree["bands"]] == pytest.approx([180 / 320] * 3)
    assert data["unigrams"] == pytest.approx(700)


def test_the_literature_stands_beside_what_was_measured() -> None:
    found = rows(page(full_race()), "What the literature says, and what was measured here")
    by_name = {row[0].split()[0]: row[1:] for row in found[2:]}
    assert by_name["hierarchical-softmax"] == [
        "yes", "25×", "50–100× as quoted by Ruder 2016", "35.0×", "yes", "4.00×", "with search", "very poor",
        "very good", "180", "100 %", "100 %",
    ]  # fmt: skip
    assert by_name["softmax"] == [
        "–",
        "1×",
        "–",
        "1×",
        "–",
        "1×",
        "–",
        "very good",
        "very poor",
        "320",
        "100 %",
        "100 %",
    ]
    assert by_name["cnn-softmax"][9] == "failed"
    assert by_name["adaptive"][-1] == "30 %"


def test_every_figure_is_in_the_table() -> None:
    head, *body = rows(page(full_race()), "Every figure")
    by_name = {row[0].split()[0]: dict(zip(head[1:], row[1:], strict=False)) for row in body}
    assert list(by_name)[:2] == ["hierarchical-softmax", "two-level"]
    assert by_name["nce"] == {
        "perplexity": "260",
        "bits/char": "1.60",
        "raw perplexity": "221",
        "training words/s": "21,000",
        "× softmax": "10.5×",
        "words read": "1.26 million",
        "training time": "1 min 00 s",
        "processor time": "1 min 06 s",
        "evaluation words/s": "10,000",
        "parameters": "2 million",
        "of the output": "1 million",
        "peak memory": "300 MB",
        "mean |log Z|": "0.20",
        "effective samples": "–",
        "parameters a step": "–",
    }
    assert by_name["importance-sampling"]["effective samples"] == "33.0"
    assert by_name["char-lstm"]["perplexity"] == "4 million *"
    assert "* A bound only" in page(full_race())
    assert by_name["differentiated"] == {"perplexity": "waiting"}


def test_times_to_round_perplexities() -> None:
    methods = finished("softmax", 320), finished("two-level", 200)
    head, *body = rows(page(race(*methods)), "Training time to a perplexity")
    goals = [float(goal) for goal in head[1:]]
    assert goals == sorted(goals, reverse=True)
    assert 200 <= goals[-1] < goals[0] <= 700
    times = {row[0].split()[0]: row[1:] for row in body}
    assert times["softmax"][-1] == "–"
    assert times["two-level"].count("–") == 0


@pytest.mark.parametrize("word", HOSTILE)
def test_no_word_breaks_the_page(word: str) -> None:
    facts = {"sources": [word], word or "empty": word}
    hostile = replace(
        full_race(["plain", word]),
        text={**full_race().text, **facts},
        settings={"name": word, word or "empty": {word: [word]}},
        machine={"processor": word},
    )
    hostile = replace(
        hostile, methods=(*hostile.methods, finished(word or "none", 500), MethodResult("nce2", "failed", error=word))
    )
    plain = replace(
        full_race(["plain", "word"]),
        text={**full_race().text, "empty": "x"},
        settings={"name": "x", "empty": {"x": ["x"]}},
        machine={"processor": "x"},
    )
    plain = replace(plain, methods=(*plain.methods, finished("none", 500), MethodResult("nce2", "failed", error="x")))
    assert Outline(page(hostile)).elements == Outline(page(plain)).elements


@pytest.mark.parametrize(
    "methods",
    [
        (),
        (MethodResult("nce"),),
        (MethodResult("nce", "failed", error=None),),
        (MethodResult("nce", "failed", error="x"), MethodResult("softmax", "failed", error="x")),
        (MethodResult("nce", "running", curve=(Point(0.0, 0.0, 0, 9.0), Point(1.0, 1.0, 10, math.nan))),),
        (MethodResult("nce", "finished"),),
        (MethodResult("nce", "finished", nats=math.inf, bits_per_character=math.nan, peak_bytes=None),),
        (finished("nce", 200),),
        (finished("nce", 200), MethodResult("softmax", "finished", nats=math.nan)),
        (finished("nce", 1e300), finished("softmax", 1.0)),
        (finished("nce", 200, bands=()), finished("softmax", 300, curve=())),
        (finished("nce", 200, training_seconds=0.0),),
    ],
)
def test_races_that_lack_figures_have_a_page(methods: tuple[MethodResult, ...]) -> None:
    for of in (race(*methods), Race({}, {}, {}, methods)):
        assert Outline(page(of)).elements.count("h1") == 1


def test_every_recipe_of_the_library_can_be_in_a_race() -> None:
    whole = page(race(*(finished(name, 200 + place) for place, name in enumerate(RECIPES))))
    assert len(rows(whole, "Every figure")) == 1 + len(RECIPES)


def test_a_report_is_made_again_from_its_figures(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps(sealed(full_race().to_json())))
    assert report_from(tmp_path) == full_race()
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page(full_race())


def test_figures_that_are_missing_or_damaged_are_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no race \(report\.json is missing\); give the folder"):
        report_from(tmp_path)
    path = tmp_path / "report.json"
    for damaged in ("{", "[]", '{"format": 1}', '{"format": 1, "methods": [{}]}', "\x00"):
        path.write_text(damaged)
        with pytest.raises(InputError, match=r"report\.json is damaged.*; run the comparison again") as raised:
            report_from(tmp_path)
        assert "\n" not in str(raised.value)
    path.write_text('{"format": 0}')
    with pytest.raises(InputError, match="format 0; expected 2"):
        report_from(tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(InputError, match="cannot read"):
        report_from(tmp_path)


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        write_report(race(finished("nce", 200)), tmp_path / "nowhere")
