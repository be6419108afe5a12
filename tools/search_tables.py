"""Tables of the guide to search, from its three records."""

from __future__ import annotations

from typing import Any

_WAYS = {
    "PyTorch": "every word, PyTorch",
    "rows": "every word, one pass (`head.topk`)",
    "certified": "`Certified`",
    "clustered": "`Clustered`",
    "screened": "`Screened`",
    "hashing": "`Hashing`",
    "faiss": "`Faiss`",
}
_LOG_Z = {
    "rows": "exact, every word",
    "head.topk, certified": "words and log p, `tolerance=1e-5`",
    "head.topk, certified, log Z to 1e-3": "words and log p, `tolerance=1e-3`",
    "log Z, certified, 2,048 samples": "log Z alone, `samples=2048`",
    "certified": "words alone, `index.find`",
}


def search(record: dict[str, Any], part: str = "trained") -> str:
    """Return the indexes of one model, or with "log-z" and "intervals" what log Z costs and how far off it is."""
    if part == "log-z":
        return _log_z(record["models"]["trained"])
    if part == "intervals":
        return _intervals(record["models"])
    model = record["models"][part]
    lines = [
        "| | ms, one query | ms per query of 32 | times as fast as PyTorch | best word found | of the 10 best "
        "| built in CPU-s | MB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    one, many = (model["batches"][batch]["milliseconds_per_query"] for batch in ("1", "32"))
    for name, title in _WAYS.items():
        if name not in one:
            continue
        facts = model["indexes"].get(name)
        found = ["100 %", "100 %", "", ""]
        if facts is not None:
            short = "" if facts.get("reached", True) else " (falls short)"
            found = [
                f"{100 * facts['recall_first']:.1f} %",
                f"{100 * facts['recall']:.1f} %{short}",
                f"{facts['build_cpu_seconds']:.0f}",
                f"{facts['bytes'] / 1e6:.1f}",
            ]
        times = [one["PyTorch"]["cpu"] / one[name]["cpu"], many["PyTorch"]["cpu"] / many[name]["cpu"]]
        lines.append(
            f"| {title} | {one[name]['cpu']:.2f} | {many[name]['cpu']:.2f} | {times[0]:.1f}× / {times[1]:.1f}× | "
            + " | ".join(found)
            + " |"
        )
    lines += [
        "",
        f"{model['vocab_size']:,} words × {model['width']}; the best word has probability "
        f"{model['best_probability']:.2f} on average, and the entropy is {model['entropy']:.1f} nats. "
        "CPU-time of one thread, timed in turn, on "
        f"{record['machine']['processor']}, shared with other work.",
    ]
    return "\n".join(lines)


def _log_z(model: dict[str, Any]) -> str:
    lines = ["| | ms, one query | ms per query of 32 |", "|---|---|---|"]
    for name, title in _LOG_Z.items():
        one, many = (model["batches"][batch]["milliseconds_per_query"][name]["cpu"] for batch in ("1", "32"))
        lines.append(f"| {title} | {one:.2f} | {many:.2f} |")
    error = model["exactness"]["log_prob_error"]
    lines += ["", f"With `tolerance=1e-5`, log p was off by {error:.1e} at most, against float64, over 200 queries."]
    return "\n".join(lines)


def _intervals(models: dict[str, Any]) -> str:
    lines = ["| model | log Z by | mean error of Z | 95 % intervals that cover it |", "|---|---|---|---|"]
    for name, model in models.items():
        for way, found in model["log_normaliser"].items():
            lines.append(
                f"| {name} | {way} | {100 * found['mean_relative_error']:.2f} % | {100 * found['coverage']:.1f} % |"
            )
    return "\n".join(lines)


def search_trees(record: dict[str, Any]) -> str:
    """Return best-first search beside a flat layer of as many words."""
    lines = ["| | ms, one query | ms per query of 32 | times as fast as PyTorch's flat layer |", "|---|---|---|---|"]
    for method, facts in record["methods"].items():
        one, many = (facts["batches"][batch]["milliseconds_per_query"] for batch in ("1", "32"))
        times = " / ".join(f"{each['PyTorch'] / each['best first']:.0f}×" for each in (one, many))
        lines.append(f"| {method} | {one['best first']:.3f} | {many['best first']:.3f} | {times} |")
    return "\n".join(lines)


def search_vectors(record: dict[str, Any]) -> str:
    """Return the ten nearest of a million vectors."""
    lines = ["| | ms | times as fast as gensim | as our own scan |", "|---|---|---|---|"]
    times = record["milliseconds"]
    for name, title in (
        ("gensim", "gensim `most_similar`"),
        ("scan", "`most_similar`"),
        ("certified", "with `search.Certified`"),
        ("clustered", "with `search.Clustered`"),
    ):
        ratios = " | ".join(f"{times[other] / times[name]:.1f}×" for other in ("gensim", "scan"))
        lines.append(f"| {title} | {times[name]:.2f} | {ratios} |")
    found = record["clustered"]
    lines += [
        "",
        f"{record['vectors']:,} vectors of {record['width']} numbers, made from {record['distinct']:,} trained ones by "
        f"repeating them with noise; `Clustered` finds {100 * found['recall']:.1f} % of the ten nearest.",
    ]
    return "\n".join(lines)


TABLES = {"search": search, "search_trees": search_trees, "search_vectors": search_vectors}
