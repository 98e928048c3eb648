"""What every human format shares: columns and colours."""

from collections.abc import Sequence
from typing import NamedTuple

from cpx_monitor.adapters.presenters.escape import printable
from cpx_monitor.domain.health import Status, Verdict

_COLOR_OF: dict[str, str] = {
    Status.HEALTHY: "GREEN",
    Status.UNHEALTHY: "RED",
    Status.UNKNOWN: "YELLOW",
    Verdict.OK: "GREEN",
    Verdict.POSSIBLY_AT_RISK: "YELLOW",
    Verdict.AT_RISK: "RED",
}


def colored(text: str, status: Status | Verdict) -> str:
    from colorama import Fore, Style

    return f"{getattr(Fore, _COLOR_OF[status])}{text}{Style.RESET_ALL}"


class Column(NamedTuple):
    """``gap`` is the space before it. ``number`` puts it to the right, or with ``title_left`` only
    its cells. A ``free`` one, which must be the last, is as wide as its title, whatever it holds.
    """

    title: str
    number: bool = False
    min_width: int = 0
    gap: int = 2
    title_left: bool = False
    free: bool = False


class Cell(NamedTuple):
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
        text = cell.text if cell.status is None or not color else colored(cell.text, cell.status)
        to_the_right = column.number and not (is_title and column.title_left)
        parts.append(" " * column.gap if index else "")
        parts.append(space + text if to_the_right else text + space)
    return "".join(parts).rstrip()
