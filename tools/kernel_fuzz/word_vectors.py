"""Random configurations of the kernels that train word vectors."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tools.kernel_fuzz.draw import Draw, must_refuse

from vastmax import tree
from vastmax.kernels import _native
from vastmax.kernels.embedding_kernel import CbowKernel, SkipgramKernel
from vastmax.kernels.embedding_tables import InputRows, TreePaths, padded_rows

DEEPEST = 200
WORK = 3e6
"""Multiply-adds of a configuration: a fraction of a second in a build with sanitizers."""


def chain(V: int) -> tree.Tree:
    """Return the deepest tree of V words: word w hangs on node w."""
    edges = np.array([[~w, w + 1] for w in range(V - 1)])
    edges[-1, 1] = ~(V - 1)
    return tree.Tree.from_links(edges.reshape(-1), np.full(V - 1, 2))


def draw_tree(draw: Draw, counts: NDArray[np.int64]) -> TreePaths:
    """Paths to V words, up to `DEEPEST` edges long."""
    V = len(counts)
    kinds = ["balanced", "random", "huffman"] if V <= 3000 else ["balanced"]
    kind = draw.choice([*kinds, "chain", "chain"] if 2 <= V <= DEEPEST + 1 else kinds)
    draw.note(tree=kind)
    found = {
        "balanced": lambda: tree.balanced(V),
        "random": lambda: tree.random(V, seed=int(draw.rng.integers(1000))),
        "huffman": lambda: tree.huffman(counts),
        "chain": lambda: chain(V),
    }[kind]()
    return TreePaths(found.path_offsets, found.path_edges, found.num_nodes)


def draw_subwords(draw: Draw, V: int) -> InputRows:
    """Each word's own row and up to 30 of n-grams, of as many as V."""
    extra = draw.whole(1, V)
    counts = draw.rng.integers(1, draw.choice([2, 5, 30]), V)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    rows = draw.ids(V, V + extra, int(offsets[-1]), dtype=np.int32)
    rows[offsets[:-1]] = np.arange(V)
    draw.note(subword_rows=len(rows), ngrams=extra)
    return InputRows(offsets, rows, V + extra)


