"""Random configurations of the kernels of output layers and optimizers."""

from __future__ import annotations

import numpy as np
from tools.kernel_fuzz.draw import Draw, must_refuse

from vastmax.kernels import (
    coded_normalizer,
    listed_scan,
    noise_loss,
    pattern_fit,
    rows,
    softmax,
    word_scan,
)
from vastmax.kernels.two_clusters import two_clusters as fit_two_clusters

WORK = 1.5e6
"""Multiply-adds of one product: some tenths of a second in a build with sanitizers."""


def draw_sizes(draw: Draw, widest: int = 300) -> tuple[int, int, int]:
    """N examples, V words and the width D, whose product is bounded; N may be 0."""
    V = draw.whole(1, draw.choice([10, 70, 700, 5000, 300_000]))
    D = draw.whole(1, min(widest, max(1, int(WORK / V))))
    N = draw.whole(0, min(1200, max(1, int(WORK / (V * D)))))
    draw.note(N=N, V=V, D=D)
    return N, V, D


def linear(draw: Draw) -> None:
    """The softmax over all words of a linear layer, forward and backward."""
    softmax_of(draw, *draw_sizes(draw), narrow=False)


def narrow(draw: Draw) -> None:
    """The softmax over narrow vectors."""
    softmax_of(draw, *draw_sizes(draw, widest=softmax.NARROW_WIDTH), narrow=True)
    wide = draw.floats(3, softmax.NARROW_WIDTH + 1)
    must_refuse("vectors too wide", lambda: softmax.score_bound(wide, wide, None))


def softmax_of(draw: Draw, N: int, V: int, D: int, *, narrow: bool) -> None:
    """One of the two kernels, forward and backward."""
    threads = draw.choice([1, 2, 3, 4])
    bias = draw.floats(V) if draw.chance(0.5) else None
    wanted = [narrow or draw.chance(0.7), narrow or draw.chance(0.7), draw.chance(0.7)]
    draw.note(bias=bias is not None, wanted=wanted, threads=threads)
    hidden, weight, log_normaliser = draw.floats(N, D), draw.floats(V, D), draw.empty(N)
    if narrow:
        softmax.score_bound(hidden, weight, bias)
    softmax.forward(hidden, weight, bias, narrow=narrow, log_normaliser=log_normaliser, threads=threads)
    shapes = [(N, D), (V, D), (V,)]
    gradients = [draw.empty(*shape) if want else None for shape, want in zip(shapes, wanted, strict=True)]
    names = ("hidden_gradient", "weight_gradient", "bias_gradient")
    softmax.backward(
        hidden, weight, bias, narrow=narrow, log_normaliser=log_normaliser, upstream=draw.floats(N), threads=threads,
        **dict(zip(names, gradients, strict=True)),
    )  # fmt: skip
    if draw.chance(0.2):
        wrong = draw.floats(V + 1)
        must_refuse(
            "a bias too long",
            lambda: softmax.forward(hidden, weight, wrong, narrow=narrow, log_normaliser=log_normaliser, threads=1),
        )


def noise(draw: Draw) -> None:
    """A step against shared noise."""
    N, V, D = draw_sizes(draw)
    K = draw.whole(0, min(V, max(1, int(WORK / (max(N, 1) * D))), 3000))
    threads, kind = draw.choice([1, 2, 3, 4]), draw.choice(["softmax", "logistic"])
    wants_hidden = draw.chance(0.7)
    draw.note(K=K, threads=threads, kind=kind, wants_hidden=wants_hidden)
    noise_ids, target_ids = draw.ascending(K, V), draw.ids(0, V, N)
    plan = noise_loss.plan(noise_ids, target_ids, V)
    U = len(plan.rows)
    hidden, weight = draw.floats(N, D), draw.floats(V, D)
    bias = draw.floats(V) if draw.chance(0.5) else None
    slopes = noise_loss.Slopes(
        draw.empty(N, noise_loss.slope_step(K)),
        draw.empty(N),
        draw.empty(N),
        draw.empty(N, D) if wants_hidden else None,
    )

    def forward(targets: np.ndarray, noise_words: np.ndarray) -> None:
        noise_loss.forward(
            plan, hidden, weight, bias, noise_words, targets, kind=kind, mask=draw.chance(0.5),
            noise_shift=draw.choice([None, draw.floats(K)]), target_shift=draw.choice([None, draw.floats(N)]),
            multiplicity=draw.choice([None, np.ones(K, np.float32)]), loss=draw.empty(N), slopes=slopes,
            threads=threads,
        )  # fmt: skip

    forward(target_ids, noise_ids)
    noise_loss.backward(
        plan, hidden, slopes, upstream=draw.floats(N), hidden_gradient=draw.empty(N, D) if wants_hidden else None,
        weight_gradient=draw.empty(U, D), bias_gradient=draw.empty(U) if draw.chance(0.5) else None, threads=threads,
    )  # fmt: skip
    if draw.chance(0.3):
        for what, ids in (("noise", noise_ids), ("target", target_ids)):
            if not ids.size:
                continue
            wrong = draw.wrong_ids(ids, V)
            both = (wrong, target_ids) if what == "noise" else (noise_ids, wrong)
            must_refuse(f"{what} out of range", lambda both=both: noise_loss.plan(*both, V))
            must_refuse(f"{what} that is not the plan's", lambda both=both: forward(both[1], both[0]))
        if K:
            must_refuse("noise that is repeated", lambda: noise_loss.plan(np.repeat(noise_ids, 2), target_ids, V))


