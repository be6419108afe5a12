"""`vastmax evaluate`: vectors against what people said."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vastmax.cli.vectors_argument import AsJson, VectorsFile
from vastmax.errors import InputError


def evaluate(
    vectors: VectorsFile,
    pairs: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Word pairs with human scores.")
    ] = None,
    analogies: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Analogy questions.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Evaluate."""
