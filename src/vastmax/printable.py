"""Make text from files safe for a terminal: control characters are escaped, as `\\x1b`."""

from __future__ import annotations

import re

# Control characters (including ESC and CSI, which begin terminal commands), marks that change the text direction, line
# and paragraph separators, and lone surrogates, which cannot be encoded.
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str, *, keep: str = "") -> str:
    r"""Return the text with every character that controls a terminal escaped, except those in `keep`.

    Example:
        >>> printable("red \x1b[31mword")
        'red \\x1b[31mword'
    """
    return _STEERING.sub(lambda found: found[0] if found[0] in keep else _written_out(found[0]), text)


def _written_out(character: str) -> str:
    # JSON allows these characters unescaped, so the replacement must be a JSON escape.
    return repr(character)[1:-1] if character < "\x7f" else f"\\u{ord(character):04x}"
