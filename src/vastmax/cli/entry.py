"""The start of the command, where an interrupt during the imports, a tenth of a second, stays quiet."""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line of this process and exit."""
    try:
        from vastmax.cli.main import run
    except KeyboardInterrupt:
        print("vastmax: interrupted; nothing was written", file=sys.stderr)
        sys.exit(130)
    run()
