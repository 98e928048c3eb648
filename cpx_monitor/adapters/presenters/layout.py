"""What every human format shares: columns and colours."""

from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from typing import NamedTuple

from cpx_monitor.adapters.presenters.escape import printable
from cpx_monitor.domain.health import Status, Verdict

_COLOR_OF: dict[str, str] = {
    Status.HEALTHY: "GREEN",
    Status.UNHEALTHY: "RED",
    Status.UNKNOWN: "YELLOW",
    Verdict.OK: "GREEN",
    Verdict.NO_HEADROOM: "YELLOW",
    Verdict.POSSIBLY_AT_RISK: "YELLOW",
    Verdict.AT_RISK: "RED",
}
# What stands for the rest of a text: on most terminals, and on those that show ASCII only.
CUT_MARKS = ("…", "~")
# Free text that has less room beside the columns than this gets lines of its own.
_MIN_FREE_WIDTH = 16
_INDENT = 4


def colored(text: str, status: Status | Verdict) -> str:
    from colorama import Fore, Style

    return f"{getattr(Fore, _COLOR_OF[status])}{text}{Style.RESET_ALL}"


class Style(NamedTuple):
    """How text is to be shown. ``width`` is the terminal's, None where lines may be of any length;
    ``ascii_only`` is for terminals that show nothing else.
    """

    color: bool = False
    headers: bool = True
    width: int | None = None
    ascii_only: bool = False


class Column(NamedTuple):
    """``gap`` is the space before it. ``number`` puts it to the right. A ``free`` one, which must
    be the last, is as wide as its title, whatever it holds. One that has a ``least_width`` may be
    cut down to it where the line is too long, and one that ``may_go`` is left out before that, the
    highest first. ``above`` is a title over this and the following columns.
    """

    title: str
    number: bool = False
    min_width: int = 0
    gap: int = 2
    free: bool = False
    least_width: int | None = None
    may_go: int = 0
    above: str = ""


class Cell(NamedTuple):
    """``status`` gives the colour; a plain string is a cell without one."""

    text: str
    status: Status | Verdict | None = None


