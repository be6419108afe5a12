"""Positions of words on a map: principal components, or t-SNE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from vastmax import extras
from vastmax.errors import InputError
from vastmax.progress import Progress

if TYPE_CHECKING:
    from vastmax.embedding.word_vectors import WordVectors

Method: TypeAlias = Literal["pca", "tsne"]
METHODS: tuple[str, ...] = get_args(Method)

PERPLEXITY = 30.0
"""The approximate number of neighbors of a word in t-SNE: the middle of the range its authors advise, 5 to 50."""
_START_SIZE = 1e-4  # t-SNE starts from a small picture (Kobak & Berens 2019), with the components as its shape
_START_NOISE = 1e-2  # of that size: equal vectors must not start at the same point, where no force could part them
_WORTH_THREADS = 1_000  # with fewer words, threads spend their time waiting for each other


@dataclass(frozen=True)
class Projection:
    """Words on their principal components."""

    coordinates: NDArray[np.float64]
    """(n, num_components), in units of the first component's standard deviation."""
    explained: NDArray[np.float64]
    """(num_components,) the share of the variance that each component holds."""


@dataclass(frozen=True)
class Layout:
    """A position and a shade for each word, and sentences that explain them."""

    places: NDArray[np.float64]
    """(n, 2)"""
    shades: NDArray[np.float64]
    """(n,) from 0 to 1: ranks instead of values, so that one outlier does not give all others the same color."""
    meaning_of_places: str
    meaning_of_shades: str


def lay_out(vectors: WordVectors, method: Method, *, seed: int, progress: Progress) -> Layout:
    """Return positions by `method`, and shades by the first principal component that the positions do not show."""
    units = np.asarray(vectors.vectors, dtype=np.float64) * vectors.inverse_norms[:, None]
    projection = principal_components(units, 3)
    shares = [f"{share:.1%}" for share in projection.explained]
    if method == "pca":
        return Layout(
            projection.coordinates[:, :2],
            _ranks(projection.coordinates[:, 2]),
            f"Across and up: principal components 1 and 2 ({shares[0]} and {shares[1]} of the variance).",
            f"Color: component 3 ({shares[2]}).",
        )
    progress.begin("laying out by t-SNE", len(units), "words")
    places = tsne(units, start=projection.coordinates[:, :2], seed=seed)
    progress.update(len(units))
    progress.end()
    return Layout(
        places,
        _ranks(projection.coordinates[:, 0]),
        "Laid out by t-SNE: words near each other are similar; larger distances mean little.",
        f"Color: principal component 1 ({shares[0]} of the variance).",
    )


def check_layout_method(method: str) -> None:
    """Raise InputError for an unknown method, or one that needs a missing package."""
    if method not in METHODS:
        raise InputError(f"method is {method!r}; expected {' or '.join(map(repr, METHODS))}")
    if method == "tsne":
        extras.require("method 'tsne' (method 'pca' does without)", "sklearn")


def principal_components(vectors: NDArray[np.float64], num_components: int) -> Projection:
    """Project rows onto their principal components.

    Equals centering the rows and taking `U·S` of their singular value decomposition. The sign of a component is
    arbitrary; here its largest coordinate is positive, so the same vectors always give the same image.

    Args:
        vectors: (n, D), n ≥ 1.
        num_components: at most min(n, D) of them can differ from zero; further ones are zero.

    Cost: O(n·D·min(n, D)) time and two (n, D) float64 arrays.
    """
    rows = vectors - vectors.mean(axis=0)
    left, singular, _ = np.linalg.svd(rows, full_matrices=False)
    # What centring leaves of equal rows are rounding errors, and no direction.
    singular[singular <= np.finfo(np.float64).eps * np.linalg.norm(vectors) * len(vectors)] = 0.0
    coordinates = np.zeros((len(rows), num_components))
    kept = min(num_components, len(singular))
    coordinates[:, :kept] = left[:, :kept] * singular[:kept]
    farthest = np.abs(coordinates).argmax(axis=0)
    signs = np.sign(coordinates[farthest, np.arange(num_components)])
    coordinates *= np.where(signs == 0, 1.0, signs)
    variance = singular**2
    explained = np.zeros(num_components)
    if variance.sum() > 0:
        explained[:kept] = variance[:kept] / variance.sum()
        coordinates /= coordinates[:, 0].std()
    return Projection(coordinates, explained)


def tsne(vectors: NDArray[np.float64], *, start: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Return positions (n, 2) that preserve neighborhoods, by scikit-learn's Barnes–Hut t-SNE from `start` (n, 2).

    Between vectors of norm 1, its squared distance is 2 − 2·cosine.

    Cost: about a thousand steps of O(n·log n), on all cores from 1,000 words on.
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    n = len(vectors)
    if n < 4:  # too few for neighbourhoods: the components say all there is
        return start
    noise = np.random.default_rng(seed).standard_normal((n, 2))
    machine = TSNE(
        perplexity=min(PERPLEXITY, (n - 1) / 3),
        init=_START_SIZE * (start + _START_NOISE * noise),
        random_state=seed,
    )
    with threadpool_limits(1 if n < _WORTH_THREADS else None, user_api="openmp"):
        places: NDArray[np.float64] = machine.fit_transform(vectors).astype(np.float64)
    return places


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    ranks: NDArray[np.float64] = values.argsort(kind="stable").argsort() / max(1, len(values) - 1)
    return ranks
