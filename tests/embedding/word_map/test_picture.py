"""The map as a PNG: names that never overlap, and the file it leaves."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from vastmax.embedding import WordVectors, draw_map
from vastmax.embedding.word_map import picture
from vastmax.embedding.word_map.layout import lay_out
from vastmax.progress import Silent


@pytest.fixture
def random_vectors() -> WordVectors:
    rows = np.random.default_rng(3).standard_normal((300, 20)).astype(np.float32)
    return WordVectors([f"word{i}" for i in range(300)], rows * np.linspace(3, 0.1, 20, dtype=np.float32))


def test_names_do_not_overlap_and_stay_on_the_page(random_vectors: WordVectors) -> None:
    layout = lay_out(random_vectors, "pca", seed=1, progress=Silent())
    words = [f"{word}-and-more" for word in random_vectors]  # long enough to leave the page at its edges
    figure, names = picture.draw(words, layout, "title")
    axes = figure.axes[0]
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    boxes = [text.get_window_extent(renderer) for text in axes.texts]
    assert len(boxes) == len(names) > 50
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])
    assert all(axes.bbox.contains(*box.min) and axes.bbox.contains(*box.max) for box in boxes)
    assert names[0] == words[0]  # the most frequent word comes first


def test_a_name_stands_beside_its_dot(random_vectors: WordVectors) -> None:
    layout = lay_out(random_vectors, "pca", seed=1, progress=Silent())
    words = random_vectors.index_to_key
    figure, names = picture.draw(words, layout, "title")
    axes = figure.axes[0]
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    dots = axes.transData.transform(layout.places)
    per_point = picture.DOTS_PER_INCH / 72
    for text, name in zip(axes.texts, names, strict=True):
        box = text.get_window_extent(renderer)
        x, y = dots[words.index(name)]
        away = np.hypot(max(box.x0 - x, 0, x - box.x1), max(box.y0 - y, 0, y - box.y1))
        assert away < (picture._GAP + 1.5) * per_point, name


def test_the_map_is_a_png_beside_nothing_else(random_vectors: WordVectors, tmp_path: Path) -> None:
    path = tmp_path / "map.png"
    shown = draw_map(random_vectors, path, num_words=40, skip=10)
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert list(tmp_path.iterdir()) == [path]
    assert shown == [f"word{i}" for i in range(10, 50)]


def test_words_that_look_like_mathematics_are_words(random_vectors: WordVectors) -> None:
    words = ["$x^2$", "$\\no-such{$", "\\alpha", "100%", "<b>"]
    layout = lay_out(WordVectors(words, np.eye(5)), "pca", seed=1, progress=Silent())
    assert picture.draw(words, layout, "$title$")[1] == words


def test_letters_that_the_font_lacks_are_no_error(tmp_path: Path) -> None:
    words = ["語", "שלום", "हिन्दी", "\U0001f680", "", " ", "line\nend", "e" * 500]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw_map(WordVectors(words, np.eye(8)), tmp_path / "map.png")


@pytest.mark.parametrize("rows", [[[1.0, 2.0]], [[1.0], [-1.0]], [[1.0, 1.0]] * 5, [[0.0, 0.0]] * 2])
def test_few_or_equal_words_make_a_map(rows: list[list[float]], tmp_path: Path) -> None:
    words = [f"word{i}" for i in range(len(rows))]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert draw_map(WordVectors(words, rows), tmp_path / "map.png") == words
