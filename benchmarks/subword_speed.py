"""Vectors made of n-grams: processor time and rare words, beside the packages fasttext and gensim at equal settings.

The first three million words of wiki8 are read without 500 words that are rare in them. Each program trains one epoch
on one thread, from the text file to the vectors, and then says how similar each of these words, which it never saw, is
to words that it knows. It is judged by the rank correlation with the similarities in vectors that were trained on all
of wiki8, as whole words.

Each part takes some minutes at most: `python benchmarks/subword_speed.py vastmax skipgram`, and so on. `prepare` comes
first; each run is kept, and `record` puts together what was measured.
"""

from __future__ import annotations

import argparse
import json
from importlib.metadata import distributions, version
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from harness import SCRATCH, run_python, spread, unpacked, write_record
from vastmax import Corpus, WordVectors, train_embeddings

WORDS, HIDDEN, NEAR = 3_000_000, 500, 10
SETTINGS = {
    "vector_size": 100,
    "window": 5,
    "negative": 5,
    "sample": 1e-3,
    "min_count": 5,
    "min_n": 3,
    "max_n": 6,
    "bucket": 2_000_000,
    "epochs": 1,
}
FOLDER = SCRATCH / "subwords"
TEXT, GOLD, PAIRS = FOLDER / "text.txt", FOLDER / "gold.safetensors", FOLDER / "pairs.json"
STUDY = FOLDER / "study.json"
MODELS = ("skipgram", "cbow")
FASTTEXT = ("fasttext", "fasttext-wheel", "fasttext-numpy2-wheel")

# Each program gets text, model, settings and pairs; it prints the processor time and a similarity for each pair.
START = """
import json, sys, time
text, model, settings, pairs = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), json.load(open(sys.argv[4]))
began = time.process_time()
"""
END = """
spent = time.process_time() - began
print(json.dumps({"cpu_seconds": spent, "similarities": [float(similarity(a, b)) for a, b, _ in pairs]}))
"""
PROGRAMS = {
    "vastmax": """
from vastmax import train_embeddings
from vastmax.kernels import embedding_kernel
embedding_kernel.LONGEST_SEGMENT = settings.pop("segment", embedding_kernel.LONGEST_SEGMENT)
began = time.process_time()
vectors = train_embeddings(text, model=model, threads=1, **settings)
similarity = vectors.similarity
""",
    "fasttext": """
import fasttext, numpy
began = time.process_time()
trained = fasttext.train_unsupervised(
    text, model=model, dim=settings["vector_size"], ws=settings["window"], neg=settings["negative"],
    epoch=settings["epochs"], thread=1,
    t=settings["sample"], minCount=settings["min_count"], minn=settings["min_n"], maxn=settings["max_n"],
    bucket=settings["bucket"], verbose=0)
def similarity(a, b):
    a, b = trained.get_word_vector(a), trained.get_word_vector(b)
    return a @ b / (numpy.linalg.norm(a) * numpy.linalg.norm(b))
""",
    "gensim": """
from gensim.models import FastText
began = time.process_time()
trained = FastText(
    corpus_file=text, sg=int(model == "skipgram"), epochs=settings["epochs"], workers=1,
    bucket=settings["bucket"],
    vector_size=settings["vector_size"], window=settings["window"], negative=settings["negative"],
    sample=settings["sample"], min_count=settings["min_count"], min_n=settings["min_n"], max_n=settings["max_n"])
similarity = trained.wv.similarity
""",
}


