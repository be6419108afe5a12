"""Write the tables of the pages below that come from benchmarks/records/, between their marks; `--check` only compares.

A number in the documentation that no record holds cannot get there this way.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from framework_tables import TABLES as FRAMEWORK_TABLES
from method_tables import REGISTRY_TABLES, fixed_ngrams, measured, tree_methods
from paper_tables import TABLES as PAPER_TABLES
from rate_tables import TABLES as RATE_TABLES
from search_tables import TABLES as SEARCH_TABLES

from vastmax.options import with_new_names

ROOT = Path(__file__).resolve().parents[1]
RECORDS = ROOT / "benchmarks" / "records"
PAGES = (
    ROOT / "README.md",
    ROOT / "docs" / "guides" / "phrases.md",
    ROOT / "docs" / "guides" / "coming-from-fasttext.md",
    ROOT / "docs" / "guides" / "options.md",
    ROOT / "docs" / "guides" / "recommenders.md",
    ROOT / "docs" / "guides" / "language-models.md",
    ROOT / "docs" / "guides" / "search.md",
    ROOT / "docs" / "guides" / "transformers.md",
    ROOT / "docs" / "reproductions.md",
    *sorted((ROOT / "docs" / "concepts" / "methods").glob("*.md")),
)
MARKED = re.compile(r"(<!-- bench: (?P<name>[a-z0-9_]+)(?: (?P<of>[a-z-]+))? -->\n).*?(<!-- /bench -->)", re.DOTALL)
"""The name of a record and, if one record serves several pages, the part of it."""


SPEED_RECORDS = {
    "embedding_speed": "skip-gram, negative sampling",
    "embedding_speed_hs": "skip-gram, hierarchical softmax",
    "embedding_speed_cbow": "CBOW, negative sampling",
    "embedding_speed_cbow_hs_word2vec": "CBOW (word2vec's gradient), hierarchical softmax",
}


def embedding_speed(record: dict[str, Any]) -> str:
    """Return the comparison with gensim: CPU-seconds and quality of each model, and the ratio with its spread."""
    lines = [
        "| | | CPU-seconds | WordSim-353 | SimLex-999 | analogies | seeds |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, model in SPEED_RECORDS.items():
        case = json.loads((RECORDS / f"{name}.json").read_text())
        ratio, seeds = case["cpu_ratio_gensim_over_vastmax"], case["settings"]["seeds"]
        for tool in ("gensim", "vastmax"):
            result = case[tool]
            lines.append(
                f"| {model if tool == 'gensim' else ''} | {tool} | {result['cpu_seconds']['median']:.0f} "
                f"| {_mean(result['wordsim353'], 3)} | {_mean(result['simlex999'], 3)} "
                f"| {_mean(result['analogies_percent'], 1)} % | {seeds} |"
            )
        times = f"**{ratio['median']:.1f} times fewer** ({ratio['least']:.1f} to {ratio['most']:.1f})"
        lines.append(f"| | | {times} | | | | |")
    machine = record["machine"]
    lines += [
        "",
        f"gensim {machine['versions']['gensim']}; medians of CPU-seconds, quality as mean ± standard deviation; on "
        f"{machine['processor']}, {machine['cores']} cores shared with other work.",
    ]
    return "\n".join(lines)


def phrases(record: dict[str, Any]) -> str:
    """CPU-seconds and memory beside gensim's, and whether the results agree."""
    result, versions = record["gensim"], record["machine"]["versions"]
    lines = ["| | CPU-seconds | peak memory |", "|---|---|---|"]
    for tool, name in (("gensim", f"gensim {versions['gensim']}"), ("vastmax", "vastmax")):
        seconds, peak = result["cpu_seconds"][tool]["median"], result["peak_bytes"][tool]
        lines.append(f"| {name} | {seconds:.1f} | {peak / 2**20:.0f} MiB |")
    ratio, equal = result["cpu_ratio_gensim_over_vastmax"], result["equal"]
    same = equal["joined_text"] and equal["phrases"] and equal["largest_difference_of_scores"] == 0
    tokens, found = (result["runs"]["vastmax"][0]["answer"][name] for name in ("tokens", "phrases"))
    lines += [
        "",
        f"One pass over {record['corpus']} ({tokens:,} words; {found:,} phrases) with the same settings, from text to "
        f"joined text, without imports: {ratio['median']:.0f} times fewer CPU-seconds. Joined text, phrases and scores "
        f"are {'equal' if same else 'NOT EQUAL'}.",
    ]
    return "\n".join(lines)


