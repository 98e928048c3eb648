"""The one place where text from outside is made safe to show."""

# Control, format (among them bidirectional overrides), surrogate, unassigned and private-use
# characters, and the two separators that some terminals take for a new line.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"})


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
