"""Where the command begins: what the imports of all commands take, a tenth of a second, can be interrupted quietly."""

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