def rows_of_examples(draw: Draw) -> None:
    """Scores of rows of an example's own."""
    N, U, D = draw_sizes(draw)
    K = draw.whole(0, max(1, min(300, int(WORK / (max(N, 1) * D)))))
    threads = draw.choice([1, 2, 4])
    draw.note(K=K, threads=threads)
    hidden, weight, position = draw.floats(N, D), draw.floats(U, D), draw.ids(0, U, N, K)
    bias = draw.floats(U) if draw.chance(0.5) else None
    rows.scores_forward(hidden, weight, bias, position, score=draw.empty(N, K), threads=threads)
    rows.scores_backward(
        hidden, weight, position, upstream=draw.floats(N, K), threads=threads,
        hidden_gradient=draw.empty(N, D) if draw.chance(0.7) else None,
        weight_gradient=draw.empty(U, D) if draw.chance(0.7) else None,
        bias_gradient=draw.empty(U) if draw.chance(0.5) else None,
    )  # fmt: skip
    if position.size and draw.chance(0.3):
        wrong = draw.wrong_ids(position, U)
        must_refuse(
            "a position out of range",
            lambda: rows.scores_forward(hidden, weight, bias, wrong, score=draw.empty(N, K), threads=1),
        )


def update_of_rows(draw: Draw) -> None:
    """Rows of a table moved in place."""
    V, D = draw.whole(1, 20_000), draw.whole(1, 300)
    U = draw.whole(0, min(V, max(1, int(WORK / D))))
    threads = draw.choice([1, 2, 4])
    draw.note(V=V, D=D, U=U, threads=threads)
    table, row_ids, update = draw.empty(V, D), draw.ascending(U, V), draw.floats(U, D)
    rows.add_rows(table, row_ids, update, scale=0.1, threads=threads)
    if U and draw.chance(0.3):
        wrong = draw.wrong_ids(row_ids, V)
        must_refuse("a row out of range", lambda: rows.add_rows(table, wrong, update, scale=0.1, threads=threads))
        twice = np.repeat(row_ids, 2)
        more = draw.floats(2 * U, D)
        must_refuse("a row twice", lambda: rows.add_rows(table, twice, more, scale=0.1, threads=threads))


