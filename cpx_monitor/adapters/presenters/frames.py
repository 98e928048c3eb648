"""What is on the screen while rounds are shown: lines that fit, without control codes."""

import math
from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

from cpx_monitor.adapters.presenters.escape import printable
from cpx_monitor.adapters.presenters.layout import (
    CUT_MARKS,
    Cell,
    Column,
    Style,
    Table,
    blocks_of,
    cut,
    display_width,
    lines_of,
    without_color,
)
from cpx_monitor.adapters.presenters.report_tables import MISSING, load_cell, mean, table_of
from cpx_monitor.adapters.presenters.sentences import (
    assumption_of,
    footer,
    last_known_sentence,
    no_risk_sentence,
)
from cpx_monitor.app.reports import (
    InstanceRow,
    Report,
    Round,
    ServiceAtRisk,
    ServiceAverage,
    ServiceOverview,
    ServicesAtRisk,
    TrackedInstance,
    TrackRound,
)
from cpx_monitor.domain.health import HealthPolicy, Status, Verdict

_BARS = "▁▂▃▄▅▆▇█"
_ASCII_BARS = "_.-:=+*#"
_UNSEEN = " "
_MIN_HISTORY = 4
# Lines of a terminal below which some of what stands above the rows gives way to them.
_LOW, _VERY_LOW = 7, 5
_MAX_HISTORY = 30
# Of the notes, in columns: room for what happens all the time, and more only while it is needed.
_MIN_NOTE, _MAX_NOTE = len("was Unhealthy"), 30


class Heading(NamedTuple):
    """What stands above the rows: when this was, what is wrong, where it was seen, details for
    which there may be no room, and how it is ended.
    """

    when: str
    warnings: Sequence[str] = ()
    source: str = ""
    details: Sequence[str] = ()
    end: str = "; ctrl-c ends"


class Height(NamedTuple):
    """Of the terminal in lines; ``keeps_worst`` is for rows in an order the user did not choose:
    then those that stay in view are the worst, otherwise the first.
    """

    lines: int
    keeps_worst: bool = True


def track_frame(
    shown: Round[TrackRound],
    instances: Sequence[TrackedInstance],
    heading: Heading,
    style: Style,
    height: Height,
) -> list[str]:
    """A tracked round: how the service is, then a row for each instance, as far as they fit."""
    instances = as_shown(shown, instances)
    table = tracked_table(instances, shown.report.basis.policy, style)
    return _framed(track_head(shown, heading, style), instances, table, style, height)


def as_shown(
    shown: Round[TrackRound], instances: Sequence[TrackedInstance]
) -> Sequence[TrackedInstance]:
    """Where the round failed it is not the instances that did: as they were last known."""
    return instances if shown.outage is None else [_as_last_known(each) for each in instances]


def track_head(shown: Round[TrackRound], heading: Heading, style: Style) -> list[str]:
    """How the service is, and what stands above its rows."""
    report = shown.report
    if shown.outage is not None:
        first = f"{report.service}: {last_known_sentence(report.basis)}"
        return [first, *_heading_lines(heading, style)]
    rows = report.items
    healthy = sum(row.status is Status.HEALTHY for row in rows)
    not_polled = f"; {len(report.not_polled)} not polled" if report.not_polled else ""
    counts = f"{report.service}: {healthy} of {len(rows)} healthy"
    if report.is_random:
        counts += ", changes at random"
    means = (
        f", mean CPU {mean(_mean([row.cpu_percent for row in rows]))},"
        f" memory {mean(_mean([row.memory_percent for row in rows]))}"
    )
    summary = counts + means + not_polled
    if display_width(printable(summary)) > (style.width or 0):
        summary = counts + not_polled
    return [summary, *_heading_lines(heading, style)]


def report_frame(
    shown: Round[Report], heading: Heading, style: Style, height: Height, *, wide: bool
) -> list[str]:
    """A report that is made again and again, as far as it fits."""
    table = table_of(shown.report, wide=wide)
    above = report_head(shown, heading, style, wide=wide)
    return _framed(above, shown.report.items, table, style, height)


