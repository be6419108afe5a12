"""Every page and picture with every string hostile: none of them makes an element, an attribute, or a broken file."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from race_examples import full_race
from vastmax import WordVectors, tree
from vastmax.compare.report.page import page as report_page
from vastmax.embedding import draw_map
from vastmax.html_page import Markup, escaped, joined, markup

PLAIN = "plain"

HOSTILE = {
    "script": "<script>alert(1)</script>",
    "attribute": '"><img src=x onerror=alert(1)>',
    "single-quote": "'><svg/onload=alert(1)>",
    "end-of-script": "</script><script>alert(1)</script>",
    "end-of-style": "</style></title></textarea><b>",
    "comment": "<!--<script>",
    "section": "]]><b>",
    "entity": "&lt;b&gt; &#60;b&#62;",
    "mark": "<!-- fill in: program -->",
    "braces": "{name} {0} {{}} ${1} %s",
    "separator": "a\u2028b\u2029c",
    "nul": "a\x00b\x1b[31m\x07",
    "right-to-left": "\u202egnorw\u2066\u200f",
    "half": "\ud83d",
    "no-letter": "\ufffe\uffff",
    "long": "<" * 10_000,
}


class Outline(HTMLParser):
    """The elements of a page with the names of their attributes, in order, and the scripts."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, ...]] = []
        self.contents: dict[str, list[str]] = {"script": [], "style": []}
        self._within = ""
        self.policy = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, *sorted(name for name, _ in attrs)))
        self._within = tag
        given = dict(attrs)
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""

    def handle_endtag(self, tag: str) -> None:
        self._within = ""

    def handle_data(self, data: str) -> None:
        if self._within in self.contents:
            self.contents[self._within].append(data)


def with_strings(value: Any, change: Callable[[str], str]) -> Any:
    """The same data with every string changed, names of objects too, but for the names of fields."""
    if isinstance(value, str):
        return change(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return dataclasses.replace(value, **{name: _inner(name, each, change) for name, each in fields.items()})
    return _inner("", value, change)


def _inner(name: str, value: Any, change: Callable[[str], str]) -> Any:
    if name == "tree":
        return _tree(value, change)
    if isinstance(value, Mapping):
        names = [key if key in ("nats", *KNOWN_FACTS) else change(key) for key in value]
        return {f"{key}{i if key not in value else ''}": with_strings(each, change)
                for i, (key, each) in enumerate(zip(names, value.values(), strict=True))}  # fmt: skip
    if isinstance(value, list | tuple):
        return type(value)(with_strings(each, change) for each in value)
    return with_strings(value, change) if isinstance(value, str) or dataclasses.is_dataclass(value) else value


KNOWN_FACTS = ("sources", "unigram_perplexity", "training_words", "validation_words", "vocabulary_size")


def _tree(node: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    return {
        **node,
        "words": [change(word) for word in node["words"]],
        "children": [_tree(child, change) for child in node["children"]],
    }


def numbered(text: str) -> Callable[[str], str]:
    """Different strings stay different."""
    seen: dict[str, int] = {}
    return lambda before: text + str(seen.setdefault(before, len(seen)))


def with_one_status(text: str) -> Callable[[str], str]:
    """`numbered`, but a method that has finished, or failed, still has: what else would the page tell of it?"""
    change = numbered(text)
    return lambda before: before if before in ("finished", "failed") else change(before)


def check_policy(page: str) -> None:
    """The style and the program, and nothing else, may be obeyed; nothing may be asked of the network."""
    outline = Outline(page)
    allowed = re.findall(r"'sha256-([^']+)'", outline.policy)
    _, program = outline.contents["script"]  # the first is data
    assert allowed == [_hash(outline.contents["style"][0]), _hash(program)]
    assert outline.policy.startswith("default-src 'none'; ")
    assert "unsafe" not in outline.policy
    assert "connect-src" not in outline.policy
    assert "script-src 'sha256-" in outline.policy


def _hash(content: str) -> str:
    return base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_the_report(text: str) -> None:
    race = full_race()
    plain = Outline(report_page(with_strings(race, with_one_status(PLAIN))))
    page = report_page(with_strings(race, with_one_status(text)))
    outline = Outline(page)
    assert outline.elements == plain.elements
    assert json.loads(outline.contents["script"][0])["methods"][0]["name"].startswith(text)
    check_policy(page)
    page.encode("utf-8")


def test_a_status_that_is_markup() -> None:
    """The hole that was there: a status came into the table as it stood in report.json."""
    race = full_race()
    first = dataclasses.replace(race.methods[0], status='<img src=x onerror="alert(1)">')  # type: ignore[arg-type]
    page = report_page(dataclasses.replace(race, methods=(first, *race.methods[1:])))
    assert "<img" not in page
    assert "&lt;img src=x onerror=&quot;alert(1)&quot;&gt;" in page


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_the_map(text: str, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
    pages = []
    for each in (PLAIN, text):
        words = [f"{each}{i}" for i in range(6)]
        draw_map(WordVectors(words, rows), tmp_path / "map.html", title=each)
        pages.append((tmp_path / "map.html").read_bytes().decode())
    plain, outline = map(Outline, pages)
    assert outline.elements == plain.elements
    assert json.loads(outline.contents["script"][0])["words"] == [f"{text}{i}" for i in range(6)]
    check_policy(pages[1])


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_the_drawing_of_a_tree(text: str, tmp_path: Path) -> None:
    outlines = []
    for each in (PLAIN, text):
        labels = {f"{each}label": [f"{each}1", f"{each}2"], f"{each}other": {f"{each}below": [f"{each}3", f"{each}4"]}}
        drawn = tree.nested(labels).draw(tmp_path / "tree.svg", title=each)
        found = ElementTree.fromstring((tmp_path / "tree.svg").read_bytes())  # which refuses what is no XML
        outlines.append([(element.tag, sorted(element.attrib)) for element in found.iter()])
        assert Outline(drawn).elements[0][0] == "svg"
    assert outlines[0] == outlines[1]


def test_markup_is_made_by_templates_alone() -> None:
    bold = markup("<b>{text}</b>", text="<i>")
    assert bold == "<b>&lt;i&gt;</b>"
    assert joined([bold, "<i>"]) == bold + "&lt;i&gt;"
    assert escaped(bold) is bold
    for slip in (f"<p>{bold}</p>", bold + "<i>", "<p>" + bold, bold.upper(), "".join([bold])):
        assert not isinstance(slip, Markup) or slip is bold
        assert "<" not in escaped(f"{slip}") or isinstance(slip, Markup)


def test_no_page_goes_past_the_filler() -> None:
    """Neither html.escape by hand, nor `Markup` of an f-string with something from outside."""
    package = Path(__file__).resolve().parents[1] / "src" / "vastmax"
    by_hand = [
        path.name
        for path in package.rglob("*.py")
        if path.name != "html_page.py" and re.search(r"\bimport html\b|saxutils|html\.escape", path.read_text("utf-8"))
    ]
    assert by_hand == []