def subword_speed(record: dict[str, Any]) -> str:
    """CPU-seconds, memory and hidden words of three programs."""
    names = {
        "vastmax": "vastmax",
        "fasttext": f"fasttext {record['fasttext']}",
        "gensim": f"gensim {record['machine']['versions']['gensim']}",
    }
    lines = ["| model | | CPU-seconds | | peak memory | hidden words |", "|---|---|---|---|---|---|"]
    for model, found in record["by_model"].items():
        for program, name in names.items():
            result = found[program]
            times = result.get("times_the_cpu_seconds_of_vastmax")
            lines.append(
                f"| {model if program == 'vastmax' else ''} | {name} | {result['cpu_seconds']['median']:.1f} "
                f"| {f'{times:.1f} times as many' if times else ''} | {result['peak_gigabytes']:.1f} GB "
                f"| {result['spearman']:.2f} |"
            )
    return "\n".join(lines)


def embedding_options(record: dict[str, Any]) -> str:
    """Return the straight line of every curve, and how far the points are from it."""
    names = {
        "negative": "noise word",
        "window": "word of `window`",
        "vector_size": "vector dimension",
        "path_length": "decision",
    }
    lines = ["| model | objective | constant | plus, per | largest deviation |", "|---|---|---|---|---|"]
    for curve in record["curves"]:
        line = curve["line"]
        if curve["option"] == "path_length" and curve["objective"] == "negative-sampling":
            continue  # walks no path: it is there to show what more words alone cost
        lines.append(
            f"| {curve['model']} | {curve['objective']} | {line['start']:.0f} ns per {curve['unit']} "
            f"| {names[curve['option']]}: {line['slope']:.2g} ns | {100 * line['largest_relative_distance']:.0f} % |"
        )
    return "\n".join(lines)


def embedding_options_quality(record: dict[str, Any]) -> str:
    """Return every value of every option, then the spread of the defaults."""
    lines = ["| option | CPU-seconds | WordSim-353 | SimLex-999 | analogies |", "|---|---|---|---|---|"]
    for option, points in record["curves"].items():
        for point in points:
            default = " (default)" if point[option] == record["settings"][option] and option != "epochs" else ""
            lines.append(
                f"| `{option}` {point[option]:g}{default} | {point['cpu_seconds']:.0f} | {point['wordsim353']:.3f} "
                f"| {point['simlex999']:.3f} | {point['analogies_percent']:.1f} % |"
            )
    result = record["defaults"]
    lines += [
        "",
        f"The defaults, over {len(result['cpu_seconds']['all'])} seeds: {_mean(result['wordsim353'], 3)}, "
        f"{_mean(result['simlex999'], 3)}, {_mean(result['analogies_percent'], 1)} %.",
    ]
    return "\n".join(lines)


def two_towers(record: dict[str, Any]) -> str:
    """Return each method's ranking wherever it was measured, and what training had cost by then."""
    names = {
        "full": "softmax over all items",
        "sampled": "sampled softmax",
        "in-batch": "in-batch, log-Q corrected",
        "bpr": "Bayesian personalized ranking",
    }
    groups = record["groups"]
    lines = ["| method | epochs | CPU-seconds of training | Recall@20 | NDCG@20 |", "|---|---|---|---|---|"]
    for method, name in names.items():
        for row in groups.get(method, {"epochs": []})["epochs"]:
            if "recall" in row and row["epoch"] % 10 == 0:
                lines.append(
                    f"| {name} | {row['epoch']} | {row['cpu_seconds']:,.0f} | {row['recall']:.4f} | {row['ndcg']:.4f} |"
                )
    best = {
        method: max((row for row in groups[method]["epochs"] if "recall" in row), key=lambda row: row["epoch"])
        for method in ("full", "sampled")
    }
    settings, claim = groups["sampled"]["settings"], groups["steps"]["claims"][0]
    share = best["sampled"]["recall"] / best["full"]["recall"]
    faster = best["full"]["cpu_seconds"] / best["sampled"]["cpu_seconds"]
    lines += [
        "",
        f"{settings['users']:,} users, {settings['training_pairs']:,} pairs, D = {settings['width']}, batches of "
        f"{settings['batch_size']:,}, {settings['num_samples']:,} sampled items, the same rate for all. A step over "
        f"all items takes {claim['ratio']['median']:.0f} times the CPU-seconds of a sampled one, timed alternately. "
        f"At the end of these runs sampling had {100 * share:.1f} % of the full softmax's Recall@20, in "
        f"{faster:.1f} times fewer CPU-seconds.",
    ]
    return "\n".join(lines)