def report_head(shown: Round[Report], heading: Heading, style: Style, *, wide: bool) -> list[str]:
    """What stands above the rows of a report."""
    report = shown.report
    above = [footer(report), *_heading_lines(heading, style)]
    if shown.outage is not None:
        above[0] = f"{last_known_sentence(report.basis)}: {above[0]}"
    elif report.basis.no_verdict_because is not None:
        above.insert(-1, report.basis.no_verdict_because)
    elif isinstance(report, ServicesAtRisk) and not report.items:
        above.insert(-1, no_risk_sentence(report))
    if assumption := assumption_of(report, wide=wide):
        above.insert(-1, assumption)
    return above


def spark(values: Sequence[float | None], width: int, *, ascii_only: bool = False) -> str:
    """The last ``width`` percentages as bars of a fixed scale, to the right; 0 is the lowest."""
    bars = _ASCII_BARS if ascii_only else _BARS
    drawn = [_UNSEEN if value is None else bars[_level(value)] for value in values[-width:]]
    return "".join(drawn).rjust(width) if width else ""


def _heading_lines(heading: Heading, style: Style) -> list[str]:
    return [_heading_line(heading, style), *heading.warnings, ""]


def _heading_line(heading: Heading, style: Style) -> str:
    """When it was and where it was seen, and as much of the details and of how to end as fits."""
    where = [heading.source] if heading.source else []
    details = heading.details
    lines = [
        f"{', '.join([heading.when, *details[:kept], *where])}{end}"
        for kept, end in [
            *((kept, heading.end) for kept in range(len(details), -1, -1)),
            (0, ""),
        ]
    ]
    fitting = (line for line in lines if display_width(printable(line)) <= (style.width or 0))
    return next(fitting, lines[-1])


def _framed(
    above: Sequence[str], rows: Sequence[Any], table: Table, style: Style, height: Height
) -> list[str]:
    headers, blocks = blocks_of(table, style)
    # Where there is hardly any room, the rows are what is looked for.
    if height.lines < _LOW:
        above = above[:1]
    if height.lines < _VERY_LOW:
        headers = []
    room = height.lines - len(above) - len(headers)
    kept: dict[int, Sequence[str]] = dict(enumerate(blocks))
    if sum(map(len, blocks)) > room:
        # A line of its own for a note is worth less than another row; a reason is not.
        if any(isinstance(row, TrackedInstance) for row in rows):
            blocks = [block[:1] for block in blocks]
        kept = dict(enumerate(blocks))
    if sum(map(len, blocks)) > room:
        kept = _kept(rows, blocks, room - 1, height.keeps_worst, style)
    lines = [*map(printable, above), *headers, *chain.from_iterable(kept.values())]
    if len(kept) < len(rows):
        # Where not even this fits, it is still what matters most.
        left_out = _left_out([row for place, row in enumerate(rows) if place not in kept])
        lines = [*lines[: height.lines - 1], left_out]
    return [fitted(line, style) for line in lines[: height.lines]]


def _kept(
    rows: Sequence[Any],
    blocks: Sequence[Sequence[str]],
    room: int,
    keeps_worst: bool,
    style: Style,
) -> dict[int, Sequence[str]]:
    """By their place, the rows that stay in view, the last chosen of them perhaps not whole."""
    places: Sequence[int] = range(len(rows))
    if keeps_worst:
        places = sorted(places, key=lambda place: _badness(rows[place]), reverse=True)
    kept: dict[int, Sequence[str]] = {}
    for place in places:
        if room <= 0:
            break
        kept[place] = _cut_block(blocks[place], room, style)
        room -= len(kept[place])
    return {place: kept[place] for place in sorted(kept)}


def _cut_block(block: Sequence[str], room: int, style: Style) -> Sequence[str]:
    """No more of a row's lines than there is room for, with a mark where there were more."""
    if len(block) <= room:
        return block
    return [*block[: room - 1], f"{block[room - 1]} {CUT_MARKS[style.ascii_only]}"]


def fitted(line: str, style: Style) -> str:
    width = style.width or 0
    if display_width(without_color(line)) <= width:
        return line
    if "\x1b" not in line:
        return cut(line, width, ascii_only=style.ascii_only)
    from wcwidth import clip

    # It closes the colours that it cuts off.
    return str(clip(line, 0, width - 1)) + CUT_MARKS[style.ascii_only]


