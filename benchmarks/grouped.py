"""Groups of cases: each runs in a process of its own, is judged by its claims, and has its place in a record."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import machine
from in_turn import ENVIRONMENT, THREADS, Claim, local, time_in_turn

Group = Callable[[argparse.Namespace], dict[str, Any]]


def timed(cases: dict[str, Any], claims: list[Claim], *, rounds: int, **facts: Any) -> dict[str, Any]:
    """Time the steps (or Run functions made elsewhere) in turn and judge the claims by their CPU-seconds."""
    runs = {name: case.run if hasattr(case, "run") else local(case) for name, case in cases.items()}
    timings, loads = time_in_turn(runs, rounds=rounds)
    cpu = {name: timing.cpu_seconds for name, timing in timings.items()}
    return {
        "cases": {name: timing.record() for name, timing in timings.items()},
        "claims": [claim.judge(cpu) for claim in claims],
        "load_average": loads,
        **facts,
    }


def add_arguments(parser: argparse.ArgumentParser, groups: Mapping[str, Group], record: Path) -> None:
    """The options that every script of groups has."""
    parser.add_argument("--only", nargs="+", choices=groups, default=None, help="groups to run (default: all)")
    parser.add_argument("--rounds", type=int, default=15, help="timing rounds of each group")
    parser.add_argument(
        "--record", type=Path, default=record, help="where the record is kept; groups not run stay in it"
    )
    parser.add_argument("--group", default=None, help=argparse.SUPPRESS)


def run_groups(
    groups: Mapping[str, Group], options: argparse.Namespace, script: Path, passed_on: Sequence[str] = ()
) -> None:
    """Run the groups asked for, each in a process of its own, and keep and show what they find.

    In such a process, `options.group` is set: that group is run, and its findings are printed as JSON.
    """
    if options.group is not None:
        import torch

        torch.set_num_threads(THREADS)
        print(json.dumps(groups[options.group](options)))
        return
    record = json.loads(options.record.read_text()) if options.record.exists() else {"groups": {}}
    for name in options.only or groups:
        before = machine()
        print(f"{name}: {(groups[name].__doc__ or '').splitlines()[0]}", file=sys.stderr)
        result = in_process(script, "--group", name, "--rounds", str(options.rounds), *passed_on)
        record["groups"][name] = {"machine": {**before, "threads": THREADS, "environment": ENVIRONMENT}, **result}
        partial = options.record.with_suffix(".part")
        partial.write_text(json.dumps(record, indent=1) + "\n")
        partial.rename(options.record)
        show(result)


def in_process(script: Path, *arguments: str) -> Any:
    """Run a script in a fresh process and read the JSON on its standard output."""
    command = [sys.executable, str(script), *arguments]
    result = subprocess.run(command, env={**os.environ, **ENVIRONMENT}, stdout=subprocess.PIPE, check=True)
    return json.loads(result.stdout)


def show(result: dict[str, Any]) -> None:
    """Print times, peaks and how the claims were judged."""
    for name, case in result["cases"].items():
        cpu, wall = (1000 * case[f"{kind}_seconds"]["median"] for kind in ("cpu", "wall"))
        print(f"    {name:45s} {cpu:10.2f} CPU-ms {wall:10.2f} ms")
    for name, peaks in result.get("peak_bytes", {}).items():
        print(f"    {name:45s} {sorted(peaks)[len(peaks) // 2] / 2**20:10.1f} MiB")
    for claim in result["claims"]:
        low, high = claim["ratio"]["quartiles"]
        verdict = "met" if claim["met"] else "MISSED"
        ratio = f"{claim['ratio']['median']:8.3g} [{low:.3g}, {high:.3g}] {claim['target']}"
        print(f"  {verdict:6s} {claim['claim']:75s} {ratio}")
    if "skipped" in result:
        print(f"  skipped: {result['skipped']}")
