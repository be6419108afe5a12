from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from vastmax import tree
from vastmax.errors import InputError

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return [element.text for element in ET.fromstring(svg).iter(f"{SVG}text")]


def test_a_small_tree_is_drawn_whole() -> None:
    t = tree.nested({"sports": ["golf", "a < b & c"], "music": ["piano"]})
    drawn = texts(t.draw(title="Mine"))
    assert {"golf", "a < b & c", "piano", "sports", "music", "Mine"} == set(drawn)


def test_binary_branches_are_numbered() -> None:
    drawn = texts(tree.balanced(3).draw())
    assert sorted(drawn) == ["0", "0", "1", "1", "word 0", "word 1", "word 2"]


@pytest.mark.parametrize("kind", ["huffman", "classes", "wide"])
@pytest.mark.parametrize("max_rows", [2, 7, 40])
def test_the_top_of_a_large_tree_accounts_for_every_word(kind: str, max_rows: int) -> None:
    counts = 1e6 / np.arange(1, 5001)
    if kind == "wide":
        t = tree.nested([f"w{i}" for i in range(5000)])
    else:
        t = tree.huffman(counts) if kind == "huffman" else tree.frequency_classes(counts)
    rows = [text for text in texts(t.draw(counts=counts, max_rows=max_rows)) if text not in ("0", "1")]
    assert len(rows) <= max_rows + 1

    def words_of(row: str) -> int:
        number = re.search(r"([\d,]+)( more)? words", row)  # "12 words: …", "… and 3 more words", "… with 40 words"
        return int(number[1].replace(",", "")) if number else 1

    assert sum(map(words_of, rows)) == 5000


def test_heavy_words_are_unfolded_first() -> None:
    counts = [1000, *[1] * 500, 900]
    drawn = texts(tree.huffman(counts).draw(counts=counts, max_rows=3))
    assert {"word 0", "word 501"} < set(drawn)
    assert "500 words: word " in " ".join(drawn)


def test_lines_end_within_the_picture_and_rows_do_not_overlap() -> None:
    svg = ET.fromstring(tree.huffman(range(1, 100)).draw(max_rows=30))
    width, height = float(svg.get("width")), float(svg.get("height"))
    places = [(float(e.get("x")), float(e.get("y"))) for e in svg.iter(f"{SVG}text") if e.get("font-size") == "13"]
    assert all(0 < x < width and 0 < y < height for x, y in places)
    assert np.diff(sorted(y for _, y in places)).min() >= 20


def test_words_a_picture_cannot_hold() -> None:
    drawn = texts(tree.nested(["\x00\x1b", "long" * 100]).draw())
    assert set(drawn) - {"0", "1"} == {"��", ("long" * 9)[:35] + "…"}


def test_file_and_errors(tmp_path: Path) -> None:
    svg = tree.balanced(1).draw(tmp_path / "one.svg")
    assert (tmp_path / "one.svg").read_text(encoding="utf-8") == svg
    with pytest.raises(InputError, match="max_rows is 1"):
        tree.balanced(3).draw(max_rows=1)
    with pytest.raises(InputError, match="found 2 counts for 3 words"):
        tree.balanced(3).draw(counts=[1, 2])


def test_leaves_are_counted_where_words_have_several() -> None:
    t = tree.joined([tree.balanced(40), tree.random(40, 1)])
    svg = t.draw(max_rows=4, counts=1000 / np.arange(1, 41))
    assert re.search(r">\d+ leaves: word 0, ", svg)
    assert "words:" not in svg