def _left_out(rows: Sequence[Any]) -> str:
    more = "1 more row does" if len(rows) == 1 else f"{len(rows)} more rows do"
    seen = (row for row in rows if not isinstance(row, TrackedInstance) or row.is_seen)
    states = [row.status for row in map(_row_of, seen) if isinstance(row, InstanceRow)]
    counts = [f"{states.count(status)} {status.lower()}" for status in Status if status in states]
    return f"{more} not fit{': ' if counts else ''}{', '.join(counts)}"


def _badness(row: Any) -> tuple[float, float]:
    """The worse, the greater: first how much is not healthy, then how loaded."""
    if isinstance(row, TrackedInstance) and not row.is_seen:
        return 0, -1
    row = _row_of(row)
    if isinstance(row, ServiceOverview):
        return list(Verdict).index(row.verdict), 0
    if isinstance(row, InstanceRow):
        return row.status is not Status.HEALTHY, _load(row.cpu_percent, row.memory_percent)
    if isinstance(row, ServiceAverage):
        load = _load(row.cpu_percent.mean, row.memory_percent.mean)
        return 1 - row.healthy / row.instances, load
    assert isinstance(row, ServiceAtRisk)
    return -row.healthy, 0


def _row_of(row: Any) -> Any:
    return row.row if isinstance(row, TrackedInstance) else row


def _load(cpu_percent: float | None, memory_percent: float | None) -> float:
    """The higher of the two; what is unknown may be anything."""
    if cpu_percent is None or memory_percent is None:
        return math.inf
    return max(cpu_percent, memory_percent)


def tracked_table(
    instances: Sequence[TrackedInstance], policy: HealthPolicy, style: Style
) -> Table:
    """Wide terminals have room for the histories, narrow ones don't."""
    plain = _columns(history=0)
    rows = [_tracked_row(tracked, policy, 0, style) for tracked in instances]
    used = display_width(lines_of(Table(plain, [row[:-1] for row in rows]), Style())[1])
    longest_note = max((display_width(printable(_note(each))) for each in instances), default=0)
    spare = (style.width or 0) - used - 2 - min(max(longest_note, _MIN_NOTE), _MAX_NOTE)
    history = min(_MAX_HISTORY, (spare - 2) // 2)
    if history < _MIN_HISTORY:
        return Table(plain, rows)
    return Table(
        _columns(history),
        [_tracked_row(tracked, policy, history, style) for tracked in instances],
    )


def _columns(history: int) -> list[Column]:
    change = Column("Change", number=True, gap=1, may_go=1)
    past = [Column("", min_width=history, gap=1)] if history else []
    return [
        Column("IP"),
        Column("Status", min_width=len(Status.UNHEALTHY)),
        Column("CPU", number=True, min_width=len("100%")),
        change,
        *past,
        Column("Memory", number=True),
        change,
        *past,
    ]


def _as_last_known(tracked: TrackedInstance) -> TrackedInstance:
    row = tracked.last_known or tracked.row._replace(reason=None)
    return tracked._replace(row=row, cpu_change=None, memory_change=None, note="old", is_seen=True)


def _tracked_row(
    tracked: TrackedInstance, policy: HealthPolicy, history: int, style: Style
) -> tuple[str | Cell, ...]:
    row = tracked.row

    def load(
        value: float | None, limit: float, change: float | None, recent: Sequence[float | None]
    ) -> list[str | Cell]:
        past = [spark(recent, history, ascii_only=style.ascii_only)] if history else []
        return [load_cell(value, limit), _signed(change), *past]

    is_unseen = not tracked.is_seen
    return (
        row.ip,
        MISSING if is_unseen else Cell(row.status, row.status),
        *load(row.cpu_percent, policy.max_cpu_percent, tracked.cpu_change, tracked.recent_cpu),
        *load(
            row.memory_percent,
            policy.max_memory_percent,
            tracked.memory_change,
            tracked.recent_memory,
        ),
        _note(tracked),
    )


def _note(tracked: TrackedInstance) -> str:
    return ", ".join(filter(None, (tracked.note, tracked.row.reason)))


def _signed(change: float | None) -> str:
    if change is None:
        return MISSING
    return f"{change:+.4g}" if change else "0"


def _level(value: float) -> int:
    return min(len(_BARS) - 1, int(value * len(_BARS) / 100))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None
