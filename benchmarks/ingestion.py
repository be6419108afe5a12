"""Reading text: counting and encoding here against gensim's counting alone, and peak memory as the text grows tenfold.

Each run is a process of its own; what its imports cost is measured too and taken off both sides.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from harness import SCRATCH, as_json, run_python, spread, unpacked, write_record

GENSIM_IMPORT = "import gensim.models.word2vec"
GENSIM = """
import sys, warnings
warnings.filterwarnings("ignore")
from gensim.models.word2vec import Word2Vec
Word2Vec(min_count=5).scan_vocab(corpus_file=sys.argv[1])
"""
VASTMAX_IMPORT = "from vastmax import Corpus"
VASTMAX = """
import sys
from vastmax import Corpus
with Corpus(sys.argv[1], cache=False) as corpus:
    print('{"tokens": %d, "types": %d}' % (corpus.num_tokens, len(corpus.vocabulary)))
"""


def repeated(text: Path, times: int) -> Path:
    """Return the text over and over, in one file."""
    large = SCRATCH / f"{text.stem}-times-{times}.txt"
    with large.open("wb") as out:
        for _ in range(times):
            with text.open("rb") as file:
                shutil.copyfileobj(file, out)
    return large


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=5)
    arguments = parser.parse_args()
    text = unpacked("wiki8.txt")
    seconds: dict[str, list[float]] = {name: [] for name in ("gensim", "vastmax", "gensim_import", "vastmax_import")}
    codes = {"gensim": GENSIM, "vastmax": VASTMAX, "gensim_import": GENSIM_IMPORT, "vastmax_import": VASTMAX_IMPORT}
    for _ in range(arguments.repetitions):
        for name, code in codes.items():  # in turn
            seconds[name].append(run_python(code, [str(text)]).cpu_seconds)
    net = {
        tool: [whole - imports for whole, imports in zip(seconds[tool], seconds[f"{tool}_import"], strict=True)]
        for tool in ("gensim", "vastmax")
    }
    ratios = [v / g for g, v in zip(net["gensim"], net["vastmax"], strict=True)]
    small = run_python(VASTMAX, [str(text)])
    large_text = repeated(text, 10)
    try:
        large = run_python(VASTMAX, [str(large_text)])
    finally:
        large_text.unlink()
    write_record(
        "ingestion",
        "What does counting and encoding cost against gensim's counting, and does memory stay flat as text grows?",
        {
            "corpus": "wiki8",
            "bytes": text.stat().st_size,
            "cpu_seconds": {name: spread(values) for name, values in seconds.items()},
            "cpu_seconds_without_imports": {tool: spread(values) for tool, values in net.items()},
            "cpu_ratio_vastmax_over_gensim": spread(ratios),
            "memory": {"once": as_json(small), "ten_times": as_json(large)},
        },
    )


if __name__ == "__main__":
    main()
