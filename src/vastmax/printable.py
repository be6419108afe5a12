"""Text from files for a terminal: what would steer the terminal is written out, as `\\x1b`, and not obeyed."""

from __future__ import annotations

import re

# Control characters (ESC and CSI among them, which begin the terminal's commands), marks that turn the direction of
# what follows, line and paragraph separators, and halves of characters, which no encoding can write.
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str, *, keep: str = "") -> str:
    r"""Return the text with every character that steers a terminal written out, but for those in `keep`.

    Example:
        >>> printable("red \x1b[31mword")
        'red \\x1b[31mword'
    """
    return _STEERING.sub(lambda found: found[0] if found[0] in keep else _written_out(found[0]), text)


def _written_out(character: str) -> str:
    # Where JSON lets a character stand as it is, what takes its place is an escape of JSON's.
    return repr(character)[1:-1] if character < "\x7f" else f"\\u{ord(character):04x}"
