"""Phrases: finding and joining them here and by gensim's Phrases, on one text with the same settings.

Each run is a process of its own, and measures its CPU-seconds from the text file to the joined text file, its imports
behind it. The joined texts are compared byte for byte, and the tables of phrases by name and score.
"""

from __future__ import annotations

import argparse
import filecmp
import json
from pathlib import Path

from harness import SCRATCH, Run, as_json, run_python, spread, unpacked, write_record

MIN_COUNT = 5
THRESHOLD = {"gensim": 10.0, "npmi": 0.5}  # by our name of the scoring; "gensim" is gensim's "default"

GENSIM = """
import json, sys, time, warnings
warnings.filterwarnings("ignore")
from gensim.models.phrases import Phrases
from gensim.models.word2vec import LineSentence
text, out, table, scoring, min_count, threshold = sys.argv[1:]
began = time.process_time()
sentences = LineSentence(text, max_sentence_length=10**9)
model = Phrases(sentences, min_count=int(min_count), threshold=float(threshold), scoring=scoring)
found = time.process_time()
with open(out, "w", encoding="utf-8") as file:
    for sentence in model[sentences]:
        file.write(" ".join(sentence) + "\\n")
joined = time.process_time()
with open(table, "w") as file:
    json.dump(model.export_phrases(), file)
print(json.dumps({"find_cpu_seconds": found - began, "join_cpu_seconds": joined - found}))
"""
VASTMAX = """
import json, sys, time
from vastmax.text import Corpus, find_phrases, plain_text
text, out, table, scoring, min_count, threshold = sys.argv[1:]
began = time.process_time()
corpus = Corpus(text, cache=False)
read = time.process_time()
model = find_phrases(corpus, min_count=int(min_count), threshold=float(threshold), scoring=scoring)
found = time.process_time()
with open(out, "wb") as file:
    joined_corpus = model.apply(corpus)
    for piece in plain_text(joined_corpus):
        file.write(piece)
joined = time.process_time()
with open(table, "w") as file:
    json.dump({phrase.text: phrase.score for phrase in model}, file)
print(json.dumps({
    "read_cpu_seconds": read - began, "find_cpu_seconds": found - read, "join_cpu_seconds": joined - found,
    "tokens": corpus.num_tokens, "joined_tokens": joined_corpus.num_tokens, "phrases": len(model),
}))
"""


def compared(scoring: str, text: Path, repetitions: int) -> dict[str, object]:
    """Both tools in turn, and whether they gave the same."""
    names = {"gensim": "default" if scoring == "gensim" else scoring, "vastmax": scoring}
    codes = {"gensim": GENSIM, "vastmax": VASTMAX}
    out = {tool: SCRATCH / f"phrases-{tool}.txt" for tool in names}
    tables = {tool: SCRATCH / f"phrases-{tool}.json" for tool in names}
    runs: dict[str, list[Run]] = {tool: [] for tool in names}
    for _ in range(repetitions):
        for tool, name in names.items():  # in turn
            given = [text, out[tool], tables[tool], name, MIN_COUNT, THRESHOLD[scoring]]
            runs[tool].append(run_python(codes[tool], list(map(str, given))))
    same_text = filecmp.cmp(out["gensim"], out["vastmax"], shallow=False)
    theirs, ours = (json.loads(tables[tool].read_text()) for tool in names)
    differences = [abs(theirs[name] - ours[name]) for name in theirs.keys() & ours.keys()]
    for path in (*out.values(), *tables.values()):
        path.unlink()
    seconds = {tool: [_cpu_seconds(run) for run in runs[tool]] for tool in names}
    return {
        "settings": {"min_count": MIN_COUNT, "threshold": THRESHOLD[scoring], "gensim_scoring": names["gensim"]},
        "equal": {
            "joined_text": same_text,
            "phrases": theirs.keys() == ours.keys(),
            "largest_difference_of_scores": max(differences),
        },
        "cpu_seconds": {tool: spread(values) for tool, values in seconds.items()},
        "cpu_ratio_gensim_over_vastmax": spread(
            [g / v for g, v in zip(seconds["gensim"], seconds["vastmax"], strict=True)]
        ),
        "peak_bytes": {tool: max(run.peak_bytes for run in runs[tool]) for tool in names},
        "runs": {tool: [as_json(run) for run in runs[tool]] for tool in names},
    }


def _cpu_seconds(run: Run) -> float:
    return sum(value for name, value in run.answer.items() if name.endswith("_cpu_seconds"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=3)
    arguments = parser.parse_args()
    text = unpacked("wiki8.txt")
    content = {
        scoring: compared(scoring, text, arguments.repetitions if scoring == "gensim" else 1) for scoring in THRESHOLD
    }
    write_record(
        "phrases",
        "What do phrases cost against gensim's, from text file to joined text file, and are they the same?",
        {"corpus": "wiki8", "bytes": text.stat().st_size, "target_ratio": 5, **content},
    )


if __name__ == "__main__":
    main()
