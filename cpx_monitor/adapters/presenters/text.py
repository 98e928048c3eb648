"""What every human format shares: safe text, columns and colours."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from colorama import Fore, Style

from cpx_monitor.domain.health import Status, Verdict

_GOOD, _DOUBTFUL, _BAD = Fore.GREEN, Fore.YELLOW, Fore.RED
_COLOR_OF: dict[str, str] = {
    Status.HEALTHY: _GOOD,
    Status.UNHEALTHY: _BAD,
    Status.UNKNOWN: _DOUBTFUL,
    Verdict.OK: _GOOD,
    Verdict.POSSIBLY_AT_RISK: _DOUBTFUL,
    Verdict.AT_RISK: _BAD,
}

# Control, format (among them bidirectional overrides), surrogate, unassigned and private-use
# characters, and the two separators that some terminals take for a new line.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"})


def printable(text: str) -> str:
    """The text with whatever a terminal could act on, or could not write, shown escaped."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape").decode("ascii")
        if unicodedata.category(character) in _UNSAFE_CATEGORIES
        else character
        for character in text
    )


def colored(text: str, status: Status | Verdict, color: bool) -> str:
    return f"{_COLOR_OF[status]}{text}{Style.RESET_ALL}" if color else text


@dataclass(frozen=True, slots=True)
class Column:
    """``gap`` is the space before it. ``number`` puts it to the right, or with ``title_left`` only
    its cells. A ``free`` one, which must be the last, is as wide as its title, whatever it holds.
    """

    title: str
    number: bool = False
    min_width: int = 0
    gap: int = 2
    title_left: bool = False
    free: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """``status`` gives the colour; a plain string is a cell without one."""

    text: str
    status: Status | Verdict | None = None


def draw_table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str | Cell]],
    *,
    color: bool,
    headers: bool = True,
) -> str:
    """The rows under their headers and a rule; what a row has beyond the columns follows freely."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [
        max(
            [display_width(column.title), column.min_width]
            + [display_width(row[index].text) for row in cells if not column.free]
        )
        for index, column in enumerate(columns)
    ]
    lines = []
    if headers:
        titles = [Cell(column.title) for column in columns]
        lines.append(_line(columns, widths, titles, color=False, is_title=True))
        lines.append("-" * (sum(widths) + sum(column.gap for column in columns[1:])))
    lines.extend(_line(columns, widths, row, color=color) for row in cells)
    return "".join(f"{line}\n" for line in lines)


def display_width(text: str) -> int:
    """How many terminal columns a text takes; it must be printable."""
    if text.isascii():
        return len(text)
    from wcwidth import wcswidth

    return int(wcswidth(text))


def _cell(value: str | Cell) -> Cell:
    cell = value if isinstance(value, Cell) else Cell(value)
    return Cell(printable(cell.text), cell.status)


def _line(
    columns: Sequence[Column],
    widths: Sequence[int],
    cells: Sequence[Cell],
    *,
    color: bool,
    is_title: bool = False,
) -> str:
    parts = []
    for index, cell in enumerate(cells):
        column = columns[index] if index < len(columns) else Column("")
        space = " " * (widths[index] - display_width(cell.text) if index < len(widths) else 0)
        text = cell.text if cell.status is None else colored(cell.text, cell.status, color)
        to_the_right = column.number and not (is_title and column.title_left)
        parts.append(" " * column.gap if index else "")
        parts.append(space + text if to_the_right else text + space)
    return "".join(parts).rstrip()
