"""Evaluation against gensim's figures on the same vectors, and against small cases worked out by hand."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vastmax.embedding import AnalogyResult, WordVectors
from vastmax.embedding import analogies as analogies_module
from vastmax.errors import InputError


def gensim_twin(v: WordVectors) -> Any:
    pytest.importorskip("gensim", reason="gensim is not installed")
    return v.to_gensim()


def plane(degrees: float) -> list[float]:
    return [math.cos(math.radians(degrees)), math.sin(math.radians(degrees))]


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


# Two relations: x → X turns by 10 degrees; a few capitals spelled twice.
TOY = WordVectors(
    ["one", "One", "two", "Two", "three", "Three", "far"],
    [plane(angle) for angle in (0, 10, 40, 50, 80, 90, 200)],
)


class TestAnalogies:
    def test_by_hand(self, tmp_path: Path) -> None:
        questions = write(
            tmp_path / "q.txt",
            ": turn\none One two Two\ntwo Two three Three\n\n"
            ": wrong\none One two far\none One two absent\n: none\nx y z w\n",
        )
        result = TOY.evaluate_analogies(questions, case_insensitive=False)
        assert [section.name for section in result.sections] == ["turn", "wrong", "none"]
        assert [(s.used, s.correct, s.correct_cosmul, s.out_of_vocabulary) for s in result.sections] == [
            (2, 2, 2, 0),
            (1, 0, 0, 1),
            (0, 0, 0, 1),
        ]
        assert result.accuracy == result.accuracy_cosmul == 2 / 3
        assert math.isnan(result.sections[2].accuracy)
        told = json.loads(json.dumps(result.to_json(), allow_nan=False))
        assert told["accuracy"] == 2 / 3
        assert told["sections"][2]["accuracy"] is None

    def test_case_does_not_count(self, tmp_path: Path) -> None:
        """Words meet in upper case; every spelling of a question's words is left out as an answer."""
        questions = write(tmp_path / "q.txt", ": s\nONE tWo Three FAR\n")
        result = TOY.evaluate_analogies(questions)
        assert result.total.used == 1
        assert result.accuracy == 1  # all others are spellings of the question's words

    def test_no_word_is_left_to_answer(self, tmp_path: Path) -> None:
        v = WordVectors(["a", "b", "c"], np.eye(3))
        result = v.evaluate_analogies(write(tmp_path / "q.txt", ": s\na b c a\nc b a c\n"))
        assert (result.total.used, result.total.correct, result.total.correct_cosmul) == (2, 0, 0)

    @pytest.mark.parametrize("restrict_vocab", [None, 2, 6, 100])
    def test_restricted_vocabulary(self, tmp_path: Path, restrict_vocab: int | None) -> None:
        questions = write(tmp_path / "q.txt", ": s\none One two Two\nTwo three Three far\n")
        if restrict_vocab == 2:
            with pytest.raises(InputError, match="none of 2 questions has its four words among the first 2 words"):
                TOY.evaluate_analogies(questions, restrict_vocab=2, case_insensitive=False)
        else:
            result = TOY.evaluate_analogies(questions, restrict_vocab=restrict_vocab, case_insensitive=False)
            assert result.total.used == (1 if restrict_vocab == 6 else 2)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (": s\na b c\n", r"q\.txt: line 2 is 'a b c'; expected four words"),
            (": s\na b c d e\n", "line 2 is 'a b c d e'"),
            ("\na b c d\n", "line 2 comes before any section"),
            ("", "none of 0 questions"),
        ],
    )
    def test_malformed_files(self, tmp_path: Path, text: str, message: str) -> None:
        with pytest.raises(InputError, match=message):
            TOY.evaluate_analogies(write(tmp_path / "q.txt", text))

    def test_a_file_that_is_not_utf8(self, tmp_path: Path) -> None:
        (tmp_path / "q.txt").write_bytes(b": s\na b c \xff\n")
        with pytest.raises(InputError, match="line 2: byte 6 of the line is not valid UTF-8"):
            TOY.evaluate_analogies(tmp_path / "q.txt")

    @pytest.mark.parametrize("case_insensitive", [True, False])
    def test_agrees_with_gensim_whatever_the_tiles(
        self, tmp_path: Path, case_insensitive: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Words in several spellings, few dimensions, so that many answers are right by chance."""
        draw = random.Random(1)
        words = list({"".join(draw.choice("abAB") for _ in range(3)) for _ in range(60)})
        v = WordVectors(sorted(words, key=str.lower), np.random.default_rng(2).normal(size=(len(words), 2)))
        lines = [f"{' '.join(draw.choices(words, k=4))}\n" for _ in range(3000)]
        questions = write(tmp_path / "q.txt", ": a\n" + "".join(lines[:1000]) + ": b\n" + "".join(lines[1000:]))
        keyed = gensim_twin(v)
        # gensim looks at the five best words only, and spellings of the question's words may fill them; see the docs.
        keep_looking(keyed)
        _, sections = keyed.evaluate_word_analogies(str(questions), case_insensitive=case_insensitive)
        for size in (4096, 7):
            monkeypatch.setattr(analogies_module, "_CANDIDATES", size)
            monkeypatch.setattr(analogies_module, "_QUESTIONS", size)
            result = v.evaluate_analogies(questions, case_insensitive=case_insensitive)
            counted = [section.correct for section in (*result.sections, result.total)]
            assert counted == [len(section["correct"]) for section in sections]
            assert result.total.used == 3000
            assert result.total.correct > 50

    def test_multiplicative_agrees_with_single_queries(self, tmp_path: Path) -> None:
        draw = random.Random(3)
        v = WordVectors([f"w{i}" for i in range(40)], np.random.default_rng(3).normal(size=(40, 2)))
        lines = [draw.choices(v.index_to_key, k=4) for _ in range(400)]
        questions = write(tmp_path / "q.txt", ": s\n" + "".join(" ".join(line) + "\n" for line in lines))
        result = v.evaluate_analogies(questions)
        for method, found in (("3cosadd", result.total.correct), ("3cosmul", result.total.correct_cosmul)):
            right = [v.analogy(a, b, c, topn=1, method=method)[0][0] == d for a, b, c, d in lines]
            assert found == sum(right) > 5

    def test_the_published_questions(self, data_folder: Path) -> None:
        """19,544 real questions over vectors with a planted structure, so that about half are solved."""
        path = data_folder / "evaluation" / "questions-words.txt"
        v = planted(path)
        result = v.evaluate_analogies(path)
        assert len(result.sections) == 14
        assert result.total.used == 19544
        assert 0.2 < result.accuracy < 0.9

    def test_a_sample_of_them_agrees_with_gensim(self, data_folder: Path, tmp_path: Path) -> None:
        path = data_folder / "evaluation" / "questions-words.txt"
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        sample = write(tmp_path / "q.txt", "".join(x for i, x in enumerate(lines) if x[0] == ":" or i % 20 == 0))
        v = planted(path)
        score, sections = gensim_twin(v).evaluate_word_analogies(str(sample), restrict_vocab=2000)
        result: AnalogyResult = v.evaluate_analogies(sample, restrict_vocab=2000)
        assert result.accuracy == score
        assert [s.correct for s in (*result.sections, result.total)] == [len(s["correct"]) for s in sections]
        assert [s.used - s.correct for s in (*result.sections, result.total)] == [len(s["incorrect"]) for s in sections]


def keep_looking(keyed: Any) -> None:
    """Let gensim's evaluation see 40 candidates in place of 5."""
    search = type(keyed).most_similar

    def patient(*arguments: Any, **options: Any) -> Any:
        return search(keyed, *arguments, **{**options, "topn": 40})

    keyed.most_similar = patient


def planted(path: Path) -> WordVectors:
    """Each question word is a base, shared by its pair, plus a shift, shared by its column and section, plus noise."""
    rng = np.random.default_rng(0)
    vectors: dict[str, np.ndarray] = {}
    shift = np.zeros(50)
    for line in path.read_text(encoding="utf-8").lower().splitlines():
        if line.startswith(":"):
            shift = rng.normal(size=50)
            continue
        a, b, c, d = line.split()
        for one, other in ((a, b), (c, d)):
            base = vectors.setdefault(one, rng.normal(size=50))
            vectors.setdefault(other, base + shift + 0.55 * rng.normal(size=50))
    words = list(vectors)
    others = [f"filler{i}" for i in range(3000 - len(words))]
    return WordVectors(words + others, np.vstack([*vectors.values(), rng.normal(size=(len(others), 50))]))


class TestPairs:
    def test_by_hand(self, tmp_path: Path) -> None:
        pairs = write(
            tmp_path / "p.tsv",
            "# comment\none\ttwo\t7\n\none\tthree\t2\none\tfar\t1\nOne\tthree\t6.5\none\tabsent\t3\n",
        )
        result = TOY.evaluate_pairs(pairs, case_insensitive=False)
        assert (result.used, result.out_of_vocabulary, result.unknown_words) == (4, 1, ("absent",))
        # The pairs lie 40, 80, 160 and 70 degrees apart: the ranks agree.
        assert result.spearman == pytest.approx(1)
        cosines = [math.cos(math.radians(angle)) for angle in (40, 80, 160, 70)]
        assert result.pearson == pytest.approx(np.corrcoef(cosines, [7, 2, 1, 6.5])[0, 1])
        assert json.loads(json.dumps(result.to_json(), allow_nan=False))["unknown_words"] == ["absent"]

    @pytest.mark.parametrize("separator", ["\t", ",", " ", ", ", "  "])
    def test_separators_and_column_names(self, tmp_path: Path, separator: str) -> None:
        rows = [("Word1", "Word2", "Mean"), ("one", "two", "7"), ("one", "three", "2"), ("one", "far", "1e0")]
        result = TOY.evaluate_pairs(write(tmp_path / "p.csv", "\n".join(separator.join(row) for row in rows)))
        assert result.used == 3

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("one\ttwo\t3\none\ttwo\tx\n", r"p\.tsv: line 2 is .*expected two words and a score"),
            ("one\ttwo\n", "line 1 is"),
            ("w\tv\ts\nw\tv\ts\n", "line 2 is"),
            ("one\ttwo\tnan\n", "score is not finite"),
            ("\ttwo\t3\n", "line 1 is"),
            ("", "0 of 0 pairs"),
            ("one\ttwo\t3\nx\ty\t3\n", "1 of 2 pairs have both words among the first 7 words"),
        ],
    )
    def test_malformed_files(self, tmp_path: Path, text: str, message: str) -> None:
        with pytest.raises(InputError, match=message):
            TOY.evaluate_pairs(write(tmp_path / "p.tsv", text))

    def test_equal_scores_have_no_correlation(self, tmp_path: Path) -> None:
        pairs = write(tmp_path / "p.tsv", "one two 3\none three 3\none far 3\n")
        with pytest.warns(UserWarning, match=r"p\.tsv: all scores of the pairs .* are 3, so there is no correlation"):
            result = TOY.evaluate_pairs(pairs)
        assert math.isnan(result.spearman)
        assert result.to_json()["spearman"] is None

    @pytest.mark.parametrize("file", ["wordsim353.tsv", "simlex999.txt"])
    def test_agrees_with_gensim(self, data_folder: Path, file: str) -> None:
        path = data_folder / "evaluation" / file
        words = {
            word
            for line in path.read_text(encoding="utf-8").splitlines()
            if not line.startswith("#")
            for word in line.split("\t")[:2]
        }
        known = sorted(words)[::2] + sorted(words)[1::4]
        v = WordVectors(known, np.random.default_rng(4).normal(size=(len(known), 5)))
        pearson, spearman, share = gensim_twin(v).evaluate_word_pairs(str(path))
        result = v.evaluate_pairs(path)
        assert (result.spearman, result.spearman_p_value) == pytest.approx(tuple(spearman), rel=1e-4)
        assert (result.pearson, result.pearson_p_value) == pytest.approx(tuple(pearson), rel=1e-4)
        assert 100 * result.out_of_vocabulary / (result.used + result.out_of_vocabulary) == pytest.approx(share)
        assert result.out_of_vocabulary > 0


@pytest.mark.parametrize(
    "text",
    [
        "word1\tword2\tPOS\tSimLex999\tconc(w1)\tSD\none\ttwo\tA\t1.5\t9\t3\none\tfar\tN\t2\t1\t1\ntwo\tfar\tV\t3\t5\t5\n",
        "one,two,1.5,7,8\none,far,2,1,1\ntwo,far,3,9,9\n",
    ],
)
def test_tables_with_more_columns_are_read_as_published(tmp_path: Path, text: str) -> None:
    plain = TOY.evaluate_pairs(write(tmp_path / "plain.txt", "one two 1.5\none far 2\ntwo far 3\n"))
    table = TOY.evaluate_pairs(write(tmp_path / "table.txt", text))
    assert (table.used, table.pearson, table.spearman) == (3, plain.pearson, plain.spearman)


def test_a_header_repeated_before_any_pair_is_a_line_without_a_score(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text("word1\tword2\tscore\nword1\tword2\n")
    with pytest.raises(InputError, match="two words and a score"):
        TOY.evaluate_pairs(path)
