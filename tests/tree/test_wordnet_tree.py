from __future__ import annotations

from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

import tiny_wordnet
from vastmax import tree
from vastmax.errors import InputError
from vastmax.tree import wordnet_files

TEXT = """
the dog dogs poodle canine animal mice turkey Turkey TURKEY country walk walked went run ran
good better brilliant quickly inhibit restrain of
"""
WORDS = TEXT.split()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_wordnet.write(tmp_path / "dict")


def ancestors(t: tree.Tree, word: str) -> list[str]:
    assert t.labels is not None
    return [t.labels[node] for node in t.path(word).nodes if t.labels[node]]


def test_what_a_word_is_a_kind_of_stands_above_it(folder: Path) -> None:
    t = tree.wordnet(WORDS, path=folder)
    assert ancestors(t, "poodle") == ["entity", "animal", "canine", "dog"]
    assert ancestors(t, "mice") == ["entity", "animal"]
    assert ancestors(t, "country") == ["entity", "country"]
    assert ancestors(t, "quickly") == []  # the only adverb: all nodes above it have one child
    assert ancestors(t, "went") == ["verb", "travel"]
    assert ancestors(t, "inhibit") == ["verb", "restrain"]  # each a kind of the other: one of them comes first
    assert ancestors(t, "of") == ["not in WordNet"]


def test_every_word_has_one_leaf(folder: Path) -> None:
    t = tree.wordnet(WORDS, np.arange(len(WORDS)) + 1, folder)
    assert t.is_binary
    assert t.one_leaf_a_word
    assert t.words == tuple(WORDS)
    assert len({t.path(word).code for word in WORDS}) == len(WORDS)


def test_forms_stand_with_their_lemmas(folder: Path) -> None:
    t = tree.wordnet(WORDS, path=folder)
    for form, lemma in [("dogs", "dog"), ("ran", "run"), ("walked", "walk"), ("better", "good")]:
        assert ancestors(t, form) == ancestors(t, lemma)
    assert ancestors(t, "walk")[0] == "verb"  # tagged more often than the noun
    assert ancestors(t, "brilliant") == ["good"]  # a satellite of its cluster's head


def test_spelling_chooses_the_sense(folder: Path) -> None:
    t = tree.wordnet(WORDS, path=folder)
    assert ancestors(t, "Turkey") == ["entity", "country"]
    assert ancestors(t, "turkey") == ["entity", "animal", "turkey"]
    assert ancestors(t, "TURKEY") == ["entity", "animal", "turkey"]  # spelled like neither: the commonest


def test_without_counts_of_tagged_senses_the_index_decides(tmp_path: Path) -> None:
    t = tree.wordnet(WORDS, path=tiny_wordnet.write(tmp_path / "plain", tagged=False))
    assert ancestors(t, "walk")[0] == "verb"
    senses = wordnet_files.Dictionary(tmp_path / "plain").senses(["dog", "walk"])
    assert [sense.part_of_speech for sense in senses.values()] == ["noun", "verb"]


def test_frequent_words_take_fewer_decisions(folder: Path) -> None:
    counts = np.array([1000 if word == "mice" else 1 for word in WORDS])
    light, heavy = tree.wordnet(WORDS, path=folder), tree.wordnet(WORDS, counts, folder)
    assert len(heavy.path("mice").code) < len(light.path("mice").code)
    assert ancestors(heavy, "mice") == ["entity", "animal"]


def test_few_words(folder: Path) -> None:
    assert tree.wordnet(["dog"], path=folder).num_nodes == 0
    assert tree.wordnet(["the"], path=folder).words == ("the",)
    two = tree.wordnet(["poodle", "dog"], path=folder)
    assert (two.num_nodes, two.labels) == (1, ("dog",))
    assert tree.wordnet(["a", "b", "c"], [1, 1, 5], folder).path("c").code == "1"


def test_words_that_cannot_be_placed(folder: Path) -> None:
    with pytest.raises(InputError, match="'dog' occurs twice"):
        tree.wordnet(["dog", "cat", "dog"], path=folder)
    with pytest.raises(InputError, match="no words"):
        tree.wordnet([], path=folder)
    with pytest.raises(InputError, match="found 1 counts for 2 words"):
        tree.wordnet(["dog", "cat"], [1], folder)