PYTORCH = "PyTorch's softmax"

INSTRUCTION_SETS = {"avx512": "AVX-512", "avx2": "AVX2", "baseline": "plain x86-64", "neon": "NEON"}


def instruction_sets(record: dict[str, Any]) -> str:
    """CPU-time of every kernel by instruction set, and how many times less that is than gensim's or PyTorch's."""
    parts = record["cpu_seconds"]
    targets = list(parts["heads"]["softmax"])
    lines = [
        "| | " + " | ".join(INSTRUCTION_SETS[name] for name in targets) + " | × is against |",
        "|---|" + "---|" * (len(targets) + 1),
    ]
    softmax = parts["heads"].pop(PYTORCH)
    for part, cases in parts.items():
        for case, by in cases.items():
            others = {"embedding": parts["gensim"].get(case), "heads": softmax}.get(part)
            cells = []
            for name in targets:
                seconds = by[name]["median"]
                cells.append(_duration(seconds) + (f", {others[name]['median'] / seconds:.1f}×" if others else ""))
            against = {"embedding": "gensim", "heads": PYTORCH}.get(part, "")
            if part != "gensim":
                lines.append(f"| {case} | {' | '.join(cells)} | {against} |")
    machine = record["machine"]
    lines += [
        "",
        f"CPU-time of one thread on {machine['processor']}, medians of {record['rounds']} rounds. Vectors: one epoch "
        f"of {record['words'] / 1e6:.0f} million words of Wikipedia; output layers: a training step of 1,024 examples, "
        f"V = 100,000, D = 256. gensim {machine['versions']['gensim']} and PyTorch "
        f"{machine['versions']['torch'].split('+')[0]} are held to the same instructions.",
    ]
    return "\n".join(lines)


def _duration(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{1000 * seconds:.3g} ms" if seconds >= 1e-3 else f"{1e6 * seconds:.3g} µs"


def _mean(result: dict[str, Any], digits: int) -> str:
    return f"{result['mean']:.{digits}f} ± {result['standard_deviation']:.{digits}f}"


TABLES = {
    "instruction_sets": instruction_sets,
    "embedding_speed": embedding_speed,
    "embedding_options": embedding_options,
    "embedding_options_quality": embedding_options_quality,
    "fixed_ngrams": fixed_ngrams,
    "output_layers": measured,
    "phrases": phrases,
    "subword_speed": subword_speed,
    "tree_methods": tree_methods,
    "two_towers": two_towers,
    **FRAMEWORK_TABLES,
    **PAPER_TABLES,
    **RATE_TABLES,
    **SEARCH_TABLES,
}


def with_tables(text: str) -> str:
    """Return the text with every marked table rewritten from its record."""

    def table(match: re.Match[str]) -> str:
        if match["name"] in REGISTRY_TABLES:
            return f"{match[1]}{REGISTRY_TABLES[match['name']]()}\n{match[4]}"
        record = json.loads((RECORDS / f"{match['name']}.json").read_text(), object_hook=with_new_names)
        of = () if match["of"] is None else (match["of"],)
        return f"{match[1]}{TABLES[match['name']](record, *of)}\n{match[4]}"

    return MARKED.sub(table, text)


def main() -> None:
    """Write or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if a page differs from its records")
    check = parser.parse_args().check
    for page in PAGES:
        old = page.read_text(encoding="utf-8")
        new = with_tables(old)
        if check and old != new:
            name = page.relative_to(ROOT)
            sys.exit(f"{name} differs from benchmarks/records/: run python tools/bench_tables.py")
        if not check:
            page.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
