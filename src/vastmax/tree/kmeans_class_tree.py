"""Two-level trees from word vectors: similar words share a class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from vastmax.arguments import MOST_EPOCHS, MOST_SEED, whole
from vastmax.progress import Progress, Silent
from vastmax.tree.clustered_tree import with_lacking_words
from vastmax.tree.links import Int64, concatenated_ranges
from vastmax.tree.tree import Tree
from vastmax.tree.two_levels import two_levels
from vastmax.tree.word_rows import word_rows

Floats = npt.NDArray[np.float32]

# Initial centers are chosen from a sample with this many rows per class: enough to find the clusters, with far fewer
# distances than for all rows.
_SEED_ROWS_PER_CLASS = 32
# Size of a (rows, classes) tile of scores.
_TILE_NUMEL = 2**22


def kmeans_classes(
    vectors: Any,
    words: Sequence[str] | None = None,
    *,
    num_classes: int | None = None,
    counts: npt.ArrayLike | None = None,
    iterations: int = 15,
    seed: int = 0,
    progress: Progress | None = None,
) -> Tree:
    """Return a tree of two decisions, the class and then the word, with classes from k-means of the word vectors.

    Lloyd's algorithm minimizes Σ_w weight_w·‖v_w − center of its class‖², from centers that k-means++ (Arthur &
    Vassilvitskii 2007) selects among a sample of the words. With `counts`, the weights are the counts, which Chen et
    al. (2015) found better than plain k-means, and both better than classes by frequency. A class of one word is a leaf
    of the root. The size of a class has no bound: `Tree.describe` reports the expected number of scores per word.

    Args:
        vectors: (V, D) in id order, or `WordVectors`; as in `vastmax.tree.clustered`.
        words: the vocabulary in id order; as in `vastmax.tree.clustered`.
        num_classes: C in [1, number of vectors]; None: about the square root of that number.
        counts: (V,) word counts as weights; None: equal weights.
        iterations: the maximum number of rounds; fewer if no word changes its class.
        seed: the seed of the sample and the initial centers, ≥ 0.
        progress: receives the number of rounds.

    Returns:
        A `Tree` of depth two, with fewer than C classes if vectors coincide.

    Raises:
        InputError: as `vastmax.tree.clustered`; num_classes out of range.

    Cost: V·C·D multiply-adds per round, by matrix products in tiles.

    Example:
        >>> import numpy as np
        >>> points = np.array([[0.0, 9.0], [5.0, 0.0], [0.0, 8.0], [5.0, 1.0]])
        >>> t = kmeans_classes(points, num_classes=2)
        >>> t.path(0).nodes == t.path(2).nodes != t.path(1).nodes == t.path(3).nodes
        True
    """
    whole("iterations", iterations, 1, MOST_EPOCHS)
    whole("seed", seed, 0, MOST_SEED)
    rows = word_rows(vectors, words, counts)
    n = len(rows.vectors)
    C = max(1, round(n**0.5)) if num_classes is None else num_classes
    C = whole("num_classes", C, 1, n, why=f"there are {n} words with vectors")
    weights = np.ones(n, dtype=np.float32) if rows.weights is None else rows.weights
    progress = progress or Silent()
    progress.begin("k-means", iterations, "rounds")
    centers = _first_centers(rows.vectors, weights, C, np.random.default_rng(seed))
    owner, distance = _nearest(rows.vectors, centers)
    for done in range(iterations):
        centers = _centers(rows.vectors, weights, owner, distance, len(centers))
        before = owner
        owner, distance = _nearest(rows.vectors, centers)
        progress.update(done + 1, changed=int((owner != before).sum()))
        if np.array_equal(owner, before):
            break
    progress.end()
    return with_lacking_words(_tree_of(owner, len(centers)), rows)


def _first_centers(vectors: Floats, weights: Floats, num_classes: int, rng: np.random.Generator) -> Floats:
    """Return centers by k-means++ on a sample, where the next one is drawn with p ∝ weight times squared distance."""
    n = len(vectors)
    sample = np.arange(n)
    if _SEED_ROWS_PER_CLASS * num_classes < n:
        sample = rng.choice(n, _SEED_ROWS_PER_CLASS * num_classes, replace=False)
    rows, weight = vectors[sample], weights[sample].astype(np.float64)
    squares = np.einsum("nd,nd->n", rows, rows)
    centers = np.empty((num_classes, vectors.shape[1]), dtype=np.float32)
    chance = weight
    distance = np.full(len(rows), np.inf)
    for i in range(num_classes):
        total = chance.sum()
        if total <= 0:  # every row is already a center: vectors coincide
            return centers[:i]
        chosen = int(rng.choice(len(rows), p=chance / total))
        centers[i] = rows[chosen]
        away = squares - 2 * (rows @ rows[chosen]) + squares[chosen]
        distance = np.minimum(distance, np.maximum(away, 0))
        distance[chosen] = 0
        chance = weight * distance
    return centers


def _nearest(vectors: Floats, centers: Floats) -> tuple[Int64, npt.NDArray[np.float32]]:
    """Return (the nearest center of each vector, its squared distance), in tiles of vectors."""
    owner = np.empty(len(vectors), dtype=np.int64)
    distance = np.empty(len(vectors), dtype=np.float32)
    squares = np.einsum("cd,cd->c", centers, centers)
    step = max(1, _TILE_NUMEL // len(centers))
    for start in range(0, len(vectors), step):
        tile = slice(start, start + step)
        # ‖v − c‖² − ‖v‖²
        away = vectors[tile] @ centers.T
        away *= -2
        away += squares
        owner[tile] = away.argmin(axis=1)
        own = np.take_along_axis(away, owner[tile, None], axis=1)[:, 0]
        distance[tile] = own + np.einsum("nd,nd->n", vectors[tile], vectors[tile])
    return owner, np.maximum(distance, 0)


def _centers(
    vectors: Floats, weights: Floats, owner: Int64, distance: npt.NDArray[np.float32], num_classes: int
) -> Floats:
    """Return the weighted means of the classes; an empty class restarts at a word far from its own center."""
    import scipy.sparse

    n = len(vectors)
    members = scipy.sparse.csr_array((weights, owner, np.arange(n + 1)), shape=(n, num_classes)).T
    mass = np.bincount(owner, weights, minlength=num_classes)
    centers = np.asarray(members @ vectors) / np.maximum(mass, np.finfo(np.float32).tiny)[:, None]
    empty = np.flatnonzero(mass == 0)
    far = np.argsort(-(weights * distance), kind="stable")[: empty.size]
    far = far[distance[far] > 0]
    centers[empty[: far.size]] = vectors[far]
    kept = np.ones(num_classes, dtype=bool)
    kept[empty[far.size :]] = False
    return centers[kept].astype(np.float32)


def _tree_of(owner: Int64, num_classes: int) -> Tree:
    """Return the tree of two levels, with classes in the order of their first word."""
    order = np.argsort(owner, kind="stable")
    sizes = np.bincount(owner, minlength=num_classes)
    starts = np.cumsum(sizes) - sizes
    used = np.flatnonzero(sizes)
    used = used[np.argsort(order[starts[used]])]
    return two_levels(order[concatenated_ranges(starts[used], sizes[used])], sizes[used])
