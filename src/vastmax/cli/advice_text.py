"""The output of `vastmax advise`: tables of facts and costs, then text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vastmax.cli.output import Figure, print_heading, print_table, print_text
from vastmax.compare.advice import Advice, Measurement, Reasoned
from vastmax.methods.case import describe_bytes


def print_advice(advice: Advice) -> None:
    """Print facts, effects of a smaller vocabulary, costs, timings if there are any, and the advice."""
    _print_facts(advice)
    if advice.cuts:
        print_table(
            "a smaller vocabulary",
            ["min count", "words", "unknown tokens"],
            [[f"{cut.min_count}", cut.words, _percent(cut.unknown_share)] for cut in advice.cuts],
            key="min count",
        )
    _print_costs(advice)
    if advice.measurement is not None:
        _print_measurement(advice, advice.measurement)
    _print_choice(advice)


def _print_facts(advice: Advice) -> None:
    facts = advice.facts
    rows: list[Sequence[object]] = [
        ["words", facts.types],
        ["length of the text", facts.tokens],
        ["unigram entropy, bits", f"{facts.entropy_bits:.2f}"],
        ["unigram perplexity", Figure(facts.unigram_perplexity, ",.0f")],
        ["bits to number the words", f"{facts.log2_types:.2f}"],
        ["expected path, balanced tree", f"{facts.balanced_code_bits:.2f}"],
        ["expected path, Huffman tree", f"{facts.huffman_code_bits:.2f}"],
        *[[f"the {size:,} most frequent words", _percent(share)] for size, share in advice.coverage.items()],
        ["classes, two-level", advice.num_classes],
        ["cut-offs, adaptive", " ".join(f"{cutoff:,}" for cutoff in advice.cutoffs) or "none"],
        ["blocks, differentiated", " ".join(f"{size:,}×{width}" for size, width in advice.blocks)],
    ]
    print_table("the words", ["", ""], rows)


def _print_costs(advice: Advice) -> None:
    how = "timed here" if advice.measurement else f"expected on {advice.machine.name}"
    title = f"the output layer, {advice.hidden_size} wide, {advice.batch_size:,} words per step: {how}"
    columns = ["method", "step", "gain", "a score", "best word", "memory"]
    rows = [
        [
            cost.method,
            _duration(cost.step_seconds),
            _gain(cost.gain),
            _duration(cost.score_seconds) + ("*" if cost.scores_unnormalised else ""),
            ("~" if cost.best_of_unigrams else "") + _duration(cost.best_seconds),
            describe_bytes(cost.training_bytes),
        ]
        for cost in sorted(advice.costs, key=lambda cost: cost.step_seconds)
    ]
    print_table(title, columns, rows, key="cost")
    print_text(
        "step: forward, backward and optimizer for the whole batch; gain: time of the softmax's step divided by it; a "
        "score: log p of one given word, * raw and not normalized; best word: for one context, by exact search, ~ for "
        "predictions as uncertain as the unigrams, less for others; memory: parameters, optimizer state and gradient."
    )


def _print_measurement(advice: Advice, measurement: Measurement) -> None:
    rows, left_out = [], []
    for timing in measurement.timings:
        if timing.seconds is None:
            left_out.append(f"{timing.method} was not timed: {timing.left_out}.")
            continue
        expected = advice.cost(timing.method).predicted_step_seconds * measurement.slowness
        off = measurement.predicted_over_timed[timing.method]
        scaled = "" if timing.examples == advice.batch_size else f"from {timing.examples}"
        rows.append([timing.method, _duration(expected), _duration(timing.seconds), f"{off:.2f}", scaled])
    title = f"steps timed on {measurement.machine.name}, beside the estimates"
    print_table(title, ["method", "estimated", "timed", "ratio", "words"], rows, key="timed")
    print_text(measurement.verdict())
    if any(timing.seconds is not None and timing.examples < advice.batch_size for timing in measurement.timings):
        print_text("If a number of words is shown, that many were timed, and the time was scaled to the batch.")
    for line in left_out:
        print_text(line)


def _print_choice(advice: Advice) -> None:
    choice = advice.choice
    print_heading(f"Recommended {_PURPOSES[advice.purpose]} (a {choice.size} vocabulary)")
    if not choice.take:
        print_text("Nothing fits into the given memory; allow more, or leave out rare words (--min-count).")
    _print_reasoned(choice.take, numbered=True)
    if choice.avoid:
        print_heading("Avoid")
        _print_reasoned(choice.avoid, numbered=False)
    print_heading("Finding the best words")
    for sentence in advice.search:
        print_text(sentence, bullet="- ")
    print_heading("Note")
    for note in choice.notes:
        print_text(note, bullet="- ")


_PURPOSES = {
    "train": "to train a language model",
    "score": "to score given words fast",
    "best-word": "to find the best word fast",
    "vectors": "for vectors",
}


def _print_reasoned(reasoned: Iterable[Reasoned], *, numbered: bool) -> None:
    for number, each in enumerate(reasoned, start=1):
        print_text(f"{each.method}: {each.why}", bullet=f"{number}. " if numbered else "- ")


def _duration(seconds: float) -> str:
    """Return text such as `1.2 s`, `34 ms` or `5.6 µs`, with two digits."""
    unit, size = next((each for each in _UNITS if seconds >= 0.995 * each[1]), _UNITS[-1])
    value = seconds / size
    return f"{value:.1f} {unit}" if value < 9.95 else f"{value:,.0f} {unit}"


_UNITS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6))


def _gain(gain: float) -> str:
    return f"{gain:.1f}×" if gain < 9.95 else f"{gain:,.0f}×"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
