"""The one place where text from outside is made safe to show."""

# Control, format (among them bidirectional overrides), surrogate, unassigned and private-use
# characters, and the two separators that some terminals take for a new line.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"})


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
        if category(character) in _UNSAFE_CATEGORIES
        else character
        for character in text
    )
