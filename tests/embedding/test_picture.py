"""The map: its geometry against numpy's covariance, names that never overlap, and the file it leaves."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from vastmax.embedding import WordVectors, picture
from vastmax.embedding.picture import draw_map, principal_components
from vastmax.errors import InputError


@pytest.fixture
def random_vectors() -> WordVectors:
    rows = np.random.default_rng(3).standard_normal((300, 20)).astype(np.float32)
    return WordVectors([f"word{i}" for i in range(300)], rows * np.linspace(3, 0.1, 20, dtype=np.float32))


def test_components_are_those_of_the_covariance(random_vectors: WordVectors) -> None:
    projection = principal_components(random_vectors.vectors, 3)
    rows = random_vectors.vectors.astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    values, directions = np.linalg.eigh(np.cov(rows.T))
    expected = (rows - rows.mean(axis=0)) @ directions[:, ::-1][:, :3]
    expected /= expected[:, 0].std()
    np.testing.assert_allclose(np.abs(projection.coordinates), np.abs(expected), atol=1e-9)
    np.testing.assert_allclose(projection.explained, values[::-1][:3] / values.sum(), rtol=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_the_same_vectors_give_the_same_side_of_the_mirror(seed: int) -> None:
    rows = np.random.default_rng(seed).standard_normal((30, 8)).astype(np.float32)
    coordinates = principal_components(rows, 2).coordinates
    farthest = np.abs(coordinates).argmax(axis=0)
    assert (coordinates[farthest, [0, 1]] > 0).all()


@pytest.mark.parametrize("shape", [(1, 5), (2, 1), (3, 2), (4, 4)])
def test_few_words_or_few_dimensions_leave_components_at_zero(shape: tuple[int, int]) -> None:
    projection = principal_components(np.eye(*shape, dtype=np.float32), 3)
    assert projection.coordinates.shape == (shape[0], 3)
    assert np.isfinite(projection.coordinates).all()
    assert np.isfinite(projection.explained).all()


def test_zero_and_equal_vectors_are_one_point() -> None:
    for rows in (np.zeros((4, 3), np.float32), np.ones((4, 3), np.float32)):
        assert np.abs(principal_components(rows, 2).coordinates).max() < 1e-6 or len(set(map(tuple, rows))) == 1


def test_names_do_not_overlap_and_stay_on_the_page(random_vectors: WordVectors, tmp_path: Path) -> None:
    projection = principal_components(random_vectors.vectors, 3)
    words = [f"{word}-and-more" for word in random_vectors]  # long enough to leave the page at its edges
    figure, names = picture._draw(words, projection, "title")
    axes = figure.axes[0]
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    boxes = [text.get_window_extent(renderer) for text in axes.texts]
    assert len(boxes) == len(names) > 50
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])
    assert all(axes.bbox.contains(*box.min) and axes.bbox.contains(*box.max) for box in boxes)
    assert names[0] == words[0]  # the most frequent word comes first


def test_the_map_is_a_png_beside_nothing_else(random_vectors: WordVectors, tmp_path: Path) -> None:
    path = tmp_path / "map.png"
    names = draw_map(random_vectors, path, num_words=40, skip=10)
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert list(tmp_path.iterdir()) == [path]
    assert set(names) <= {f"word{i}" for i in range(10, 50)}


def test_words_that_look_like_mathematics_are_words(tmp_path: Path) -> None:
    words = ["$x^2$", "$\\no-such{$", "\\alpha", "100%", "<b>"]
    assert draw_map(WordVectors(words, np.eye(5)), tmp_path / "map.png") != []


def test_one_word_makes_a_map(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert draw_map(WordVectors(["alone"], [[1.0, 2.0]]), tmp_path / "map.png") == ["alone"]


@pytest.mark.parametrize(("num_words", "skip"), [(0, 0), (10, 300), (-1, 0), (10, -1)])
def test_nothing_to_show_is_refused(random_vectors: WordVectors, tmp_path: Path, num_words: int, skip: int) -> None:
    with pytest.raises(InputError, match="300 words"):
        draw_map(random_vectors, tmp_path / "map.png", num_words=num_words, skip=skip)
    assert list(tmp_path.iterdir()) == []
