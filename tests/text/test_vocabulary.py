"""Vocabulary: order, look-up, truncation, the file, the facts."""

from __future__ import annotations

import math
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vastmax.errors import InputError, UnknownWordError
from vastmax.text import Vocabulary
from vastmax.text.words import Words

count_tables = st.dictionaries(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6),
                               st.integers(0, 10**12), min_size=1, max_size=30)  # fmt: skip


@pytest.fixture
def small() -> Vocabulary:
    return Vocabulary.from_counts([("b", 3), ("the", 9), ("a", 3), ("rare", 1), ("once", 1)])


def test_ids_follow_counts_and_ties_keep_their_order(small: Vocabulary) -> None:
    assert list(small.words) == ["the", "b", "a", "rare", "once"]
    assert small.counts.tolist() == [9, 3, 3, 1, 1]
    assert small.counts.dtype == np.int64
    assert not small.counts.flags.writeable
    assert len(small) == 5
    assert small.num_tokens == 17


@given(count_tables)
def test_words_and_ids_are_each_others_inverse(counts: dict[str, int]) -> None:
    v = Vocabulary.from_counts(counts)
    assert [v.id(word) for word in v.words] == list(range(len(v)))
    assert [v.word(i) for i in range(len(v))] == list(v.words)
    assert {word: int(count) for word, count in zip(v.words, v.counts, strict=True)} == counts
    assert v.ids(list(counts)).dtype == np.int32
    assert list(v.words) == sorted(counts, key=lambda w: -counts[w])  # sorted() is stable


def test_membership(small: Vocabulary) -> None:
    assert "the" in small
    assert "The" not in small
    assert 3 not in small


def test_words_behave_as_a_sequence(small: Vocabulary) -> None:
    words = small.words
    assert words[0] == words[-5] == "the"
    assert words[1:3] == ["b", "a"]
    assert words[::-2] == ["once", "a", "the"]
    assert words.index("a") == 2
    assert words == ["the", "b", "a", "rare", "once"]
    assert words != ["the"]
    assert words != Words.of(["the", "b", "a", "rare", "on"])
    assert repr(words) == "Words(['the', 'b', 'a', 'rare', 'once'], 5 in all)"
    with pytest.raises(IndexError):
        words[5]


def test_unknown_words_get_the_nearest_spellings() -> None:
    v = Vocabulary.from_counts({"king": 90, "kind": 100, "Paris": 50, "language": 20, "elephant": 5, "日本": 3})
    for word, hint in {
        "kinh": "'kind', 'king'",
        "paris": "'Paris'",
        "KING": "'king', 'kind'",
        "langauge": "'language'",
        "elefant": "'elephant'",
        "日木": "",
        "日本人": "'日本'",
    }.items():
        with pytest.raises(UnknownWordError) as raised:
            v.id(word)
        assert str(raised.value) == f"{word!r} is not among the 6 words of the vocabulary" + (
            f"; did you mean {hint}?" if hint else ""
        )
    with pytest.raises(KeyError):
        v.ids(["king", "xyzzyqq"])


def test_one_word_where_a_list_is_expected(small: Vocabulary) -> None:
    with pytest.raises(InputError, match="'the' is one str: a list of words"):
        small.ids("the")


def test_ids_outside(small: Vocabulary) -> None:
    for word_id in (-1, 5):
        with pytest.raises(InputError, match=f"word id {word_id}: expected 0 to 4"):
            small.word(word_id)


# Truncation.


def test_without_unknown_word_it_is_a_prefix(small: Vocabulary) -> None:
    assert list(small.truncate(min_count=3).words) == ["the", "b", "a"]
    assert list(small.truncate(max_size=2).words) == ["the", "b"]
    assert list(small.truncate(min_count=2, max_size=4).words) == ["the", "b", "a"]
    assert small.truncate() == small
    assert small.truncate(min_count=3).num_tokens == 15
    assert "rare" not in small.truncate(min_count=3)


def test_no_word_reaches_min_count(small: Vocabulary) -> None:
    with pytest.raises(InputError, match=r"no word reaches min_count=10: the highest count is 9 \('the'\); lower"):
        small.truncate(min_count=10)


def test_the_unknown_word_gets_the_counts_and_its_place(small: Vocabulary) -> None:
    v = small.truncate(min_count=3, unknown="<unk>")
    assert dict(zip(v.words, v.counts.tolist(), strict=True)) == {"the": 9, "b": 3, "a": 3, "<unk>": 2}
    v = small.truncate(max_size=2, unknown="<unk>")
    assert (list(v.words), v.counts.tolist()) == (["the", "<unk>"], [9, 8])
    v = small.truncate(max_size=1, unknown="<unk>")
    assert (list(v.words), v.counts.tolist()) == (["<unk>"], [17])
    assert v.unknown == "<unk>"
    assert v.id("the") == v.id("never seen") == 0
    assert small.truncate(unknown="<unk>").ids(["a", "zebra"]).tolist() == [2, 5]  # with count 0, last


