"""Random configurations of what reads text and counts it; the same for every instruction set."""

from __future__ import annotations

import numpy as np
from tools.kernel_fuzz.draw import Draw, must_refuse

from vastmax.distribution.ngrams import NGrams
from vastmax.kernels.decimals import read_decimals
from vastmax.kernels.ngram_law import row_laws, row_responsibilities
from vastmax.kernels.phrases import PhraseJoiner, count_pairs
from vastmax.kernels.subwords import ngram_buckets
from vastmax.kernels.text_encoder import TextEncoder, gather_words

PIECES = [
    b"a",
    b"word ",
    b" ",
    b"\n",
    b"\x00",
    b"\xff",
    "é ".encode(),
    "\u3000".encode(),
    "\U0001f600".encode(),
    b"\xef\xbb\xbf",
]
"""What texts are made of: beside words, what is white space, no text, or several bytes long."""


def encoder(draw: Draw) -> None:
    """Bytes in chunks that cut words and characters anywhere."""
    errors = draw.choice(["strict", "replace"])
    made = TextEncoder(errors=errors)
    longest = draw.choice([5, 20, 70_000])
    for name in range(draw.whole(1, 3)):
        pieces = [draw.choice(PIECES[: draw.choice([4, 10])]) for _ in range(draw.whole(0, 300))]
        if draw.chance(0.3):
            pieces.insert(len(pieces) // 2, b"x" * draw.whole(1, longest))
        text = b"".join(pieces)
        draw.note(errors=errors, text=text[:200])
        made.begin(str(name))
        try:
            begin = 0
            while begin < len(text):
                end = begin + draw.whole(1, 1 + len(text))
                made.feed(text[begin:end])
                begin = end
            made.end()
        except ValueError:  # what is no text is refused
            pass
        ids, ends = (array.copy() for array in made.drain())
        blob, offsets, counts = made.words()
        assert len(ids) == 0 or ids.max() < len(counts)
        assert (np.diff(ends) > 0).all()
    order = draw.ids(0, len(counts), draw.whole(0, 50)) if len(counts) else np.zeros(0, np.int64)
    gather_words(blob, offsets, order)
    if order.size and draw.chance(0.5):
        wrong = draw.wrong_ids(order, len(counts))
        must_refuse("a word out of range", lambda: gather_words(blob, offsets, wrong))
        shifted = offsets + len(blob) + 1
        must_refuse("offsets beyond the words", lambda: gather_words(blob, shifted, order))


def decimals(draw: Draw) -> None:
    """Numbers as text, some of them none, against Python's reading of each."""
    layouts = ["%r", "%.9g", "%.30g", "%e", "+%.1f", "x%g", "%g,5", "%ge", "-.%d"]
    sizes = draw.rng.standard_normal(draw.whole(0, 60)) * 10.0 ** draw.whole(-300, 300)
    fields = [draw.choice(layouts[: draw.choice([4, 9])]) % float(size) for size in sizes]
    text = draw.choice([" ", "\n", " \t"]).join(fields)
    draw.note(text=text[:200])
    found = read_decimals(text.encode(), len(fields))
    assert read_decimals(text.encode(), len(fields) + 1) is None
    if found is not None:
        with np.errstate(over="ignore"):
            expected = np.array([float(field) for field in fields], dtype=np.float32)
        assert found.tobytes() == expected.tobytes()


def phrases(draw: Draw) -> None:
    """Pairs counted and joined."""
    V = draw.whole(1, 200)
    sentences, total = draw.whole(0, 50), draw.whole(0, 2000)
    ids, ends = draw.ids(0, V, total, dtype=np.int32), draw.offsets(sentences, total)[1:]
    connectors = draw.rng.random(V) < 0.2 if draw.chance(0.5) else None
    draw.note(V=V, total=total, sentences=sentences, connectors=connectors is not None)
    pairs = count_pairs(
        lambda: iter([(ids, ends)]), num_words=V, num_countable=draw.whole(0, V), connectors=connectors,
        least=draw.whole(1, 3), memory_bytes=draw.choice([256, 2000, 10**6]),
    )  # fmt: skip
    longer = [
        (int(before), int(connector), V + i)
        for i, (before, connector) in enumerate(zip(pairs.before, pairs.connector, strict=True))
    ]
    joined = [(int(p), int(w), V + i) for i, (p, w) in enumerate(zip(pairs.prefixes, pairs.words, strict=True))][:50]
    joiner = PhraseJoiner(V, V + len(joined), connectors=connectors, longer=longer, phrases=joined)
    joiner.feed((ids, ends))
    assert joiner.counts().sum() <= total
    if draw.chance(0.3):
        if total:
            wrong = draw.wrong_ids(ids, V)
            must_refuse("a word out of range", lambda: joiner.feed((wrong, ends)))
        must_refuse("ends beyond the text", lambda: joiner.feed((ids, np.array([total + 1]))))
        must_refuse(
            "a joined id out of range", lambda: PhraseJoiner(V, V, connectors=None, longer=[], phrases=[(0, 0, V)])
        )
        must_refuse(
            "marks of other words", lambda: PhraseJoiner(V, V, connectors=np.zeros(V + 1, bool), longer=[], phrases=[])
        )


def ngram_law(draw: Draw) -> None:
    """Laws of words after contexts, at the words of a step."""
    V, total = draw.whole(1, 300), draw.whole(1, 4000)
    ids = draw.ids(0, V, total)
    table = NGrams.from_ids(ids, draw.offsets(draw.whole(1, 20), total), V)
    R, U, N = len(table.contexts), draw.whole(0, V), draw.whole(0, 60)
    rows = draw.ids(0, R, draw.whole(0, 40)) if R else np.zeros(0, np.int64)
    words = draw.ascending(U, V)
    noise_of_word = np.where(draw.rng.random(U) < 0.6, np.arange(U), -1).astype(np.int32)
    draw.note(V=V, total=total, R=R, U=U, N=N)
    weights = draw.floats(len(rows))
    laws = row_laws(table, rows, weights, words=words, noise_of_word=noise_of_word, mean=np.zeros(U))
    example_row = draw.ids(-1, len(rows), N)
    claimed = np.zeros(len(rows))
    row_responsibilities(laws, draw.floats(len(rows)), draw.floats(U), example_row, draw.floats(N, U), claimed=claimed)
    if draw.chance(0.3) and len(rows):
        wrong = draw.wrong_ids(rows, R)
        must_refuse(
            "a row out of range",
            lambda: row_laws(table, wrong, weights, words=words, noise_of_word=noise_of_word, mean=np.zeros(U)),
        )
        if table.word_ids.size:
            fields = {
                name: getattr(table, name) for name in ("order", "vocab_size", "contexts", "offsets", "cumulative")
            }
            must_refuse("a word out of range", lambda: NGrams(**fields, word_ids=draw.wrong_ids(table.word_ids, V)))


def ngrams_of_words(draw: Draw) -> None:
    """Character n-grams of words that may be empty and need not be UTF-8."""
    blob = b"".join(draw.choice(PIECES) for _ in range(draw.whole(0, 400)))
    offsets = draw.offsets(draw.whole(1, 60), len(blob)).astype(np.int64)
    min_n = draw.whole(1, 8)
    options = {"min_n": min_n, "max_n": draw.whole(min_n, 40), "buckets": draw.choice([1, 1000, 2**31 - 1])}
    draw.note(words=len(offsets) - 1, bytes=len(blob), **options)
    found_offsets, found = ngram_buckets(blob, offsets, **options)
    if len(found) != found_offsets[-1] or (found < 0).any() or (found >= options["buckets"]).any():
        raise AssertionError("buckets out of range")
    must_refuse("no n-grams", lambda: ngram_buckets(blob, offsets, **{**options, "min_n": 0}))
    must_refuse("offsets beyond the words", lambda: ngram_buckets(blob, offsets + 1, **options))
