"""`vastmax convert`: a vectors file in another format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vastmax.cli.output import check_output_file
from vastmax.cli.vectors_argument import VectorsFile


def convert(
    source: VectorsFile,
    target: Annotated[Path, typer.Argument(metavar="OUT", show_default=False, help="The file to write.")],
) -> None:
    """Write a vectors file in another format.

    \b
    Examples:
      vastmax convert vectors.safetensors vectors.txt
    """
    from vastmax.embedding import WordVectors

    check_output_file(target)
    vectors = WordVectors.load(source)
    vectors.save(target)
