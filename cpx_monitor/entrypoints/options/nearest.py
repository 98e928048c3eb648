"""What may have been meant."""

from collections.abc import Sequence

MAX_COMPARED = 500
# How alike two words must be. Long ones often end alike: ReportsService, PaymentsService.
_SHORT, _LONG = 0.6, 0.8


def nearest(word: str, known: Sequence[str]) -> str | None:
    """``did you mean …?``, where something known is near.

    Of many, only those are compared that are about as long and begin alike.
    """
    from difflib import get_close_matches

    typed = word.lower()
    spelling_of = {name.lower(): name for name in known}
    likely: Sequence[str] = list(spelling_of)
    if len(likely) > MAX_COMPARED:
        likely = [name for name in likely if name[:1] == typed[:1]]
        likely = sorted(likely, key=lambda name: abs(len(name) - len(typed)))[:MAX_COMPARED]
    near = get_close_matches(typed, likely, n=1, cutoff=_LONG if len(typed) >= 8 else _SHORT)
    near = near or sorted(name for name in spelling_of if typed and typed in name)
    return f"did you mean {spelling_of[near[0]]}?" if near else None