def draw_text(draw: Draw, V: int, tokens: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Ids, some out of vocabulary, and the offsets of ragged sentences, which do not begin at 0."""
    sentences = draw.whole(0, max(1, tokens // draw.choice([1, 5, 20, 400])))
    total = tokens if sentences else 0
    draw.note(tokens=total, sentences=sentences)
    ids = draw.ids(0, V + draw.choice([0, 2]), total, dtype=np.int32)
    return ids, draw.offsets(sentences, total) + draw.choice([0, 1000])


def draw_kernel(draw: Draw, *, cbow: bool) -> tuple[Any, int, int, int, int]:
    """Return a kernel on random matrices, V, D, its window and its noise words per prediction."""
    V = draw.whole(2, draw.choice([20, 60, 300, 3000, 300_000]))
    D = draw.whole(1, 300 if V < 3000 else 20)
    window = draw.whole(1, draw.choice([5, 10, 40, 1000]))
    negative = draw.whole(0, 20)
    counts = np.maximum(1, np.sort((draw.rng.pareto(1.0, V) * 20).clip(0, 1e9).astype(np.int64))[::-1])
    options: dict[str, Any] = {
        "window": window,
        "negative": negative,
        "sample": draw.choice([0, 1e-3, 1e-2, 1.0]),
        "ns_exponent": draw.choice([-1.0, 0.0, 0.75, 1.0]),
        "exclude": draw.choice(["none", "target", "window"]),
        "threads": draw.choice([1, 2, 4]),
        "centres": draw.choice([None, draw.whole(1, 64 if cbow else 32)]),
    }
    pool = 8 * draw.whole(1, 8)
    if cbow:
        options["gradient"] = draw.choice(["exact", "word2vec"])
        options["pool_size"] = draw.choice([None, pool if negative else 0])
    draw.note(V=V, D=D, **options)
    if not cbow:
        bands = -(-window // 8)
        options["pool_sizes"] = draw.choice([None, np.full(bands if negative else 0, pool, np.int32)])
    if negative == 0 or draw.chance(0.3):
        options["paths"] = draw_tree(draw, counts)
    if draw.chance(0.4):
        options["subwords"] = draw_subwords(draw, V)
        options["segment"] = draw.choice([None, draw.whole(1, 5000)])
    kernel = (CbowKernel if cbow else SkipgramKernel)(counts, D, **options)
    for matrix in kernel.matrices.values():
        matrix[:, :D] = draw.floats(len(matrix), D)
    return kernel, V, D, window, negative


def train(draw: Draw, *, cbow: bool) -> None:
    """One kernel, trained on as many pieces of text at once as it has threads."""
    kernel, V, D, window, negative = draw_kernel(draw, cbow=cbow)
    window = min(window, 200)
    each = D * (window * 12 + (window * 2 if not cbow else 1) * (negative + 8))
    tokens = draw.whole(0, int(min(6000, max(30, WORK / each))))
    pieces = [draw_text(draw, V, tokens) for _ in range(draw.choice([1, 1, 2, 4]))]
    rate = {"alpha_begin": 0.01, "alpha_end": 0.0001}
    if draw.chance(0.2):
        refuse(draw, kernel, *pieces[0], V)
    with ThreadPoolExecutor(len(pieces)) as pool:
        seeds = [int(s) for s in draw.rng.integers(2**63, size=len(pieces))]
        runs = [pool.submit(kernel.train, *piece, **rate, seed=s) for piece, s in zip(pieces, seeds, strict=True)]
        for run in runs:
            run.result()
    finite = all(np.isfinite(matrix[:, :D]).all() for matrix in kernel.matrices.values())
    for name, matrix in kernel.matrices.items():
        if finite and matrix[:, D:].any():  # NaN times the padding's zeros is NaN
            raise AssertionError(f"{name}: the padding is no longer zero")


def refuse(draw: Draw, kernel: Any, ids: NDArray[np.int32], offsets: NDArray[np.int64], V: int) -> None:
    """Check that invalid arguments do not reach the loops."""
    rest = {"alpha_begin": 0.01, "alpha_end": 0.01, "seed": 1}
    short = np.array([0, len(ids) + 1])
    must_refuse("offsets beyond the ids", lambda: kernel.train(ids, short, **rest))
    must_refuse("offsets that fall", lambda: kernel.train(ids, np.array([0, len(ids), -1]), **rest))
    must_refuse("no offsets", lambda: kernel.train(ids, np.zeros(0, np.int64), **rest))
    must_refuse("a far offset", lambda: kernel.train(ids, np.array([np.iinfo(np.int64).min, len(ids)]), **rest))
    must_refuse("ids of 64 bits", lambda: kernel.train(ids.astype(np.int64), offsets, **rest))
    if len(ids):
        wrong = ids.copy()
        wrong[draw.rng.integers(len(ids))] = draw.choice([-1, -(2**31)])
        must_refuse("a negative id", lambda: kernel.train(wrong, offsets, **rest))
    none = TreePaths.none()
    paths = draw_tree(draw, np.arange(V, 0, -1)) if V <= 3000 else none
    model = {
        "words": kernel.words[:V],
        "outputs": kernel.outputs,
        "keep_threshold": kernel.tables.keep,
        "alias_threshold": kernel.tables.noise.thresholds,
        "alias_word": kernel.tables.noise.words,
        "nodes": padded_rows(paths.num_nodes, kernel.words.shape[1]),
        "path_offsets": paths.offsets,
        "path_edges": paths.edges,
        "visits_per_exchange": 1,
        "subword_offsets": np.zeros(0, np.int64),
        "subword_rows": np.zeros(0, np.int32),
        "segment": 0,
    }
    _native.EmbeddingModel(**model)
    wrong_alias = draw.wrong_ids(kernel.tables.noise.words, V)
    must_refuse("an alias out of range", lambda: _native.EmbeddingModel(**{**model, "alias_word": wrong_alias}))
    rows = draw_subwords(draw, V)
    by_rows = {
        **model,
        "words": padded_rows(rows.num_rows, kernel.words.shape[1]),
        "subword_offsets": rows.offsets,
        "subword_rows": rows.rows,
        "segment": 1,
    }
    _native.EmbeddingModel(**by_rows)
    wrong_rows = draw.wrong_ids(rows.rows, rows.num_rows)
    must_refuse("a row out of range", lambda: _native.EmbeddingModel(**{**by_rows, "subword_rows": wrong_rows}))
    must_refuse("rows left over", lambda: _native.EmbeddingModel(**{**by_rows, "subword_rows": rows.rows[:-1]}))
    if paths.num_nodes:
        wrong_edges = draw.wrong_ids(paths.edges, 2 * paths.num_nodes)
        must_refuse("an edge out of range", lambda: _native.EmbeddingModel(**{**model, "path_edges": wrong_edges}))
        more = np.append(paths.offsets, 2**40)
        must_refuse("a path too many", lambda: _native.EmbeddingModel(**{**model, "path_offsets": more}))


def skipgram(draw: Draw) -> None:
    """Skip-gram."""
    train(draw, cbow=False)


def cbow(draw: Draw) -> None:
    """CBOW."""
    train(draw, cbow=True)
