"""Phrases against the slow twin, against gensim, and against reading the joined text."""

from __future__ import annotations

import random
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_phrases import joined, phrases_in
from vastmax.errors import InputError
from vastmax.text import Corpus, corpus
from vastmax.text.phrases import Phrase, Phrases, find_phrases
from vastmax.text.plain_text import plain_text

Sentences = list[list[str]]
CONNECTORS = {"of", "the"}
WORDS = ["a", "b", "c", "d", "of", "the", "a_b"]
texts = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12), min_size=1, max_size=30)


def random_text(seed: int, words: list[str], sentences: int = 400) -> Sentences:
    """Words of falling frequency, some of which are followed by the same one more often than not."""
    chance = random.Random(seed)
    weights = [1 / (i + 1) for i in range(len(words))]
    text = []
    for _ in range(sentences):
        sentence: list[str] = []
        while len(sentence) < chance.randint(1, 20):
            i = chance.choices(range(len(words)), weights)[0]
            sentence.append(words[i])
            if i % 3 == 2:
                sentence += [words[(i + 1) % len(words)], words[(i + 2) % len(words)]][: chance.randint(1, 2)]
        text.append(sentence)
    return text


def assert_same_corpus(one: Corpus, other: Corpus) -> None:
    assert one.vocabulary == other.vocabulary
    assert one.ids.tolist() == other.ids.tolist()
    assert one.sentence_offsets.tolist() == other.sentence_offsets.tolist()


@settings(max_examples=150, deadline=None)
@given(
    texts,
    st.sampled_from(["counts", "gensim", "npmi"]),
    st.sampled_from([0.05, 0.5, 1.0]),
    st.integers(1, 3),
    st.booleans(),
    st.integers(1, 9),
)
def test_every_pass_is_what_the_reference_finds(
    text: Sentences, scoring: str, threshold: float, min_count: int, with_connectors: bool, block: int
) -> None:
    connectors = CONNECTORS if with_connectors else set()
    options: dict[str, Any] = {"scoring": scoring, "min_count": min_count, "connectors": connectors}
    thresholds = [threshold, threshold / 2]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus, "BLOCK_TOKENS", block)  # sentences straddle blocks
        whole = Corpus(text, cache=False)
        found = find_phrases(whole, passes=2, threshold=thresholds, memory_bytes=4096, **options)
        applied = found.apply(whole)
    expected = text
    for number, now in enumerate(thresholds):
        pairs = phrases_in(expected, threshold=now, discount=min_count, **options)
        mine = {phrase.words: (phrase.count, phrase.score) for phrase in found.passes[number]}
        assert mine.keys() == pairs.keys()
        for words, (count, score) in pairs.items():
            assert mine[words][0] == count
            assert mine[words][1] == pytest.approx(score, rel=1e-12)
        expected = [joined(sentence, pairs, connectors) for sentence in expected]
    assert [found.join(sentence) for sentence in text] == expected
    assert_same_corpus(applied, Corpus(expected, cache=False))


