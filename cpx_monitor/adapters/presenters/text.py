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
    """The rows under their headers and a rule; what a row has beyond the columns follows freely.

    Most cells of a column hold one of few values, so each value is drawn once.
    """
    drawn: list[dict[str | Cell, str]] = []
    titles, table_width = "", 0
    for index, column in enumerate(columns):
        gap = " " * column.gap if index else ""
        cells = {row[index]: _cell(row[index]) for row in rows}
        width = max(display_width(column.title), column.min_width)
        if not column.free:
            width = max([width, *(display_width(cell.text) for cell in cells.values())])
        drawn.append(
            {key: gap + _padded(cell, column, width, color) for key, cell in cells.items()}
        )
        titles += gap + _padded(Cell(column.title), column, width, False, is_title=True)
        table_width += len(gap) + width
    lines = [titles.rstrip(), "-" * table_width] if headers else []
    for row in rows:
        line = "".join([column[key] for column, key in zip(drawn, row, strict=False)])
        for extra in row[len(columns) :]:
            line += f"  {_cell(extra).text}"
        lines.append(line.rstrip())
    return "\n".join([*lines, ""])


def display_width(text: str) -> int:
    """How many terminal columns a text takes; it must be printable."""
    if text.isascii():
        return len(text)
    from wcwidth import wcswidth

    return int(wcswidth(text))


def _cell(value: str | Cell) -> Cell:
    cell = value if isinstance(value, Cell) else Cell(value)
    return Cell(printable(cell.text), cell.status)


def _padded(cell: Cell, column: Column, width: int, color: bool, *, is_title: bool = False) -> str:
    space = " " * (width - display_width(cell.text))
    text = colored(cell.text, cell.status) if color and cell.status is not None else cell.text
    to_the_right = column.number and not (is_title and column.title_left)
    return space + text if to_the_right else text + space