class Table(NamedTuple):
    """What a row has beyond the columns follows freely."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str | Cell]]


def draw(table: Table, style: Style) -> str:
    """The rows under their headers and a rule, each a line of its own that ends with a newline."""
    return "\n".join([*lines_of(table, style), ""])


def lines_of(table: Table, style: Style) -> list[str]:
    """The headers and the rule, then the rows."""
    if style.width is not None:
        headers, rows = blocks_of(table, style)
        return [*headers, *chain.from_iterable(rows)]
    lines, drawn = _drawn(table, style)
    bound = _bound(table)
    for row, line in zip(table.rows, drawn, strict=True):
        for extra in row[bound:]:
            line += f"  {_shown(extra)}"
        lines.append(line.rstrip())
    return lines


def blocks_of(table: Table, style: Style) -> tuple[list[str], list[Sequence[str]]]:
    """The lines of the headers, and those of each row, of which free text may make several."""
    width = style.width or 0
    table = _squeezed(_without_what_may_go(table, width), width)
    headers, drawn = _drawn(table, style)
    bound = _bound(table)
    return headers, [
        tuple(_with_free_text(line, row[bound:], width))
        for row, line in zip(table.rows, drawn, strict=True)
    ]


def _drawn(table: Table, style: Style) -> tuple[list[str], list[str]]:
    """The lines of the headers, and the bound columns of each row.

    Most cells of a column hold one of few values, so each value is drawn once.
    """
    columns, rows = table
    distinct = [set(map(itemgetter(index), rows)) for index in range(_bound(table))]
    widths = _widths(columns, distinct, style.width)
    drawn = [
        {key: gap + _padded(key, column, width, style) for key in keys}
        for column, gap, width, keys in zip(columns, _gaps(columns), widths, distinct, strict=False)
    ]
    lines = [
        "".join([column[key] for column, key in zip(drawn, row, strict=False)]) for row in rows
    ]
    return _headers(columns, widths, style) if style.headers else [], lines


def _without_what_may_go(table: Table, width: int) -> Table:
    """As far as it does not fit, without the columns that matter least."""
    while _width_of(table) > width:
        least = max(column.may_go for column in table.columns)
        if not least:
            break
        bound = _bound(table)
        kept = [index for index in range(bound) if table.columns[index].may_go != least]
        columns = [table.columns[index] for index in kept] + list(table.columns[bound:])
        rows = [(*(row[index] for index in kept), *row[bound:]) for row in table.rows]
        table = Table(columns, rows)
    return table


def _squeezed(table: Table, width: int) -> Table:
    """With one space between columns, where cutting names does not make room enough."""
    if _width_of(table, width) <= width:
        return table
    bound = _bound(table)
    narrow = [column._replace(gap=min(column.gap, 1)) for column in table.columns[:bound]]
    return table._replace(columns=[*narrow, *table.columns[bound:]])


def _width_of(table: Table, most: int | None = None) -> int:
    """Of the bound columns, cut where they may be to fit into ``most``."""
    columns = table.columns[: _bound(table)]
    distinct = [set(map(itemgetter(index), table.rows)) for index in range(len(columns))]
    return sum(_widths(columns, distinct, most)) + sum(column.gap for column in columns[1:])


def _bound(table: Table) -> int:
    """How many columns have a width of their own: all but a free one."""
    return len(table.columns) - table.columns[-1].free


def _headers(columns: Sequence[Column], widths: Sequence[int], style: Style) -> list[str]:
    above = titles = ""
    for column, gap, width in zip(columns, _gaps(columns), widths, strict=True):
        if column.above:
            above = f"{above:{len(titles + gap)}}{column.above}"
        titles += gap + _padded(column.title, column, width, Style())
    rule = "-" * min(len(titles), style.width or len(titles))
    lines = [titles.rstrip(), rule]
    return [above, *lines] if above else lines


def _gaps(columns: Sequence[Column]) -> list[str]:
    return ["", *(" " * column.gap for column in columns[1:])]


def _with_free_text(line: str, extras: Sequence[str | Cell], width: int) -> Iterator[str]:
    """The line and what follows it freely, beside it in a column of its own as far as it fits."""
    free = "  ".join(map(_shown, extras))
    if not free:
        yield line.rstrip()
        return
    begin = display_width(without_color(line)) + 2
    beside = width - begin
    if beside >= min(_MIN_FREE_WIDTH, display_width(free)):
        first, *rest = wrapped(free, beside)
        yield f"{line}  {first}"
    else:
        yield line.rstrip()
        begin, rest = _INDENT, wrapped(free, max(1, width - _INDENT))
    for more in rest:
        yield " " * begin + more


def display_width(text: str) -> int:
    """How many terminal columns a text takes; it must be printable."""
    if text.isascii():
        return len(text)
    from wcwidth import width

    return int(width(text))


def cut(text: str, width: int, *, ascii_only: bool = False) -> str:
    """No more of the text than fits, with a mark where there was more."""
    if display_width(text) <= width:
        return text
    mark = CUT_MARKS[ascii_only]
    if text.isascii():
        return text[: max(0, width - 1)] + mark[:width]
    from wcwidth import clip

    return str(clip(text, 0, max(0, width - 1))) + mark[:width]


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines that fit, broken between words where that can be."""
    if text.isascii():
        import textwrap

        return textwrap.wrap(text, width) or [""]
    from wcwidth import wrap

    return [str(line) for line in wrap(text, width)] or [""]


def without_color(text: str) -> str:
    if "\x1b" not in text:
        return text
    from wcwidth import strip_sequences

    return str(strip_sequences(text))


def _widths(
    columns: Sequence[Column], distinct: Sequence[Collection[str | Cell]], most: int | None
) -> list[int]:
    widths = [max(display_width(column.title), column.min_width) for column in columns]
    for index, cells in enumerate(distinct):
        shown = (display_width(_shown(cell)) for cell in cells)
        widths[index] = max(widths[index], max(shown, default=0))
    if most is not None:
        excess = sum(widths) + sum(column.gap for column in columns[1:]) - most
        for index, column in enumerate(columns):
            if column.least_width is not None and excess > 0:
                cut_by = min(excess, max(0, widths[index] - column.least_width))
                widths[index] -= cut_by
                excess -= cut_by
    return widths


def _shown(cell: str | Cell) -> str:
    return printable(cell.text if isinstance(cell, Cell) else cell)


def _padded(cell: str | Cell, column: Column, width: int, style: Style) -> str:
    shown = cut(_shown(cell), width, ascii_only=style.ascii_only)
    space = " " * (width - display_width(shown))
    if style.color and isinstance(cell, Cell) and cell.status is not None:
        shown = colored(shown, cell.status)
    return space + shown if column.number else shown + space