@pytest.mark.parametrize(
    ("scoring", "threshold"), [("gensim", 1.0), ("npmi", 0.2), ("npmi", -0.5)], ids=["counts", "npmi", "npmi below 0"]
)
@pytest.mark.parametrize("connectors", [set(), {"w1", "w4"}], ids=["plain", "connectors"])
def test_gensim_finds_and_joins_the_same(scoring: str, threshold: float, connectors: set[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gensim_phrases = pytest.importorskip("gensim.models.phrases")
    text = random_text(1, [f"w{i}" for i in range(60)])
    whole = Corpus(text, cache=False)
    found = find_phrases(
        whole, passes=2, scoring=scoring, threshold=[threshold] * 2, min_count=3, connectors=connectors
    )
    expected = text
    for mine in found.passes:
        model = gensim_phrases.Phrases(
            expected,
            min_count=3,
            threshold=threshold,
            scoring="default" if scoring == "gensim" else "npmi",
            connector_words=connectors,
        )
        theirs = model.find_phrases(expected)  # those that are met while joining
        scores = {phrase.text: phrase.score for phrase in mine}
        assert theirs.keys() <= scores.keys()
        assert len(theirs) > 5
        for name, score in theirs.items():
            assert scores[name] == (score if scoring == "gensim" else pytest.approx(score, rel=1e-12))
        expected = [model[sentence] for sentence in expected]
    assert_same_corpus(found.apply(whole), Corpus(expected, cache=False))


def test_a_small_table_changes_nothing() -> None:
    text = random_text(2, [f"w{i}" for i in range(80)])
    whole = Corpus(text, cache=False)
    roomy = find_phrases(whole, scoring="gensim", threshold=0.5, connectors=["w1"])
    tight = find_phrases(whole, scoring="gensim", threshold=0.5, connectors=["w1"], memory_bytes=4096)
    assert len(roomy) > 20
    assert list(roomy) == list(tight)


def test_a_table_that_is_too_small_reads_the_text_again(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Corpus(random_text(3, [f"w{i}" for i in range(80)]), cache=False)
    readings = 0  # the text has far more pairs than the 85 that 4,096 bytes hold
    blocks = Corpus.token_blocks

    def counted(self: Corpus) -> Any:
        nonlocal readings
        readings += 1
        return blocks(self)

    monkeypatch.setattr(Corpus, "token_blocks", counted)
    find_phrases(whole)
    assert readings == 1
    find_phrases(whole, memory_bytes=4096)
    assert readings > 8


def test_thresholds_fall_from_pass_to_pass() -> None:
    whole = Corpus([["a", "b"]], cache=False)
    assert find_phrases(whole, passes=3).settings.thresholds == (100, 50, 25)
    assert find_phrases(whole, passes=2, threshold=8).settings.thresholds == (8, 4)
    assert find_phrases(whole, passes=2, scoring="npmi").settings.thresholds == (0.5, 0.5)
    assert find_phrases(whole, passes=2, threshold=[1, 3]).settings.thresholds == (1, 3)


def test_a_joined_word_joins_again_only_in_the_next_pass() -> None:
    whole = Corpus([["new", "york", "times"], ["old", "york", "times"], ["new", "day"]] * 30, cache=False)
    once = find_phrases(whole, threshold=1.2)
    assert {phrase.text for phrase in once} >= {"new_york", "york_times"}
    assert once.join(["new", "york", "times"]) == ["new_york", "times"]
    twice = find_phrases(whole, passes=2, threshold=[1.2, 1.2])
    assert twice.join(["new", "york", "times"]) == ["new_york_times"]


def test_phrases_of_one_text_are_joined_in_another() -> None:
    found = Phrases(
        find_phrases(Corpus([["x"]], cache=False), connectors=["of"]).settings,
        [[Phrase(("bank", "of", "america"), "bank_of_america", 9, 1.0), Phrase(("not", "here"), "not_here", 9, 1.0)]],
    )
    text = [["the", "bank", "of", "america"], ["bank", "of", "of", "america"], ["bank", "america", "of"], ["of"]]
    applied = found.apply(Corpus(text, cache=False))
    assert_same_corpus(applied, Corpus([found.join(sentence) for sentence in text], cache=False))
    assert found.join(text[0]) == ["the", "bank_of_america"]
    assert found.join(text[1]) == text[1]
    assert found.join(text[2]) == text[2]


def test_saved_and_loaded(tmp_path: Path) -> None:
    text = random_text(4, ['"quoted"', "tab\tinside", "é", *(f"w{i}" for i in range(20))])
    found = find_phrases(Corpus(text, cache=False), passes=2, threshold=0.7, connectors=["w1"], delimiter="~")
    assert len(found.passes[1]) > 0
    path = tmp_path / "phrases.jsonl"
    found.save(path)
    again = Phrases.load(path)
    assert again.settings == found.settings
    assert again.passes == found.passes

    data = path.read_bytes()
    for damaged in (data[:-1], data[:-20], data.replace(b"[2,", b"[3,"), data + b"[]\n"):
        path.write_bytes(damaged)
        with pytest.raises(
            InputError, match=r"phrases\.jsonl is damaged: its content does not agree with its checksum"
        ):
            Phrases.load(path)
    for other in (b"", b"word 1\n", b"{}\n", b"[1]\n", b"\xff\n"):
        path.write_bytes(other)
        with pytest.raises(InputError, match=r"(not|expected) phrases that vastmax saved"):
            Phrases.load(path)
    path.write_bytes(data.replace(b'"version": 2', b'"version": 7'))
    with pytest.raises(InputError, match="format version 7"):
        Phrases.load(path)


def test_text_comes_out_as_it_went_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "BLOCK_TOKENS", 7)
    lines = [" ".join(sentence) for sentence in random_text(5, ["日本", "é", "a", "bc"], sentences=40)]
    path = tmp_path / "text.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    assert b"".join(plain_text(Corpus(path, cache=False))).decode() == "\n".join(lines) + "\n"


def test_a_joined_corpus_lies_with_its_source_and_goes_with_its_object(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("a b a b\n" * 9)
    whole = Corpus(path, cache=tmp_path / "cache")
    joined_text = find_phrases(whole, threshold=1).apply(whole)
    folder = joined_text.folder
    assert folder.is_relative_to(tmp_path / "cache")
    assert list(joined_text.vocabulary.words) == ["a_b"]
    joined_text.close()
    assert not folder.exists()
    assert whole.ids.tolist() == [0, 1, 0, 1] * 9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scoring": "pmi"}, "scoring is 'pmi'; expected 'counts' or 'gensim' or 'npmi'"),
        ({"passes": 0}, "passes is 0; expected a whole number from 1 to 20"),
        ({"min_count": 0}, "min_count is 0; expected a whole number of at least 1"),
        ({"discount": -1}, "discount is -1; expected a finite number of at least 0"),
        ({"discount": 1, "scoring": "npmi"}, "NPMI has none"),
        ({"threshold": 0}, "threshold is 0; expected a finite number above 0"),
        ({"threshold": 2, "scoring": "npmi"}, "threshold is 2; expected a number from -1 to 1 (the range of NPMI)"),
        ({"threshold": [1, 2]}, "2 thresholds for 1 passes"),
        ({"threshold": "10"}, "threshold is '10'; expected a number"),
        ({"threshold": float("nan")}, "threshold is nan; expected a finite number above 0"),
        ({"delimiter": " "}, "delimiter is ' '; expected characters without white space"),
        ({"connectors": "of the"}, "connectors is 'of the'; expected a list of words"),
        ({"memory_bytes": 10}, "memory_bytes is 10; expected a whole number of at least 4096"),
    ],
)
def test_bad_settings_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as raised:
        find_phrases(Corpus([["a", "b"]], cache=False), **options)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_what_is_no_corpus_or_no_sentence_is_refused() -> None:
    found = find_phrases(Corpus([["a", "b"]], cache=False))
    with pytest.raises(InputError, match=r"a str was given; expected a Corpus: make one with Corpus\("):
        find_phrases("text.txt")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a list was given; expected a Corpus"):
        found.apply([["a", "b"]])  # type: ignore[arg-type]
    with pytest.raises(InputError, match="0 passes for 1 thresholds"):
        Phrases(found.settings, [])
    with pytest.raises(InputError, match="a list of words was expected"):
        found.join("a b")


def test_joined_text_is_equal_to_gensims_on_real_text(data_folder: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gensim_phrases = pytest.importorskip("gensim.models.phrases")
    path = data_folder / "ptb" / "ptb.valid.txt"
    text = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.split()]
    model = gensim_phrases.Phrases(text, connector_words=gensim_phrases.ENGLISH_CONNECTOR_WORDS)
    whole = Corpus(path, cache=False)
    found = find_phrases(whole, scoring="gensim", connectors=gensim_phrases.ENGLISH_CONNECTOR_WORDS)
    assert {phrase.text: phrase.score for phrase in found} == model.export_phrases()
    lines = b"".join(plain_text(found.apply(whole))).decode().splitlines()
    assert lines == [" ".join(model[sentence]) for sentence in text]
    assert any("_and_" in line or "_the_" in line or "_a_" in line for line in lines)
    assert np.mean([line.count("_") > 0 for line in lines]) > 0.1
