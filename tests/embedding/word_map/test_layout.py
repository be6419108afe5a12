"""Where words lie: principal components against numpy's covariance, t-SNE by what it promises, and odd shapes."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from vastmax.embedding import WordVectors
from vastmax.embedding.word_map import draw_map
from vastmax.embedding.word_map.layout import lay_out, principal_components
from vastmax.errors import InputError
from vastmax.progress import Silent

needs_sklearn = pytest.mark.skipif(
    find_spec("sklearn") is None, reason="t-SNE is the extra `tsne`: no scikit-learn here"
)


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def rows() -> np.ndarray:
    return unit(np.random.default_rng(3).standard_normal((300, 20)) * np.linspace(3, 0.1, 20))


def test_components_are_those_of_the_covariance(rows: np.ndarray) -> None:
    projection = principal_components(rows, 3)
    values, directions = np.linalg.eigh(np.cov(rows.T))
    expected = (rows - rows.mean(axis=0)) @ directions[:, ::-1][:, :3]
    expected /= expected[:, 0].std()
    np.testing.assert_allclose(np.abs(projection.coordinates), np.abs(expected), atol=1e-9)
    np.testing.assert_allclose(projection.explained, values[::-1][:3] / values.sum(), rtol=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_the_same_vectors_give_the_same_side_of_the_mirror(seed: int) -> None:
    coordinates = principal_components(np.random.default_rng(seed).standard_normal((30, 8)), 2).coordinates
    farthest = np.abs(coordinates).argmax(axis=0)
    assert (coordinates[farthest, [0, 1]] > 0).all()


@pytest.mark.parametrize("shape", [(1, 5), (2, 1), (3, 2), (4, 4)])
def test_few_words_or_few_dimensions_leave_components_at_zero(shape: tuple[int, int]) -> None:
    projection = principal_components(np.eye(*shape), 3)
    assert projection.coordinates.shape == (shape[0], 3)
    assert np.isfinite(projection.coordinates).all()
    assert np.isfinite(projection.explained).all()
    assert (projection.coordinates[:, min(shape) :] == 0).all()


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1])
def test_equal_vectors_are_one_point(value: float) -> None:
    projection = principal_components(np.full((7, 3), value), 2)
    assert (projection.coordinates == 0).all()
    assert (projection.explained == 0).all()


def test_places_and_shades_go_by_direction_and_not_by_length(rows: np.ndarray) -> None:
    words = [str(i) for i in range(len(rows))]
    lengths = np.random.default_rng(0).uniform(0.1, 10, (len(rows), 1))
    one, other = (lay_out(WordVectors(words, v), "pca", seed=1, progress=Silent()) for v in (rows, rows * lengths))
    np.testing.assert_allclose(one.places, other.places, atol=1e-5)
    assert sorted(one.shades) == pytest.approx(np.linspace(0, 1, len(rows)))


@needs_sklearn
def test_tsne_keeps_clusters_together_and_the_seed_decides() -> None:
    random = np.random.default_rng(1)
    centres = 4 * unit(random.standard_normal((5, 30)))
    vectors = WordVectors(
        [str(i) for i in range(100)], np.repeat(centres, 20, 0) + random.standard_normal((100, 30)) / 4
    )
    first, again, other = (lay_out(vectors, "tsne", seed=s, progress=Silent()).places for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    distances = np.linalg.norm(first[:, None] - first[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (distances.argmin(axis=1) // 20 == np.arange(100) // 20).all()


@needs_sklearn
@pytest.mark.parametrize("n", [1, 3, 4, 30])
def test_tsne_of_few_or_equal_words(n: int) -> None:
    for rows in (np.ones((n, 3)), np.zeros((n, 3)), np.arange(1.0, n + 1)[:, None], np.eye(n, 2)):
        vectors = WordVectors([str(i) for i in range(n)], rows)
        places = lay_out(vectors, "tsne", seed=1, progress=Silent()).places
        assert places.shape == (n, 2)
        assert np.isfinite(places).all()


def test_a_missing_scikit_learn_is_one_line_before_any_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("vastmax.extras.has", lambda module: False)
    with pytest.raises(InputError, match=r"'pca' does without.*needs scikit-learn.*pip install '\.\[tsne\]'"):
        draw_map(WordVectors(["a", "b"], np.eye(2)), tmp_path / "map.html", method="tsne")
    assert list(tmp_path.iterdir()) == []
