"""The guide "Past one machine", run as it is printed, in every process."""

from __future__ import annotations

import tempfile

from ranks import Ranks

from page_programs import run_programs


def check_the_guide_runs(ranks: Ranks) -> None:
    tempfile.tempdir = str(ranks.folder)
    names = run_programs("guides/past-one-machine.md")
    assert names["exact_head"].output.dealt_weight.grad is not None
    assert names["loss"].isfinite()
