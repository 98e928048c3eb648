"""What tracking a service came to, as a table for people."""

from collections.abc import Sequence
from itertools import chain

from cpx_monitor.adapters.presenters.escape import printable
from cpx_monitor.adapters.presenters.layout import (
    Column,
    Style,
    Table,
    display_width,
    draw,
    wrapped,
)
from cpx_monitor.adapters.presenters.report_tables import MISSING
from cpx_monitor.app.reports import InstanceSummary, Spread, TrackSummary, counted


def summary_text(summary: TrackSummary, style: Style) -> str:
    """Per instance what its load was, how often it was not well, and, where that is not in all the
    rounds, in how many it was polled and when it came or went.

    Where the terminal is too narrow for one table, CPU and memory have one each.
    """
    cpu = [_spread_cells(item.cpu_percent) for item in summary.items]
    memory = [_spread_cells(item.memory_percent) for item in summary.items]
    states = [
        (_share(item.unhealthy_share), _share(item.unknown_share), str(item.flips))
        for item in summary.items
    ]
    ips = [(item.ip,) for item in summary.items]
    notes = [_note(item, summary.rounds) for item in summary.items]
    titles = [Column(title, number=True) for title in ("Unhealthy", "Unknown", "Flips")]
    whole = Table(
        [Column("IP"), *_spread_columns("CPU %"), *_spread_columns("Memory %"), *titles],
        _side_by_side(ips, cpu, memory, states, notes),
    )
    halves = (
        Table(
            [Column("IP"), *_spread_columns("CPU %"), *titles],
            _side_by_side(ips, cpu, states, notes),
        ),
        Table([Column("IP"), *_spread_columns("Memory %")], _side_by_side(ips, memory)),
    )
    fitting = Style(width=style.width)
    drawn = draw(whole, fitting)
    if (
        style.width is not None
        and display_width(draw(whole, Style()).splitlines()[1]) > style.width
    ):
        drawn = "\n".join(draw(half, fitting) for half in halves)
    line = _summary_line(summary)
    lines = [line] if style.width is None else wrapped(line, style.width)
    return "\n".join([*lines, drawn])


def _note(item: InstanceSummary, rounds: int) -> tuple[str, ...]:
    """Nothing where it was there, polled and steady in all the rounds."""
    moments = (("joined", item.joined_at), ("left", item.left_at))
    said = [f"{what} {at:%H:%M:%S}" for what, at in moments if at is not None]
    if item.was_flapping:
        said.append("was flapping")
    if item.rounds < rounds:
        said.insert(0, f"{item.rounds} of {counted(rounds, 'round')}")
    return (", ".join(said),) if said else ()


def _side_by_side(*parts: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return [tuple(chain.from_iterable(row)) for row in zip(*parts, strict=True)]


def _spread_columns(above: str) -> list[Column]:
    return [
        Column("min", number=True, min_width=3, above=above),
        Column("mean", number=True, min_width=5, gap=1),
        Column("p95", number=True, min_width=3, gap=1),
        Column("max", number=True, min_width=3, gap=1),
    ]


def _spread_cells(spread: Spread) -> tuple[str, ...]:
    average = MISSING if spread.mean is None else f"{spread.mean:.1f}"
    least, p95, most = (
        MISSING if value is None else f"{value:g}" for value in (spread.min, spread.p95, spread.max)
    )
    return least, average, p95, most


def _summary_line(summary: TrackSummary) -> str:
    rounds = counted(summary.rounds, "round")
    began, ended = (
        moment.strftime("%Y-%m-%dT%H:%M:%SZ") for moment in (summary.began_at, summary.ended_at)
    )
    failed = f", {summary.failed_rounds} of them failed" if summary.failed_rounds else ""
    missed = f", {summary.missed_rounds} more missed" if summary.missed_rounds else ""
    more = (
        f"; {counted(summary.forgotten, 'instance')} that left before" if summary.forgotten else ""
    )
    forgotten = more and f"{more} {'is' if summary.forgotten == 1 else 'are'} not shown"
    at_random = "; changed at random" if summary.was_random else ""
    return (
        f"{printable(summary.service)}: {rounds} from {began} to {ended}"
        f"{failed}{missed}{forgotten}{at_random}"
    )


def _share(share: float) -> str:
    """As a percentage that is 0 or 100 only where it is exactly that."""
    if 0 < share <= 0.005:
        return "<1%"
    if 0.995 <= share < 1:
        return ">99%"
    return f"{share:.0%}"