def test_an_unknown_word_that_the_text_holds_keeps_its_own_counts() -> None:
    v = Vocabulary.from_counts({"the": 9, "<unk>": 4, "a": 3, "b": 2, "c": 1})
    t = v.truncate(min_count=3, unknown="<unk>")
    assert (list(t.words), t.counts.tolist()) == (["the", "<unk>", "a"], [9, 7, 3])
    t = v.truncate(min_count=9, unknown="<unk>")
    assert (list(t.words), t.counts.tolist()) == (["<unk>", "the"], [10, 9])
    t = v.truncate(max_size=2, unknown="<unk>")
    assert (list(t.words), t.counts.tolist()) == (["<unk>", "the"], [10, 9])


@given(count_tables, st.integers(0, 40), st.integers(1, 30), st.booleans())
def test_truncation_loses_no_tokens_to_the_unknown_word(
    counts: dict[str, int], min_count: int, max_size: int, own: bool
) -> None:
    v = Vocabulary.from_counts(counts)
    unknown = v.words[len(v) // 2] if own else "\x00unknown"
    if v.counts[0] < min_count:
        return
    t = v.truncate(min_count=min_count, max_size=max_size, unknown=unknown)
    assert t.num_tokens == v.num_tokens
    assert len(t) <= max_size
    assert (np.diff(t.counts) <= 0).all()
    assert len(set(t.words)) == len(t)
    for word, count in zip(t.words, t.counts, strict=True):
        assert word == unknown or (counts[word] == count and count >= min_count)
    again = t.truncate(min_count=0, max_size=max(1, max_size // 2))
    assert again.unknown == unknown
    assert again.num_tokens == v.num_tokens


def test_bad_truncations(small: Vocabulary) -> None:
    for arguments, message in [
        ({"min_count": -1}, "min_count is -1; expected a whole number of at least 0"),
        ({"max_size": 0}, "max_size is 0; expected a whole number of at least 1"),
        ({"unknown": ""}, "unknown='': a word such as"),
    ]:
        with pytest.raises(InputError, match=message):
            small.truncate(**arguments)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="already has the unknown word '<unk>'"):
        small.truncate(unknown="<unk>").truncate(unknown="UNK")


def test_mapping_the_words_of_another_vocabulary(small: Vocabulary) -> None:
    other = Vocabulary.from_counts({"a": 5, "zebra": 3, "the": 2})
    assert small.map_words(other.words).tolist() == [2, -1, 0]
    assert small.truncate(unknown="<unk>").map_words(other.words).tolist() == [2, 5, 0]
    assert small.truncate(min_count=3).map_words(small.words).tolist() == [0, 1, 2, -1, -1]
    swapped = Vocabulary.from_counts({"b": 9, "the": 3})
    assert swapped.map_words(small.words).tolist() == [1, 0, -1, -1, -1]


# What it is made of.


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({}, "no words: a vocabulary needs at least one"),
        ([("a", 1), ("a", 2)], "the word 'a' comes twice"),
        ({"a": -1}, "the count of word 0 is -1"),
        ({"a": 1.5}, "counts of type float64: whole numbers"),
        ({"a": "1"}, "counts of type"),
        ({"a": 2**63}, "whole number"),
        ({"": 1}, "word 0 is ''"),
        ({3: 1}, "word 0 is 3"),
        ({"\ud800": 1}, "half a surrogate pair"),
    ],
)
def test_bad_counts_are_refused(counts: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Vocabulary.from_counts(counts)  # type: ignore[arg-type]


def test_words_out_of_order_or_without_counts_are_refused() -> None:
    with pytest.raises(InputError, match=r"'b' \(count 2\) comes after 'a' \(count 1\)"):
        Vocabulary(["a", "b"], [1, 2])
    with pytest.raises(InputError, match="2 words but 1 counts"):
        Vocabulary(["a", "b"], [1])
    with pytest.raises(InputError, match="unknown='<unk>' is not among the words"):
        Vocabulary(["a"], [1], unknown="<unk>")
    assert Vocabulary(["<unk>"], [1], unknown="<unk>").id("x") == 0


# The file.


@given(counts=count_tables, own=st.booleans())
def test_file_round_trip(tmp_path_factory: pytest.TempPathFactory, counts: dict[str, int], own: bool) -> None:
    path = tmp_path_factory.mktemp("v") / "vocabulary.txt"
    v = Vocabulary.from_counts(counts).truncate(min_count=0, unknown="<\t\\n\n>" if own else None)
    v.save(path)
    assert Vocabulary.load(path) == v
    assert [p.name for p in path.parent.iterdir()] == ["vocabulary.txt"]


def test_the_file_can_be_read_by_eye(tmp_path: Path) -> None:
    Vocabulary.from_counts({"the": 3, "tab\there": 2, "back\\slash": 1}).save(tmp_path / "v.txt")
    lines = b"the\t3\ntab\\there\t2\nback\\\\slash\t1\n"
    content = b'{"format":"vastmax vocabulary","tokens":6,"unknown":null,"version":2,"words":3}'  # sorted, no spaces
    checksum = b"crc32:%08x" % zlib.crc32(content + lines)
    assert (tmp_path / "v.txt").read_bytes() == (
        b'{"format": "vastmax vocabulary", "version": 2, "words": 3, "tokens": 6, "unknown": null, '
        b'"checksum": "' + checksum + b'"}\n' + lines
    )


def test_a_change_that_adds_up_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "v.txt"
    Vocabulary.from_counts({"the": 4, "cat": 2}).save(path)
    whole = path.read_bytes()
    for old, new in (
        (b"cat", b"car"),
        (b"the\t4\ncat\t2", b"the\t3\ncat\t3"),
        (b"null", b'"cat"'),
        (b'"checksum"', b'"x"'),
    ):
        assert old in whole
        path.write_bytes(whole.replace(old, new))
        with pytest.raises(InputError, match=r"v\.txt is damaged: its content does not agree with its checksum"):
            Vocabulary.load(path)


HEAD = b'{"format": "vastmax vocabulary", "version": 1, "words": 2, "tokens": 6, "unknown": null}\n'


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a vocabulary that vastmax saved"),
        (b"the\t3\n", "not a vocabulary that vastmax saved"),
        (b"[1]\n", "not a vocabulary that vastmax saved"),
        (HEAD.replace(b"1", b"7", 1), "of format version 7, this vastmax reads up to 2"),
        (HEAD.replace(b"2", b'"x"', 1), "lacks the number of words"),
        (HEAD + b"the\t4\n", "2 lines of words were expected, the file has 1"),
        (HEAD + b"the\t4\na\t2", "2 lines of words were expected"),
        (HEAD + b"the\t4\na\t3\n", "the counts add up to 7, not to 6"),
        (HEAD + b"the\t4\na 2\n", "damaged vocabulary file"),
        (HEAD + b"the\t4\n\xff\t2\n", "damaged vocabulary file"),
        (HEAD + b"the\t4\nthe\t2\n", "the word 'the' comes twice"),
        (HEAD + b"the\t2\na\t4\n", "comes after 'the'"),
        (HEAD.replace(b"null", b'"<unk>"') + b"the\t4\na\t2\n", "unknown='<unk>' is not among"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "v.txt"
    path.write_bytes(data)
    with pytest.raises(InputError, match=message) as raised:
        Vocabulary.load(path)
    assert str(raised.value).startswith(str(path))
    assert "\n" not in str(raised.value)


def test_a_save_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "v.txt"
    Vocabulary.from_counts({"old": 1}).save(path)
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("no room")))
    with pytest.raises(OSError, match="no room"):
        Vocabulary.from_counts({"new": 1}).save(path)
    assert list(Vocabulary.load(path).words) == ["old"]
    assert len(list(tmp_path.iterdir())) == 1