def test_files_that_have_been_through_windows(folder: Path) -> None:
    expected = tree.wordnet(WORDS, path=folder)
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    found = tree.wordnet(WORDS, path=folder)
    assert (found.children == expected.children).all()
    assert found.labels == expected.labels


def test_damaged_dictionaries_are_named(folder: Path) -> None:
    data = (folder / "data.noun").read_bytes()
    (folder / "data.noun").write_bytes(data[:60] + data[61:])  # every offset is one too many
    with pytest.raises(InputError, match=r"data\.noun is damaged: no synset at byte \d+"):
        tree.wordnet(["poodle", "country"], path=folder)
    tiny_wordnet.write(folder)
    index = (folder / "index.noun").read_text()
    (folder / "index.noun").write_text(index.replace("poodle n 1", "poodle n x"))
    with pytest.raises(InputError, match=r"index\.noun is damaged at the lemma 'poodle'"):
        tree.wordnet(["poodle", "country"], path=folder)


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("WNSEARCHDIR", "WNHOME", "NLTK_DATA"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(wordnet_files, "_system_folders", list)
    monkeypatch.setattr(metadata, "distributions", list)
    monkeypatch.setattr(wordnet_files.sys, "prefix", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.mark.usefixtures("nothing_installed")
def test_dictionaries_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no WordNet dictionary found on this machine.*--wordnet DIR"):
        tree.wordnet(["dog"])
    downloads = tiny_wordnet.write(tmp_path / "home" / "nltk_data" / "corpora" / "wordnet")
    assert wordnet_files.find_dictionary() == downloads
    # A package as pip leaves it.
    package = tiny_wordnet.write(tmp_path / "site" / "words_of_english" / "dict")
    facts = tmp_path / "site" / "words_of_english-1.0.dist-info"
    facts.mkdir()
    (facts / "RECORD").write_text("words_of_english/__init__.py,,\nwords_of_english/dict/data.noun,sha256=x,99\n")
    installed = [metadata.PathDistribution(facts)]
    monkeypatch.setattr(metadata, "distributions", lambda: installed)
    assert wordnet_files.find_dictionary() == package
    system = tiny_wordnet.write(tmp_path / "usr" / "share" / "wordnet")
    monkeypatch.setattr(wordnet_files, "_system_folders", lambda: [tmp_path / "absent", system])
    assert wordnet_files.find_dictionary() == system
    named = tiny_wordnet.write(tmp_path / "home" / "dict")
    monkeypatch.setenv("WNHOME", str(tmp_path / "home"))
    assert wordnet_files.find_dictionary() == named
    monkeypatch.setenv("WNSEARCHDIR", str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match=r"nowhere \(from WNSEARCHDIR\) is not a WordNet dictionary"):
        wordnet_files.find_dictionary()
    assert wordnet_files.find_dictionary(package) == package
    with pytest.raises(InputError, match=r"site is not a WordNet dictionary; expected a folder"):
        wordnet_files.find_dictionary(tmp_path / "site")


def test_the_real_one(data_folder: Path) -> None:
    text = "dog cat table chair run walk said the of Washington quickly best helium inhibit wolf wine beer"
    words = text.split()
    t = tree.wordnet(words, path=data_folder / "wordnet")
    assert t.one_leaf_a_word
    assert ancestors(t, "wolf")[-1] == "canine"
    assert "carnivore" in ancestors(t, "cat")
    assert ancestors(t, "beer")[-1] == "alcohol"
    assert ancestors(t, "the") == ["not in WordNet"]


def test_all_words_of_the_real_one(data_folder: Path) -> None:
    folder = data_folder / "wordnet"
    lines = (folder / "index.noun").read_text().splitlines()
    words = [line.split(" ")[0] for line in lines if not line.startswith(" ")][::40]
    t = tree.wordnet(words, path=folder)
    assert (t.vocab_size, t.one_leaf_a_word, t.is_binary) == (len(words), True, True)
    assert "not in WordNet" not in (t.labels or ())
