"""Every recipe has a page that says all it should, code that runs, and a figure that the library makes."""

from __future__ import annotations

import inspect
import json
import re
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from page_programs import run_programs
from vastmax.methods import RECIPES

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "concepts" / "methods"
HEADINGS = ["Equation", "Cost", "Bias", "When not to use it", "Options", "Code", "Published and measured", "Source"]


def page(name: str) -> str:
    return (PAGES / f"{name}.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tool() -> Iterator[ModuleType]:
    """The module tools/method_figures.py."""
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        yield import_module("method_figures")
    finally:
        sys.path.remove(str(ROOT / "tools"))


def test_every_recipe_has_a_page_and_every_page_is_of_one() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == {*RECIPES, "index"}


@pytest.mark.parametrize("name", RECIPES)
def test_a_page_says_all_that_it_should(name: str) -> None:
    text = page(name)
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert [heading for heading in headings if heading in HEADINGS] == HEADINGS
    assert re.search(rf"!\[[^\]]+\]\(\.\./\.\./img/methods/{name}\.svg\)", text)
    assert f'RECIPES["{name}"]' in text
    for cost in ("a training step", "scoring a given word", "the best word", "memory", "parameters"):
        assert f"| {cost} |" in text, cost


@pytest.mark.parametrize("name", RECIPES)
def test_a_page_names_every_option(name: str) -> None:
    (options,) = re.findall(r"^## Options\n(.*?)^## ", page(name), re.MULTILINE | re.DOTALL)
    for parameter in inspect.signature(RECIPES[name].build).parameters.values():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            assert f"`{parameter.name}`" in options, parameter.name


@pytest.mark.parametrize("name", RECIPES)
def test_the_code_of_a_page_runs(name: str) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    run_programs(f"concepts/methods/{name}.md")


def test_every_recipe_has_a_figure_on_paper_of_its_own(tool: ModuleType) -> None:
    from figures.style import PAPER

    assert sorted(tool.FIGURES) == sorted(RECIPES)
    for name in RECIPES:
        path = tool.IMAGES / f"{name}.svg"
        ElementTree.parse(path)
        assert PAPER in path.read_text(encoding="utf-8"), name
        assert tool.numbers_in(name) == tool.rounded(tool.numbers_in(name)), name


def close(found: Any, expected: Any, where: str = "") -> None:
    """Nested data with numbers as near as another machine's arithmetic allows."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), where
        for key in expected:
            close(found[key], expected[key], f"{where}/{key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for i, (a, b) in enumerate(zip(found, expected, strict=True)):
            close(a, b, f"{where}/{i}")
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-3, abs=1e-6), where
    else:
        assert found == expected, where


@pytest.mark.parametrize(
    "name", ["hierarchical-softmax", "two-level", "differentiated", "adaptive", "negative-sampling"]
)
def test_the_library_still_computes_what_a_figure_shows(tool: ModuleType, name: str) -> None:
    shown = tool.numbers_in(name)
    found = tool.rounded(tool.FIGURES[name].numbers())
    if name == "negative-sampling":
        assert shown.pop("largest_error") < 0.01  # how near the optimiser came, which differs by machine
        assert found.pop("largest_error") < 0.01
    close(found, shown)


def says(name: str, words: str) -> None:
    assert words in " ".join(page(name).split()), f"{name}.md says no longer: {words}"


def test_what_the_pages_say_of_the_figures(tool: ModuleType) -> None:
    """A figure that is drawn anew, or a text that is written anew, may part from the other."""
    says("two-level", "With √V classes of √V words, both steps take √V scores")
    classes = tool.numbers_in("two-level")
    scores = dict(zip(classes["classes"], classes["scores"]["equal sizes, words alike"], strict=True))
    assert min(scores, key=scores.__getitem__) == 100  # √V
    assert scores[100] == 200  # 2·√V
    says("hierarchical-softmax", "within a fraction of a bit of the entropy")
    tree = tool.numbers_in("hierarchical-softmax")
    assert tree["entropy"] < tree["expected"] < tree["entropy"] + 0.25
    says("negative-sampling", "on a Zipf distribution over 10,000 words, whose own perplexity is 740")
    assert [round(x) for x in tool.numbers_in("negative-sampling")["perplexity"].values()] == [740, 3930, 10_000]
    cosine = tool.numbers_in("cnn-softmax")["cosine"]["CharCNN"]
    assert cosine["forms of one word"] > 2 * cosine["other words"]
    by_sharing = tool.numbers_in("adaptive-importance-sampling")["ess"]
    assert by_sharing["adaptive bigram"][0] > 1.1 * by_sharing["unigram"][0]
    for name in ("bigram", "trigram"):  # the fewer contexts share the draws, the farther behind the unigrams
        assert by_sharing[name][0] / by_sharing["unigram"][0] < by_sharing[name][-1] / by_sharing["unigram"][-1] < 1
    says("char-lstm", "a fifth of its probability still lies on strings outside the vocabulary")
    assert 0.75 < tool.numbers_in("char-lstm")["rows"][-1]["mass"] < 0.85  # a fifth lies outside
    says("nce", "off by the mean of log Z, 0.13 nats here")
    assert tool.numbers_in("nce")["nce"][-1]["mean"] == pytest.approx(0.13, abs=0.005)
    z = {row["alpha"]: row["mean_abs"] for row in tool.numbers_in("self-normalised")["rows"]}
    assert z[10.0] < z[1.0] < z[0.1] < z[0.01] < z[0.0]
    squared = tool.numbers_in("infrequent-normalisation")["penalties"]["squared"][-1]
    assert squared["mean"] == pytest.approx(5, abs=1)  # 1/(2α)
    errors = tool.numbers_in("sampled-softmax")["errors"]
    assert errors["unique draws, corrected"][-1] < 1e-6  # K = V
    assert errors["no correction"][2] > 5 * errors["unique draws, corrected"][2]


def test_the_bias_recorded_is_the_bias_shown_and_agrees_with_the_formula(tool: ModuleType) -> None:
    """To first order the loss is off by −(Σ p²/Q − 1)/(2K)."""
    record = json.loads((ROOT / "benchmarks" / "records" / "sampling_proposals.json").read_text(encoding="utf-8"))
    laws = record["groups"]["bias"]["laws"]
    assert tool.numbers_in("importance-sampling")["laws"] == tool.rounded(laws), "run: tools/method_figures.py"
    for law in laws.values():
        for row in law["by_K"]:
            if row["K"] >= 1024:
                assert row["bias"] == pytest.approx(row["first_order"], rel=0.03)
            assert row["bias"] < 0


def test_what_is_said_of_fixed_ngrams_is_what_was_recorded() -> None:
    says("importance-sampling", "Fixed mixtures had the smaller effective sample sizes in every setting")
    says("importance-sampling", "In perplexity they ended within 4 % of unigrams, on either side")
    says("importance-sampling", "introduced late, they ended up to 1 % lower")
    says("importance-sampling", "ended 2 % below unigrams at both sizes")
    says("importance-sampling", "Sampled softmax with as many draws ended below all of them")
    record = json.loads((ROOT / "benchmarks" / "records" / "fixed_ngrams.json").read_text(encoding="utf-8"))
    fixed = ("bigram", "trigram", "bigram, late", "trigram, late")
    for batch_size in record["settings"]["batch_sizes"]:
        rows = {row["case"]: row for row in record["results"] if row["batch_size"] == batch_size}
        perplexity = {name: row["valid_perplexity"] for name, row in rows.items()}
        size = {name: (row["held_out"] or {}).get("ess_mean") for name, row in rows.items()}
        for name in fixed:
            assert size[name] < size["unigram"]
            assert perplexity[name] == pytest.approx(perplexity["unigram"], rel=0.04)
            assert perplexity["sampled softmax"] < perplexity[name]
        assert 0.97 < perplexity["adaptive bigram"] / perplexity["unigram"] < 0.985
        for name in ("bigram, late", "trigram, late"):
            assert 0.98 < perplexity[name] / perplexity["unigram"] < 1