def test_places_where_no_file_can_be_written(tmp_path: Path) -> None:
    v = Vocabulary.from_counts({"a": 1})
    with pytest.raises(InputError, match="it is a folder; give the name of a file"):
        v.save(tmp_path)
    with pytest.raises(InputError, match=r"v\.txt: the folder .*none does not exist; make it first"):
        v.save(tmp_path / "none" / "v.txt")


# Facts.


def test_facts() -> None:
    facts = Vocabulary.from_counts({"a": 4, "b": 2, "c": 1, "d": 1}).facts()
    assert (facts.tokens, facts.types) == (8, 4)
    assert facts.entropy_bits == pytest.approx(1.75)
    assert facts.unigram_perplexity == pytest.approx(2**1.75)
    assert facts.log2_types == facts.balanced_code_bits == 2
    assert facts.huffman_code_bits == pytest.approx(1.75)
    assert facts.ideal_saving == facts.huffman_saving == pytest.approx(0.125)
    one = Vocabulary.from_counts({"a": 4}).facts()
    assert (one.entropy_bits, one.huffman_code_bits, one.ideal_saving, one.huffman_saving) == (0, 0, 0, 0)


def test_facts_of_the_penn_treebank(data_folder: Path) -> None:
    counts: dict[str, int] = {}
    lines = (data_folder / "ptb" / "ptb.train.txt").read_text().split("\n")[:-1]
    for line in lines:
        for word in [*line.split(), "</s>"]:
            counts[word] = counts.get(word, 0) + 1
    facts = Vocabulary.from_counts(counts).facts()
    assert (facts.tokens, facts.types) == (929_589, 10_000)
    # Known of this corpus: a tenth of its words carry most of it, so that a perfect code saves some 30 % of the path.
    assert facts.log2_types == pytest.approx(math.log2(10_000))
    assert facts.entropy_bits < facts.huffman_code_bits < facts.entropy_bits + 0.1
    assert 0.24 < facts.huffman_saving <= facts.ideal_saving + 0.02


def test_a_word_that_is_no_string_is_told_so() -> None:
    with pytest.raises(UnknownWordError, match="a word is a string, not 3 of type int"):
        Vocabulary.from_counts({"a": 2}).id(3)  # type: ignore[arg-type]
