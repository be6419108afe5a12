"""The results of a race as a page, as pictures and as text."""

from __future__ import annotations

import os
from pathlib import Path

from vastmax.atomic import replacing
from vastmax.compare.folder import RaceFolder
from vastmax.compare.report.recommendation import Choice, Recommendation, recommend
from vastmax.compare.results import Race

__all__ = ["PAGE", "Choice", "Recommendation", "recommend", "report_from", "write_report"]

PAGE = "report.html"


def write_report(race: Race, folder: str | os.PathLike[str]) -> list[Path]:
    """Write the report of a race, finished or not, into a folder.

    `report.html` is one file that needs no network: the recommendation with its reasons, published claims
    and measurements, charts, tables, the top of the tree, and the conditions. If matplotlib is installed, three of the
    charts are also written as PNG.

    Args:
        race: its results.
        folder: of the race; it must exist.

    Returns:
        The files written, the page first.

    Raises:
        InputError: the folder is missing, or a file in it cannot be replaced.
    """
    from vastmax.compare.report.page import page
    from vastmax.compare.report.pictures import save_pictures

    folder = Path(folder)
    with replacing(folder / PAGE) as beside:
        beside.write_text(page(race), encoding="utf-8", newline="\n")
    return [folder / PAGE, *save_pictures(race, folder)]


def report_from(folder: str | os.PathLike[str]) -> Race:
    """Write the report again from `report.json` in the folder of a race, and return the race.

    Raises:
        InputError: there is none, it is damaged, or of another format.
    """
    race = RaceFolder(Path(folder)).read()
    write_report(race, folder)
    return race
