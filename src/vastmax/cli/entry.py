"""The start of the command. Ctrl-C during the imports, a tenth of a second, prints one line, too."""

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
