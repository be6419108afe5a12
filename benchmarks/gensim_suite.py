"""gensim's own tests of Word2Vec, FastText, KeyedVectors and Phrases, run against `vastmax.gensim`.

The tests come with gensim. They are imported as they are, and the names of gensim's modules in them are pointed to
vastmax's. Each is then passed, failed, or left out for a reason: it reaches into gensim's private state or tests gensim
itself. Most are skipped by nobody; those that gensim's own conditions skip are told apart.

    .venv/bin/python benchmarks/gensim_suite.py                  # all, with a record
    .venv/bin/python benchmarks/gensim_suite.py word2vec -k sg   # some, without
"""

from __future__ import annotations

import argparse
import functools
import importlib
import logging
import sys
import time
import types
import unittest
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from harness import write_record

SUITES = ("word2vec", "keyedvectors", "fasttext", "phrases")

_PRIVATE = "calls a private function of gensim"
_OWN = "tests gensim itself, whatever the models are"
_FUNCTION = "saves a scoring function, which would have to be run from the file when it is loaded"
_READER = f"{_PRIVATE}: the reader of fastText's files"
LEFT_OUT = {
    "TestFromfile.test_compressed": _READER,
    "TestFromfile.test_decompressed": _READER,
    "UnicodeVocabTest.test_ascii": _READER,
    "UnicodeVocabTest.test_bad_unicode": _READER,
    "LoadWord2VecFormatTest.test_load_word2vec_format_basic": f"{_PRIVATE}: _load_word2vec_format(binary_chunk_size=…)",
    "LoadWord2VecFormatTest.test_load_word2vec_format_limit": f"{_PRIVATE}: _load_word2vec_format(binary_chunk_size=…)",
    "LoadWord2VecFormatTest.test_load_word2vec_format_space_stripping": f"{_PRIVATE}: _load_word2vec_format(…)",
    "TestPhraseAnalysis.test_simple_analysis": f"{_PRIVATE}: _PhrasesTransformation",
    "TestPhraseAnalysis.test_analysis_bigrams": f"{_PRIVATE}: _PhrasesTransformation",
    "TestPhraseAnalysis.test_analysis_connector_words": f"{_PRIVATE}: _PhrasesTransformation",
    "TestPhraseAnalysis.test_analysis_connector_words_in_between": f"{_PRIVATE}: _PhrasesTransformation",
    "TestPhrasesPersistence.test_save_load_custom_scorer": _FUNCTION,
    "TestFrozenPhrasesPersistence.test_save_load_custom_scorer": _FUNCTION,
    "TestWord2VecScripts.test_word2vec_stand_alone_script": f"{_OWN}: a script of its own",
    "TestWord2VecSentenceIterators.test_cython_line_sentence_works_with_filename": f"{_OWN}: compiled code of its own",
}
"""Test → why it cannot say anything about vastmax."""


def main() -> None:
    """Run what the command line asks for, print every result, and write a record if it was everything."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("suites", nargs="*", default=SUITES, metavar="|".join(SUITES))
    parser.add_argument("-k", dest="part", default="", help="only tests with this in their names")
    options = parser.parse_args()
    sys.modules.setdefault("testfixtures", _fixtures())
    logging.getLogger().addHandler(logging.NullHandler())  # what the models warn of is not of interest here
    warnings.simplefilter("ignore")
    began = time.perf_counter()
    results = {suite: run_suite(suite, options.part) for suite in options.suites}
    tally = Counter(result["result"] for tests in results.values() for result in tests.values())
    total = sum(tally.values())
    print(
        f"{tally['passed']} passed, {tally['failed']} failed, {tally['left out']} left out "
        f"({100 * tally['left out'] / max(total, 1):.1f} %), {tally['skipped']} skipped by gensim's own conditions; "
        f"{time.perf_counter() - began:.0f} s"
    )
    if set(options.suites) == set(SUITES) and not options.part:
        write_record(
            "gensim_suite",
            "Which of gensim's own tests pass when vastmax.gensim stands in for gensim?",
            {"summary": {**tally, "total": total}, "tests": results},
        )


def run_suite(suite: str, part: str) -> dict[str, dict[str, str]]:
    """Return the result of each test of a file, with the reason where it is not passed."""
    module = importlib.import_module(f"gensim.test.test_{suite}")
    point_to_vastmax(module)
    results: dict[str, dict[str, str]] = {}
    for test in sorted(_tests(unittest.defaultTestLoader.loadTestsFromModule(module)), key=lambda test: test.id()):
        name = test.id().removeprefix(f"gensim.test.test_{suite}.")
        if part not in name or name.startswith("gensim.test."):  # another file's, which this one imports
            continue
        if name in LEFT_OUT:
            results[name] = {"result": "left out", "reason": LEFT_OUT[name]}
        else:
            results[name] = _run(test)
        told = results[name]
        print(f"{told['result']:9} {suite}: {name}{': ' + told['reason'] if 'reason' in told else ''}", flush=True)
    return results


def point_to_vastmax(module: types.ModuleType) -> None:
    """Let the names of gensim's modules and classes in a test file mean vastmax's."""
    from vastmax.gensim import models
    from vastmax.gensim.models import fasttext, keyedvectors, phrases, word2vec

    gensim = importlib.import_module("gensim")
    stand_in = types.SimpleNamespace(models=models, utils=gensim.utils, test=importlib.import_module("gensim.test"))
    swapped = {
        "word2vec": word2vec,
        "keyedvectors": keyedvectors,
        "FT_gensim": fasttext.FastText,
        "FastTextKeyedVectors": fasttext.FastTextKeyedVectors,
        "KeyedVectors": keyedvectors.KeyedVectors,
        "Phrases": phrases.Phrases,
        "FrozenPhrases": phrases.FrozenPhrases,
        "original_scorer": phrases.original_scorer,
        "gensim": stand_in,
    }
    for name, value in swapped.items():
        if hasattr(module, name):
            setattr(module, name, value)


def _tests(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from _tests(test)
        else:
            yield test


def _run(test: unittest.TestCase) -> dict[str, str]:
    result = unittest.TestResult()
    test.run(result)
    if result.skipped:
        return {"result": "skipped", "reason": result.skipped[0][1]}
    broken = [*result.failures, *result.errors]
    if not broken:
        return {"result": "passed"}
    return {"result": "failed", "reason": broken[0][1].strip().splitlines()[-1][:300]}


def _fixtures() -> types.ModuleType:
    """Return what the tests use of the package testfixtures, which need not be installed."""

    class Captured(logging.Handler):
        def __init__(self) -> None:
            super().__init__()
            self.lines: list[str] = []

        def emit(self, record: logging.LogRecord) -> None:
            self.lines.append(record.getMessage())

        def __str__(self) -> str:
            return "\n".join(self.lines)

    def log_capture() -> Callable[..., Any]:
        def decorate(test: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(test)
            def run(self: Any) -> Any:
                captured = Captured()
                logging.getLogger().addHandler(captured)
                try:
                    return test(self, captured)
                finally:
                    logging.getLogger().removeHandler(captured)

            return run

        return decorate

    module = types.ModuleType("testfixtures")
    module.log_capture = log_capture  # type: ignore[attr-defined]
    return module


if __name__ == "__main__":
    main()