def patterns(draw: Draw) -> None:
    """Patterns in spellings."""
    V, F, symbols = draw.whole(1, 300), draw.whole(1, 80), draw.whole(1, 300)
    lengths = draw.rng.integers(1, draw.whole(1, 30) + 1, V)
    offsets = draw.anywhere(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
    widths = draw.ids(1, draw.whole(1, 9) + 1, F, dtype=np.int32)
    widest = int(widths.max()) + draw.choice([0, 1])
    U, threads = draw.whole(0, 200), draw.choice([1, 2, 4])
    draw.note(V=V, F=F, symbols=symbols, U=U, widest=widest, threads=threads)
    words = pattern_fit.SpelledWords(
        draw.ids(0, symbols, int(offsets[-1]), dtype=np.int16),
        offsets,
        int(draw.ids(0, symbols, 1)[0]),
        draw.ids(0, V, U),
    )
    table = draw.floats(symbols, widest, F)
    place = draw.empty(U, F, dtype=np.int32)
    pattern_fit.forward(words, widths, table, fit=draw.empty(U, F), place=place, threads=threads)
    gradient = draw.empty(F, widest, symbols)
    pattern_fit.backward(
        words, widths, place=place, upstream=draw.floats(U, F), table_gradient=gradient, threads=threads
    )
    if U and draw.chance(0.3):
        other = {"symbols": words.symbols, "offsets": offsets, "nothing": words.nothing, "word_ids": words.word_ids}
        for name, below in (("symbols", symbols), ("word_ids", V)):
            changed = {**other, name: draw.wrong_ids(other[name], below)}
            if name == "symbols":
                changed["word_ids"] = np.arange(V)
            wrong = pattern_fit.SpelledWords(**changed)
            fit = draw.empty(len(wrong.word_ids), F)
            must_refuse(
                name, lambda w=wrong, f=fit: pattern_fit.forward(w, widths, table, fit=f, place=None, threads=1)
            )
        far = draw.wrong_ids(place, int(lengths.max()))
        must_refuse(
            "a place out of its word",
            lambda: pattern_fit.backward(
                words, widths, place=far, upstream=draw.floats(U, F), table_gradient=gradient, threads=1
            ),
        )


def two_clusters(draw: Draw) -> None:
    """Groups of vectors parted in two."""
    V, D, groups = draw.whole(1, 400), draw.whole(1, 300), draw.whole(0, 30)
    n = draw.whole(0, 400) if groups else 0
    threads, iterations = draw.choice([1, 2, 4]), draw.whole(0, 5)
    draw.note(V=V, D=D, groups=groups, n=n, threads=threads, iterations=iterations)
    vectors, members, offsets = draw.floats(V, D), draw.ids(0, V, n, dtype=np.int32), draw.offsets(groups, n)
    seeds = draw.rng.integers(2**63, size=groups).astype(np.uint64)
    weights = np.abs(draw.floats(V)) + 0.1 if draw.chance(0.5) else None
    fit_two_clusters(vectors, members, offsets, seeds, weights=weights, iterations=iterations, threads=threads)
    if n and draw.chance(0.3):
        wrong = draw.wrong_ids(members, V)
        must_refuse(
            "a member out of range", lambda: fit_two_clusters(vectors, wrong, offsets, seeds, iterations=1, threads=1)
        )
        fallen = draw.wrong_ids(offsets, n + 1)
        must_refuse(
            "offsets out of range", lambda: fit_two_clusters(vectors, members, fallen, seeds, iterations=1, threads=1)
        )


def scan_of_words(draw: Draw) -> None:
    """The best words and log Z, by the rows or by their codes; finite numbers give the same words either way."""
    N, V, D = draw_sizes(draw)
    threads, bits = draw.choice([1, 2, 4]), draw.choice([8, 4])
    hidden, weight = draw.floats(N, D), draw.floats(V, D)
    bias = draw.floats(V) if draw.chance(0.5) else None
    k, width = draw.whole(1, min(V, 50)), draw.whole(1, D)
    draw.note(bits=bits, bias=bias is not None, k=k, width=width, threads=threads)
    coded = word_scan.code_table(weight, bias, first_width=width, first_bits=bits, threads=threads)
    found = word_scan.scan_codes(
        hidden, weight, bias, k, coded=coded, turned=hidden, normaliser=draw.chance(0.5), threads=threads
    )
    every = word_scan.scan_rows(hidden, weight, bias, k, normaliser=draw.chance(0.5), threads=threads)
    for each in (found, every):
        assert ((each.word_id >= 0) & (each.word_id < V)).all()
    if all(np.isfinite(each).all() for each in (hidden, weight, 0.0 if bias is None else bias)):
        assert not found.num_broken.any()
        np.testing.assert_allclose(
            found.score, every.score, rtol=1e-4, atol=1e-4 * max(1.0, np.abs(every.score).max(initial=0))
        )
    sampled = coded_normalizer.sample_normalizer(
        hidden,
        weight,
        bias,
        coded=coded,
        turned=hidden,
        seed=draw.rng.integers(2**63, size=N).astype(np.uint64),
        likely=draw.ids(0, V, draw.whole(0, 20)),
        draws=draw.choice([1.0, 100.0, 1e9]),
        threads=threads,
    )
    assert ((sampled.num_scored >= 0) & (sampled.num_scored <= V)).all()


def scan_of_lists(draw: Draw) -> None:
    """The best of listed words, of lists that share words or not."""
    N, V, D = draw_sizes(draw)
    lists, disjoint = draw.whole(1, 9), draw.chance(0.5)
    words = np.arange(V, dtype=np.int32) if disjoint else draw.ids(0, V, draw.whole(0, 2 * V), dtype=np.int32)
    offsets = draw.offsets(lists, len(words))
    chosen = np.tile(np.arange(lists, dtype=np.int32), (N, 1))
    chosen[draw.ids(0, 2, N, lists) == 0] = -1
    found = listed_scan.scan_listed(
        draw.floats(N, D),
        draw.floats(V, D),
        draw.floats(V) if draw.chance(0.5) else None,
        draw.whole(1, 50),
        offsets=offsets,
        words=words,
        chosen=chosen,
        disjoint=disjoint,
        threads=draw.choice([1, 2, 4]),
    )
    assert ((found.word_id >= -1) & (found.word_id < V)).all()