def prepare() -> None:
    """Write the text without the hidden words, the vectors that judge, and the pairs that are judged."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    whole = unpacked("wiki8.txt")
    if not GOLD.exists():
        train_embeddings(str(whole), epochs=5, threads=1).save(GOLD)
    gold = WordVectors.load(GOLD)
    lines, taken = [], 0
    with whole.open(encoding="utf-8") as file:
        for line in file:
            lines.append(line.split())
            taken += len(lines[-1])
            if taken >= WORDS:
                break
    vocabulary = Corpus(lines, cache=False).vocabulary.truncate(min_count=5)
    counts = dict(zip(vocabulary.words, vocabulary.counts.tolist(), strict=True))
    rare = [word for word, count in counts.items() if 5 <= count <= 20 and len(word) > 4 and word in gold]
    assert gold.counts is not None
    often = [word for word in rare if gold.counts[gold.word_id(word)] >= 40]
    random = np.random.default_rng(0)
    hidden = [str(word) for word in random.choice(sorted(often), HIDDEN, replace=False)]
    left_out = set(hidden)
    TEXT.write_text(
        "".join(" ".join(word for word in line if word not in left_out) + "\n" for line in lines), encoding="utf-8"
    )
    known = [word for word, count in counts.items() if count >= 20 and word not in left_out and word in gold]
    pairs = []
    for word in hidden:
        near = islice(gold.most_similar(word, topn=NEAR, restrict_vocab=known), NEAR)
        others = [other for other, _ in near] + [str(other) for other in random.choice(known, NEAR)]
        pairs += [(word, other, gold.similarity(word, other)) for other in others]
    PAIRS.write_text(json.dumps(pairs))
    print(f"{taken:,} words, {len(known):,} known, {len(pairs):,} pairs of {HIDDEN} hidden words")


def measure(program: str, model: str, options: dict[str, Any]) -> dict[str, Any]:
    """Run one program and judge what it says."""
    settings = json.dumps({**SETTINGS, **options})
    code = START + PROGRAMS[program] + END
    run = run_python(code, [str(TEXT), model, settings, str(PAIRS)], environment={"OMP_NUM_THREADS": "1"})
    truth = [score for _, _, score in json.loads(PAIRS.read_text())]
    found = {
        "cpu_seconds": round(run.answer["cpu_seconds"], 2),
        "peak_gigabytes": round(run.peak_bytes / 1e9, 2),
        "spearman": round(float(spearmanr(truth, run.answer["similarities"]).statistic), 4),
    }
    print(program, model, options, found, flush=True)
    return found


def study() -> list[dict[str, Any]]:
    """Measure the length of a segment, and the default rates beside those of whole words."""
    rates = {"skipgram": 0.0275, "cbow": 0.1}
    tried: list[tuple[str, dict[str, Any]]] = [("skipgram", {"segment": segment}) for segment in (32, 128, 512)]
    for model in MODELS:
        for epochs in (1, 5):
            tried += [(model, {"epochs": epochs}), (model, {"epochs": epochs, "alpha": rates[model]})]
    return [{"model": model, **options, **measure("vastmax", model, options)} for model, options in tried]


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the last of several runs with the spread of the processor times of all."""
    return {**runs[-1], "cpu_seconds": spread([run["cpu_seconds"] for run in runs])}


def results_file(program: str, model: str) -> Path:
    """Return where the results of a program are kept until the record is written."""
    return FOLDER / f"{program}.{model}.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", choices=[*PROGRAMS, "prepare", "study", "record"])
    parser.add_argument("model", nargs="?", choices=MODELS, default="skipgram")
    arguments = parser.parse_args()
    if arguments.program == "prepare":
        prepare()
    elif arguments.program == "record":
        found = {
            model: {program: summary(json.loads(results_file(program, model).read_text())) for program in PROGRAMS}
            for model in MODELS
        }
        for of_model in found.values():
            for name in ("fasttext", "gensim"):
                ratio = of_model[name]["cpu_seconds"]["median"] / of_model["vastmax"]["cpu_seconds"]["median"]
                of_model[name]["times_the_cpu_seconds_of_vastmax"] = round(ratio, 1)
        settings = {**SETTINGS, "threads": 1, "words": WORDS, "hidden": HIDDEN}
        question = "How fast are vectors made of n-grams trained, and how good are those of words never seen?"
        content = {
            "settings": settings,
            "fasttext": next(version(name) for name in FASTTEXT if name in {each.name for each in distributions()}),
            "by_model": found,
            "study": json.loads(STUDY.read_text()),
        }
        write_record("subword_speed", question, content)
    elif arguments.program == "study":
        STUDY.write_text(json.dumps(study()))
    else:
        file = results_file(arguments.program, arguments.model)
        earlier = json.loads(file.read_text()) if file.exists() else []
        file.write_text(json.dumps([*earlier, measure(arguments.program, arguments.model, {})]))


if __name__ == "__main__":
    main()
