"""A screen that is worked with: a head, the rows around the selected one, and a line of keys.

Only the rows that are seen are laid out, so ten thousand scroll as fast as ten.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from cpx_monitor.adapters.presenters.escape import printable
from cpx_monitor.adapters.presenters.frames import fitted
from cpx_monitor.adapters.presenters.layout import (
    Style,
    Table,
    blocks_of,
    cut,
    display_width,
    without_color,
    wrapped,
)

_MARK, _NO_MARK = "> ", "  "
_REVERSE, _RESET = "\x1b[7m", "\x1b[0m"
# Lines of the screen below which the head gives way to the rows.
_LOW = 12
_HEADERS = 2


class Page(NamedTuple):
    """``head`` is what stands above, the most important line first; ``rows`` how many there are;
    ``table_of`` makes a table of those from one to another.
    """

    head: Sequence[str]
    rows: int
    table_of: Callable[[int, int], Table]


class Place(NamedTuple):
    """The row that is selected, and the first on the screen, counted from 0."""

    selected: int
    first: int


def rows_that_fit(head: Sequence[str], style: Style, lines: int) -> int:
    return max(1, lines - len(_head(head, lines)) - _HEADERS * style.headers - 1)


def page_frame(page: Page, place: Place, bottom: str, style: Style, lines: int) -> list[str]:
    """The lines of a screen of that many lines and the width of ``style``."""
    width = style.width or 0
    head = [fitted(printable(line), style) for line in _head(page.head, lines)]
    room = rows_that_fit(page.head, style, lines)
    table = page.table_of(place.first, place.first + room)
    headers, blocks = blocks_of(table, style._replace(width=max(1, width - len(_MARK))))
    drawn = [fitted(_NO_MARK + line, style) for line in headers[-_HEADERS:]]
    for number, block in enumerate(blocks[:room], start=place.first):
        # A row has a line here, so that scrolling goes by rows; a reason is cut at its end.
        line = " ".join([block[0], *map(str.strip, block[1:])])
        drawn.append(_row(line, style, is_selected=number == place.selected))
    if not page.rows:
        drawn.append(fitted(f"{_NO_MARK}nothing to show", style))
    space = [""] * (lines - len(head) - len(drawn) - 1)
    whole = [*head, *drawn, *space][: lines - 1]
    return [*whole, fitted(bottom, style)]


def _head(head: Sequence[str], lines: int) -> Sequence[str]:
    if lines >= _LOW:
        return head
    return [line for line in head if line][: max(1, lines // 4)]


def _row(line: str, style: Style, *, is_selected: bool) -> str:
    if not is_selected:
        return fitted(_NO_MARK + line, style)
    if not style.color:
        return fitted(_MARK + line, style)
    width = style.width or 0
    plain = cut(_MARK + without_color(line), width, ascii_only=style.ascii_only)
    return f"{_REVERSE}{plain}{' ' * (width - display_width(plain))}{_RESET}"


def help_frame(keys: Sequence[tuple[str, str]], source: str, style: Style, lines: int) -> list[str]:
    """Every key and what it does."""
    wide = max(len(name) for name, _ in keys)
    if style.ascii_only:
        keys = [("up down k j" if "↑" in name else name, does) for name, does in keys]
    shown = [printable(source), ""]
    for name, does in keys:
        first, *more = wrapped(does, max(16, (style.width or 0) - wide - 2))
        shown += [f"{name:{wide}}  {first}", *(f"{'':{wide}}  {line}" for line in more)]
    space = [""] * (lines - len(shown) - 1)
    whole = [*shown, *space][: lines - 1]
    return [*(fitted(line, style) for line in whole), fitted("any key closes this", style)]


def bar(share: float, width: int, *, ascii_only: bool) -> str:
    """A share from 0 to 1 as a bar of that width, full only where it is all."""
    full = width if share >= 1 else min(width - 1, round(share * width))
    filled, empty = ("#", ".") if ascii_only else ("█", "░")
    return filled * full + empty * (width - full)
