"""Two-level trees from word vectors: words that are alike share a class."""

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

# Rows for each class among which the first centres are chosen: enough to find the clusters, and C times fewer
# distances than with all rows.
_SEED_ROWS_A_CLASS = 32
# Numbers of a (rows, classes) tile of scores.
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
    """A tree of two decisions: the class, then the word in it; classes by k-means of the word vectors.

    Lloyd's algorithm on Σ_w weight_w·‖v_w − centre of its class‖², from centres chosen as k-means++ does (Arthur &
    Vassilvitskii 2007) among a sample of the words. With `counts` the weights are the counts, which Chen et al. (2015)
    found better than plain k-means, and both better than classes by frequency. A class of one word is a leaf of the
    root. Nothing bounds the size of a class: `Tree.describe` says how many scores a word is expected to take.

    Args:
        vectors: (V, D) in id order, or `WordVectors`; as in `vastmax.tree.clustered`.
        words: the vocabulary in id order; as in `vastmax.tree.clustered`.
        num_classes: C in [1, number of vectors]; about the root of that number when None.
        counts: (V,) word counts as weights; None: all words alike.
        iterations: at most so many rounds; fewer when no word changes its class.
        seed: of the sample and the first centres, ≥ 0.
        progress: told of the rounds done.

    Returns:
        A `Tree` of depth two, with fewer than C classes where vectors coincide.

    Raises:
        InputError: as `vastmax.tree.clustered`; num_classes out of range.

    Cost: V·C·D multiply-adds a round, by matrix products in tiles.

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
    centres = _first_centres(rows.vectors, weights, C, np.random.default_rng(seed))
    owner, distance = _nearest(rows.vectors, centres)
    for done in range(iterations):
        centres = _centres(rows.vectors, weights, owner, distance, len(centres))
        before = owner
        owner, distance = _nearest(rows.vectors, centres)
        progress.update(done + 1, changed=int((owner != before).sum()))
        if np.array_equal(owner, before):
            break
    progress.end()
    return with_lacking_words(_tree_of(owner, len(centres)), rows)


def _first_centres(vectors: Floats, weights: Floats, num_classes: int, rng: np.random.Generator) -> Floats:
    """k-means++ among a sample: each next centre with probability in proportion to weight times squared distance."""
    n = len(vectors)
    sample = np.arange(n)
    if _SEED_ROWS_A_CLASS * num_classes < n:
        sample = rng.choice(n, _SEED_ROWS_A_CLASS * num_classes, replace=False)
    rows, weight = vectors[sample], weights[sample].astype(np.float64)
    squares = np.einsum("nd,nd->n", rows, rows)
    centres = np.empty((num_classes, vectors.shape[1]), dtype=np.float32)
    chance = weight
    distance = np.full(len(rows), np.inf)
    for i in range(num_classes):
        total = chance.sum()
        if total <= 0:  # every row is a centre already: vectors coincide
            return centres[:i]
        chosen = int(rng.choice(len(rows), p=chance / total))
        centres[i] = rows[chosen]
        away = squares - 2 * (rows @ rows[chosen]) + squares[chosen]
        distance = np.minimum(distance, np.maximum(away, 0))
        distance[chosen] = 0
        chance = weight * distance
    return centres


def _nearest(vectors: Floats, centres: Floats) -> tuple[Int64, npt.NDArray[np.float32]]:
    """(the nearest centre of each vector, its squared distance), in tiles of vectors."""
    owner = np.empty(len(vectors), dtype=np.int64)
    distance = np.empty(len(vectors), dtype=np.float32)
    squares = np.einsum("cd,cd->c", centres, centres)
    step = max(1, _TILE_NUMEL // len(centres))
    for start in range(0, len(vectors), step):
        tile = slice(start, start + step)
        # ‖v − c‖² − ‖v‖²
        away = vectors[tile] @ centres.T
        away *= -2
        away += squares
        owner[tile] = away.argmin(axis=1)
        own = np.take_along_axis(away, owner[tile, None], axis=1)[:, 0]
        distance[tile] = own + np.einsum("nd,nd->n", vectors[tile], vectors[tile])
    return owner, np.maximum(distance, 0)


def _centres(
    vectors: Floats, weights: Floats, owner: Int64, distance: npt.NDArray[np.float32], num_classes: int
) -> Floats:
    """The weighted means of the classes; one that has lost its words starts anew at a word far from its own centre."""
    import scipy.sparse

    n = len(vectors)
    members = scipy.sparse.csr_array((weights, owner, np.arange(n + 1)), shape=(n, num_classes)).T
    mass = np.bincount(owner, weights, minlength=num_classes)
    centres = np.asarray(members @ vectors) / np.maximum(mass, np.finfo(np.float32).tiny)[:, None]
    empty = np.flatnonzero(mass == 0)
    far = np.argsort(-(weights * distance), kind="stable")[: empty.size]
    far = far[distance[far] > 0]
    centres[empty[: far.size]] = vectors[far]
    kept = np.ones(num_classes, dtype=bool)
    kept[empty[far.size :]] = False
    return centres[kept].astype(np.float32)


def _tree_of(owner: Int64, num_classes: int) -> Tree:
    """Two levels, classes in the order of their first word; a class of one word is a leaf of the root."""
    order = np.argsort(owner, kind="stable")
    sizes = np.bincount(owner, minlength=num_classes)
    starts = np.cumsum(sizes) - sizes
    used = np.flatnonzero(sizes)
    used = used[np.argsort(order[starts[used]])]
    return two_levels(order[concatenated_ranges(starts[used], sizes[used])], sizes[used])
