"""The one place where text from outside is made safe to show."""

import re
from functools import lru_cache

# Control, format (among them bidirectional overrides), surrogate, unassigned and private-use
# characters, the two separators that some terminals take for a new line, and all white space but
# the space itself.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp", "Zs"})
# What has no shape of its own, though its category is that of letters, marks or symbols (Unicode's
# Default_Ignorable_Code_Point), and the blank of Braille.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)


_TAKEN_FOR_ELSE = ("-", "Healthy", "Unhealthy", "Unknown")

# By what a cell has to begin for a spreadsheet to take it for a formula, in the wide forms as well;
# tab and carriage return would be two more, but they are shown escaped.
_FORMULA_BEGINNINGS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


def harmless_cell(text: str) -> str:
    """The text as a cell that no spreadsheet calculates and no terminal acts on.

    An apostrophe makes a spreadsheet take what follows as it stands
    (https://owasp.org/www-community/attacks/CSV_Injection).
    """
    shown = printable(text)
    return f"'{shown}" if shown.startswith(_FORMULA_BEGINNINGS) else shown


def printable(text: str) -> str:
    """The text with whatever a terminal could act on, or could not write, shown escaped."""
    if text.isascii() and text.isprintable():
        return text
    from unicodedata import category

    return "".join(
        character.encode("unicode_escape").decode("ascii")
        if category(character) in _UNSAFE_CATEGORIES or _INVISIBLE.match(character)
        else character
        for character in text
    )


@lru_cache(maxsize=1024)
def unmistakable(name: str) -> str:
    """A service's name, in quotes where it could be taken for something else in a table: for no
    name at all, for a status, or for one without the spaces around it.
    """
    is_plain = name == name.strip() and name not in _TAKEN_FOR_ELSE and name[:1] != "'"
    return name if is_plain else f"'{name}'"
