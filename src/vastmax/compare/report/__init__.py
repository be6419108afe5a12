"""What a race has found as a page to look at, as pictures, and in words."""

from __future__ import annotations

import json
import os
from pathlib import Path

from vastmax.atomic import replacing
from vastmax.compare.report.recommendation import Choice, Recommendation, recommend
from vastmax.compare.results import Race
from vastmax.errors import InputError

__all__ = ["PAGE", "RESULTS", "Choice", "Recommendation", "recommend", "report_from", "write_report"]

PAGE = "report.html"
RESULTS = "report.json"
"""What the race writes, and the report is made from."""


def write_report(race: Race, folder: str | os.PathLike[str]) -> list[Path]:
    """Write the report of a race, finished or not, into a folder.

    `report.html` is one file that needs no network: the recommendation with its reasons, the literature's claims beside
    what was measured, charts, tables, the top of the tree, and under what conditions it was measured. Three of the
    charts are written as PNG too, where matplotlib is installed and the race has figures for them.

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
    """Write the report again from the `report.json` that a race has left in a folder; the race that it tells of.

    Raises:
        InputError: there is none, or it is damaged, or of another format.
    """
    path = Path(folder) / RESULTS
    try:
        race = Race.from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise InputError(
            f"no {RESULTS} in {os.fspath(folder)}; give the folder that vastmax compare wrote to"
        ) from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is damaged ({type(error).__name__}: {error}); run the comparison again") from error
    write_report(race, folder)
    return race
