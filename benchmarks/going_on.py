"""Continue training on new text: half of wiki8, then the other half, compared with all of it at once."""

from __future__ import annotations

import argparse
from typing import Any

from harness import SCRATCH, corpora, unpacked, write_record
from vastmax import Corpus, WordVectors, train_embeddings


def judged(vectors: WordVectors) -> dict[str, Any]:
    evaluation = corpora() / "evaluation"
    return {
        "words": len(vectors),
        "wordsim353": round(vectors.evaluate_pairs(evaluation / "wordsim353.tsv").spearman, 3),
        "simlex999": round(vectors.evaluate_pairs(evaluation / "simlex999.txt").spearman, 3),
        "analogies": round(vectors.evaluate_analogies(evaluation / "questions-words.txt").accuracy, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    whole = unpacked("wiki8.txt")
    lines = whole.read_text(encoding="utf-8").splitlines(keepends=True)
    halves = [SCRATCH / "wiki8.first.txt", SCRATCH / "wiki8.second.txt"]
    halves[0].write_text("".join(lines[: len(lines) // 2]), encoding="utf-8")
    halves[1].write_text("".join(lines[len(lines) // 2 :]), encoding="utf-8")
    first, second, both = (Corpus(path, cache=False) for path in (*halves, whole))
    results: dict[str, list[dict[str, Any]]] = {}
    for seed in range(1, arguments.seeds + 1):
        options: dict[str, Any] = {"epochs": arguments.epochs, "seed": seed, "threads": 1}
        start = train_embeddings(first, **options)
        results.setdefault("first half", []).append(judged(start))
        results.setdefault("second half", []).append(judged(train_embeddings(second, **options)))
        for alpha in (0.0275, 0.0138, 0.0055):
            later = train_embeddings(second, start=start, alpha=alpha, **options)
            results.setdefault(f"first half, then the second at alpha={alpha}", []).append(judged(later))
        results.setdefault("both at once", []).append(judged(train_embeddings(both, **options)))
    write_record(
        "going_on",
        "How good are vectors that went on with new text, beside those of all of the text at once?",
        {"settings": {"corpus": "wiki8", "epochs": arguments.epochs, "threads": 1}, "by_seed": results},
    )


if __name__ == "__main__":
    main()
