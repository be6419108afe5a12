"""The map as a page: what the file holds, whatever the words are."""

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vastmax.embedding import WordVectors, draw_map
from vastmax.embedding.word_map import map_suffix
from vastmax.errors import InputError

HOSTILE = [
    "</script>",
    "<!--<script>",
    "<img/src=x/onerror=alert(1)>",
    "\"quoted\"&'so'",
    "&lt;",
    "<!-- fill in: style -->",
    "\\u003c",
    "\u2028",
    "\u202eright to left override",
    "\ud83d",  # half a surrogate pair, as errors="surrogatepass" may leave it
    "שלום",
    "مرحبا",
    "👩‍👩‍👧",
    "e\u0301\u0323",
    "\u200b",
    "",
    "line\nend",
    "W" * 5_000,
    "__proto__",
    "${1}",
]


class _Outline(HTMLParser):
    """The elements of a page in their order, and the text inside scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.scripts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1] == "script" and data.strip():
            self.scripts.append(data)


def data_of(page: str) -> dict[str, Any]:
    given: dict[str, Any] = json.loads(_Outline(page).scripts[0])
    return given


def write(tmp_path: Path, vectors: WordVectors, **options: Any) -> str:
    draw_map(vectors, tmp_path / "map.html", **options)
    return (tmp_path / "map.html").read_text(encoding="utf-8")


@pytest.fixture
def vectors() -> WordVectors:
    rows = np.random.default_rng(5).standard_normal((200, 12)).astype(np.float32)
    return WordVectors([f"word{i}" for i in range(200)], rows, counts=np.arange(1000, 800, -1))


def test_the_page_holds_words_counts_places_and_neighbours(vectors: WordVectors, tmp_path: Path) -> None:
    given = data_of(write(tmp_path, vectors, num_words=50, skip=20))
    assert given["words"] == vectors.index_to_key[20:70]
    assert given["counts"] == vectors.counts[20:70].tolist()  # type: ignore[index]
    assert given["skipped"] == 20
    x, y = (np.frombuffer(base64.b64decode(given[name]), "<f4") for name in "xy")
    assert len(x) == len(y) == 50
    assert max(np.abs(x).max(), np.abs(y).max()) == pytest.approx(1)
    near = np.frombuffer(base64.b64decode(given["neighbours"]), "<u4").reshape(50, 10)
    percent = np.frombuffer(base64.b64decode(given["percentCosines"]), "i1").reshape(50, 10)
    shown = WordVectors(vectors.index_to_key[20:70], vectors.vectors[20:70])
    found = shown.most_similar("word30")
    assert [given["words"][i] for i in near[10]] == [word for word, _ in found]
    assert percent[10] == pytest.approx([100 * cosine for _, cosine in found], abs=0.51)


def test_the_page_is_one_file_that_asks_for_nothing(vectors: WordVectors, tmp_path: Path) -> None:
    page = write(tmp_path, vectors)
    assert [path.name for path in tmp_path.iterdir()] == ["map.html"]
    outline = _Outline(page)
    assert re.findall(r"(?:https?:)?//[\w.]", re.sub(r"(?m)^\s*//.*| // .*", "", page)) == []
    assert not {"iframe", "object", "embed", "img", "base"} & set(outline.elements)
    assert {value for name, value in outline.attributes if name in ("src", "href")} == {"data:,"}
    assert ("content", "default-src 'none'") in {(n, (v or "").split(";")[0]) for n, v in outline.attributes}
    assert "<!-- fill in" not in page


def test_words_and_title_are_never_markup(vectors: WordVectors, tmp_path: Path) -> None:
    plain = _Outline(write(tmp_path, vectors)).elements
    rows = np.random.default_rng(0).standard_normal((len(HOSTILE), 4))
    page = write(tmp_path, WordVectors(HOSTILE, rows), title="</title><script>alert(1)</script> \udcff")
    outline = _Outline(page)
    assert outline.elements == plain
    assert data_of(page)["words"] == HOSTILE
    assert "<title>&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt; \ufffd</title>" in page
    assert data_of(page)["counts"] is None


@pytest.mark.parametrize(
    "rows", [[[1.0, 2.0]], [[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]] * 5, [[1.0], [-1.0], [2.0]], [[0.0, 0.0]] * 3]
)
def test_few_or_equal_words_make_a_page(rows: list[list[float]], tmp_path: Path) -> None:
    given = data_of(write(tmp_path, WordVectors([f"w{i}" for i in range(len(rows))], rows)))
    for name in "xy":
        assert np.isfinite(np.frombuffer(base64.b64decode(given[name]), "<f4")).all()
    assert given["neighboursEach"] == len(rows) - 1


@pytest.mark.parametrize("name", ["map.htm", "map", "map.svg", ".html/map"])
def test_another_suffix_is_refused_with_those_that_work(name: str) -> None:
    with pytest.raises(InputError, match=r"must end in \.html or \.png"):
        map_suffix(name)
    assert map_suffix("MAP.HTML") == ".html"


@pytest.mark.parametrize(("num_words", "skip"), [(0, 0), (10, 200), (-1, 0), (10, -1)])
@pytest.mark.parametrize("name", ["map.png", "map.html"])
def test_nothing_to_show_is_refused(vectors: WordVectors, tmp_path: Path, num_words: int, skip: int, name: str) -> None:
    with pytest.raises(InputError, match=r"(num_words|skip) is .*; expected a whole number"):
        draw_map(vectors, tmp_path / name, num_words=num_words, skip=skip)
    assert list(tmp_path.iterdir()) == []


def test_vectors_that_are_not_finite_are_refused(vectors: WordVectors, tmp_path: Path) -> None:
    rows = vectors.vectors.copy()
    rows[7, 3] = np.nan
    with pytest.raises(InputError, match=r"'word7' \(row 7\) holds a NaN"):
        draw_map(WordVectors(vectors.index_to_key, rows), tmp_path / "map.html", skip=5)
    with pytest.raises(InputError, match="method is 'umap'; expected 'pca' or 'tsne'"):
        draw_map(vectors, tmp_path / "map.html", method="umap")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
