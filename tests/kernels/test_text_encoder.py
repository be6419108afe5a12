"""The encoder against Python's own decoding and splitting, over any bytes and any division into chunks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vastmax.errors import InputError
from vastmax.kernels.text_encoder import MAX_WORD_BYTES, TextEncoder, gather_words

pytestmark = pytest.mark.compiled_once

# Pieces that meet every branch: each white space there is, words around the sizes the table tells apart, characters of
# every length, and every way in which bytes fail to be UTF-8.
WHITE = [chr(c) for c in range(0x110000) if chr(c).isspace()]
WORDS = [
    "a",
    "bc",
    "abcdefg",
    "abcdefgh",
    "abcdefghi",
    "p" * 15,
    "p" * 16,
    "p" * 17,
    "q" * 40,
    "\x01",
    "é",
    "日本",
    "😀",
]
BROKEN = [b"\xff", b"\xc0\x80", b"\xe3\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf0\x9f\x98", b"\x80", b"\x00"]
pieces = st.lists(
    st.one_of(
        st.sampled_from(WORDS).map(str.encode),
        st.sampled_from([" ", "\n", " ", "\n\n", "\r\n", *WHITE]).map(str.encode),
        st.sampled_from(BROKEN),
        st.binary(max_size=4),
        st.text(max_size=4).map(str.encode),
    ),
    max_size=60,
).map(b"".join)


def encode(chunks: list[bytes], errors: str) -> tuple[list[str], list[int]]:
    """(tokens as words, sentence ends), put together from what the encoder hands out chunk by chunk."""
    encoder = TextEncoder(errors=errors)
    encoder.begin("t.txt")
    ids: list[int] = []
    ends: list[int] = []
    for chunk in [*chunks, None]:
        if chunk is None:
            encoder.end()
        else:
            encoder.feed(chunk)
        new_ids, new_ends = encoder.drain()
        ids += new_ids.tolist()
        ends += new_ends.tolist()
    blob, offsets, counts = encoder.words()
    words = [blob[i:j].decode() for i, j in pairwise(offsets)]
    assert len(set(words)) == len(words)
    assert counts.tolist() == np.bincount(np.array(ids, dtype=int), minlength=len(words)).tolist()
    assert encoder.num_tokens == len(ids)
    assert encoder.num_sentences == len(ends)
    first_seen = list(dict.fromkeys(ids))
    assert first_seen == list(range(len(words)))
    return [words[i] for i in ids], ends


def split(data: bytes, errors: str) -> tuple[list[str], list[int]]:
    """The same by Python: tokens of the text, sentences of the lines that hold some."""
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors)
    sizes = [len(line.split()) for line in text.split("\n")]
    ends = np.cumsum([size for size in sizes if size]).tolist()
    return text.split(), [int(end) for end in ends]


def cut(data: bytes, where: list[int]) -> list[bytes]:
    cuts = sorted(min(w, len(data)) for w in where)
    return [data[i:j] for i, j in pairwise([0, *cuts, len(data)])]


@settings(max_examples=150, deadline=None)
@given(pieces, st.lists(st.integers(0, 400), max_size=8))
@example(b"\xef\xbb\xbfword", [1, 2])
@example(b"one \xef\xbb\xbftwo", [])
@example(b"", [])
def test_replace_gives_what_python_gives(data: bytes, where: list[int]) -> None:
    assert encode(cut(data, where), "replace") == split(data, "replace")
    assert encode([data[i : i + 1] for i in range(len(data))], "replace") == split(data, "replace")


@settings(max_examples=400, deadline=None)
@given(pieces, st.lists(st.integers(0, 400), max_size=8))
def test_strict_gives_what_python_gives_or_names_the_byte(data: bytes, where: list[int]) -> None:
    refused = [data.index(0)] if 0 in data else []
    try:
        data.decode()
    except UnicodeDecodeError as error:
        refused.append(error.start)
    if not refused:
        assert encode(cut(data, where), "strict") == split(data, "strict")
        return
    with pytest.raises(InputError, match=rf"^t\.txt: byte {min(refused)} is (NUL|not valid UTF-8)[^\n]*$"):
        encode(cut(data, where), "strict")


@pytest.mark.parametrize("space", WHITE, ids=lambda c: f"U+{ord(c):04X}")
def test_every_white_space_separates(space: str) -> None:
    text = f"left{space}right" * 20
    assert encode([text.encode()], "strict")[0] == text.split()


def test_what_is_no_white_space_does_not_separate() -> None:
    for c in ["\u200b", "\u180e", "\u2060", "\ufeff", "\x08", "\x0e", "\x1b", "\x7f"]:
        assert encode([f"x left{c}right ".encode() * 9], "strict")[0] == ["x", f"left{c}right"] * 9


def test_more_words_than_the_first_table_holds() -> None:
    rng = np.random.default_rng(5)
    tokens = [f"w{'x' * (n % 23)}{n}" for n in rng.integers(0, 30_000, 100_000).tolist()]
    data = " ".join(tokens).encode()
    assert encode(cut(data, list(range(0, len(data), 7919))), "strict")[0] == tokens


def test_words_that_share_all_that_the_table_compares_first() -> None:
    words = ["samehead" + "x" * n + tail for n in range(1, 60) for tail in "ab"]
    assert encode([" ".join(words * 3).encode()], "strict")[0] == words * 3


def test_the_longest_word_passes_and_one_byte_more_is_refused() -> None:
    longest = b"x" * MAX_WORD_BYTES
    for chunks in ([b"a " + longest + b" b" * 40], [b"a " + longest[:9], longest[9:], b" b" * 40]):
        assert encode(chunks, "strict")[0] == ["a", longest.decode(), *["b"] * 40]
    for chunks in ([b"a " + longest + b"x" + b" b" * 40], [b"a " + longest, b"x b" + b" b" * 39]):
        with pytest.raises(
            InputError, match=r"^t.txt: byte 2 starts a word of more than 65535 bytes, which is the limit: is this"
        ):
            encode(chunks, "strict")
        assert encode(chunks, "replace")[0] == ["a", "\ufffd", *["b"] * 40]


def test_texts_follow_one_another_with_offsets_and_sentences_of_their_own() -> None:
    encoder = TextEncoder()
    for text in (b"\xef\xbb\xbfone two", b"\xef\xbb\xbfthree"):
        encoder.begin("t.txt")
        encoder.feed(text)
        encoder.end()
    ids, ends = encoder.drain()
    assert (ids.tolist(), ends.tolist(), encoder.words()[0]) == ([0, 1, 2], [2, 3], b"onetwothree")
    encoder.begin("second.txt")
    with pytest.raises(InputError, match=r"second\.txt: byte 1 is not"):
        encoder.feed(b"a\xff")
    encoder.begin("third.txt")
    encoder.feed(b"fine")
    encoder.end()
    assert encoder.drain()[0].tolist() == [3]


def test_any_buffer_may_be_fed() -> None:
    encoder = TextEncoder()
    encoder.begin("t")
    for chunk in (bytearray(b"a b"), memoryview(b" xx c xx")[3:5], np.frombuffer(b" d", dtype=np.uint8)):
        encoder.feed(chunk)
    encoder.end()
    assert encoder.words()[0] == b"abcd"
    with pytest.raises(TypeError):
        encoder.feed("text")  # type: ignore[arg-type]


def test_sentences_of_words_are_taken_as_they_are() -> None:
    encoder = TextEncoder()
    for words in (["New York", "a"], [], ("a", "日本"), (w for w in ["x\n"]), np.array(["a"])):
        encoder.add_sentence(words, where="here")
    ids, ends = encoder.drain()
    assert (ids.tolist(), ends.tolist()) == ([0, 1, 1, 2, 3, 1], [2, 4, 5, 6])
    assert encoder.words()[0].decode() == "New Yorka日本x\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("a text", "here is the str 'a text': expected a list of words; split"),
        (b"bytes", "here is the bytes b'bytes'"),
        (3, "here is of type int: expected a list of words"),
        (["a", 3], r"here, word 1 is of type int \(3\): words are str"),
        (["a", b"b"], "here, word 1 is of type bytes"),
        (["a", ""], "here, word 1 is empty: split with"),
        (["x" * 65536], "here, word 0 has 65536 bytes, the limit is 65535"),
        (["\ud800"], "here: the word .* contains half a surrogate pair"),
    ],
)
def test_what_is_no_list_of_words_is_refused(words: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        TextEncoder().add_sentence(words, where="here")  # type: ignore[arg-type]


def test_gathered_words() -> None:
    blob, offsets = gather_words(b"abbccc", np.array([0, 1, 3, 6]), np.array([2, 0, 2], dtype=np.int32))
    assert (blob, offsets.tolist()) == (b"cccaccc", [0, 3, 4, 7])
    with pytest.raises(InputError, match="a word id outside the vocabulary"):
        gather_words(b"abbccc", np.array([0, 1, 3, 6]), np.array([3]))
    with pytest.raises(InputError, match="outside the words"):
        gather_words(b"abb", np.array([0, 1, 3, 6]), np.array([2]))


def test_unknown_errors_mode_is_refused() -> None:
    with pytest.raises(InputError, match="errors='ignore': expected 'strict' or 'replace'"):
        TextEncoder(errors="ignore")


@pytest.mark.parametrize("offsets", [[0, 2, 9], [-2, 1, 3], [0, 3, 2], [2**62, 2**62 + 1, 3]])
def test_offsets_that_lead_out_of_the_words_are_refused(offsets: list[int]) -> None:
    with pytest.raises(InputError, match="offsets that fall, or lie outside the words"):
        gather_words(b"abc", np.array(offsets), np.arange(2))
