"""What there is to see of a round, for each kind of command: the rows, and what stands above."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from cpx_monitor.adapters.presenters.frames import (
    Heading,
    as_shown,
    report_head,
    spark,
    track_head,
    tracked_table,
)
from cpx_monitor.adapters.presenters.layout import Cell, Column, Style, Table
from cpx_monitor.adapters.presenters.pages import Page, bar
from cpx_monitor.adapters.presenters.report_tables import table_of
from cpx_monitor.adapters.presenters.sentences import rejected_warning, when
from cpx_monitor.app.filtering import matcher
from cpx_monitor.app.history import History
from cpx_monitor.app.ordering import Order, arranged, columns_of
from cpx_monitor.app.overview import service_round
from cpx_monitor.app.reports import (
    InstanceList,
    Overview,
    Report,
    Round,
    ServiceAverages,
    ServicesAtRisk,
    TrackedInstance,
    TrackRound,
)
from cpx_monitor.domain.fleet import Snapshot
from cpx_monitor.domain.health import Status, Verdict
from cpx_monitor.entrypoints.reporting.interactive.held import HeldRound, HeldRounds
from cpx_monitor.entrypoints.reporting.interactive.state import ViewState
from cpx_monitor.entrypoints.reporting.output import Output
from cpx_monitor.entrypoints.reporting.rounds import banner

# As many as a history has bars, and one for the change since.
_ROUNDS_BEHIND = 31
_HISTORY = 10
_MAX_NAMED = 5
_NO_ORDER = Order()

_BY_LOAD = {
    "c": Order("cpu", reverse=True),
    "m": Order("memory", reverse=True),
}
_ORDERS = {
    InstanceList: {**_BY_LOAD, "i": Order("status"), "n": Order("ip")},
    TrackRound: {**_BY_LOAD, "i": Order("status"), "n": Order("ip")},
    ServiceAverages: {**_BY_LOAD, "i": Order("unhealthy", reverse=True), "n": Order("service")},
    ServicesAtRisk: {"i": Order("verdict"), "n": Order("service")},
    Overview: {**_BY_LOAD, "i": Order("verdict"), "n": Order("service")},
}


class Seen(NamedTuple):
    """A page, with the keys of its rows, how each is, and what they may be sorted by."""

    page: Page
    rows: Sequence[str]
    states: Sequence[str]
    orders: dict[str, Order]
    columns: Sequence[str]
    can_enter: bool = False


class Subject(Protocol):
    def see(self, held: HeldRounds, state: ViewState, style: Style) -> Seen:
        """The round that the state looks at, filtered and sorted as it says."""


def round_seen(held: HeldRounds, state: ViewState) -> HeldRound:
    return held.up_to(state.round, 1)[0]


def _heading(
    shown: Round[Any], warnings: list[str], where: str, details: list[str], report: Report
) -> Heading:
    rejected = report.basis.rejected
    said = [rejected_warning(rejected)] if rejected else []
    return Heading(when(shown.stamp), [*banner(shown, warnings), *said], where, details, end="")


class ReportSubject:
    """A report on the whole fleet, in the order that the command was given until a key says
    otherwise.
    """

    def __init__(self, output: Output, every_s: float) -> None:
        self._output = output
        self._details = [f"every {every_s:g} s"]

    def see(self, held: HeldRounds, state: ViewState, style: Style) -> Seen:
        shown = round_seen(held, state).shown
        if state.inside is not None:
            where = self._output.where(shown.report.basis.source)
            return _see_service(held, state, style, where, self._details)
        report = _filtered(shown.report, state)
        heading = _heading(
            shown, [], self._output.where(report.basis.source), self._details, report
        )
        wide = self._output.is_wide

        def table(first: int, last: int) -> Table:
            return table_of(report._replace(items=report.items[first:last]), wide=wide)

        head = report_head(shown, heading, style, wide=wide)
        can_enter = not isinstance(report, InstanceList)
        return _seen(report, Page(head, len(report.items), table), can_enter=can_enter)


class TrackSubject:
    """A service's instances, with their changes and histories, in the order that the command was
    given until a key says otherwise.
    """

    def __init__(self, output: Output, source: str, pace: str, order: Order) -> None:
        self._output = output
        self._source = source
        self._pace = pace
        self._order = order

    def see(self, held: HeldRounds, state: ViewState, style: Style) -> Seen:
        rounds = [each.shown for each in held.up_to(state.round, _ROUNDS_BEHIND)]
        where = self._output.where(self._source)
        return see_instances(rounds, state, style, where, [self._pace], self._order)


def see_instances(
    rounds: Sequence[Round[TrackRound]],
    state: ViewState,
    style: Style,
    where: str,
    details: list[str],
    order: Order = _NO_ORDER,
) -> Seen:
    """The last of these rounds, with what the others say of its past."""
    history = History()
    instances: tuple[TrackedInstance, ...] = ()
    for each in rounds:
        instances = history.learn(each)
    shown = rounds[-1]
    shown = shown._replace(report=history.judged(shown.report))
    by_ip = {each.row.ip: each for each in as_shown(shown, instances)}
    report = shown.report
    if shown.outage is not None:  # what is shown is what was last known
        report = report._replace(items=tuple(each.row for each in by_ip.values()))
    present = {row.ip for row in report.items}
    order = (state.order or order)._replace(top=order.top)
    report = _filtered(report, state._replace(order=order))
    here = {row.ip: by_ip[row.ip] for row in report.items}
    # Those that left lately are in their places, or at the end of another order.
    is_cut = bool(state.filter_in_force) or order.top is not None
    left = {} if is_cut else {ip: each for ip, each in by_ip.items() if ip not in present}
    chosen = list((here | left).values())
    if order.is_none:
        chosen = [each for ip, each in by_ip.items() if ip in here or ip in left]
    heading = _heading(shown, [], where, [*details, f"took {shown.took_s:.2f} s"], shown.report)

    def table(first: int, last: int) -> Table:
        return tracked_table(chosen[first:last], report.basis.policy, style)

    page = Page(track_head(shown, heading, style), len(chosen), table)
    return Seen(
        page,
        [each.row.ip for each in chosen],
        [each.row.status if each.is_seen else "" for each in chosen],
        _ORDERS[TrackRound],
        columns_of(InstanceList),
    )


class FleetSubject:
    """The services of the whole fleet, and inside of one its instances."""

    def __init__(self, output: Output, source: str, pace: str) -> None:
        self._output = output
        self._source = source
        self._pace = pace

    def see(self, held: HeldRounds, state: ViewState, style: Style) -> Seen:
        where = self._output.where(self._source)
        if state.inside is not None:
            return _see_service(held, state, style, where, [self._pace])
        rounds = held.up_to(state.round, _ROUNDS_BEHIND)
        shown: Round[Overview] = rounds[-1].shown
        report = _filtered(shown.report, state)
        behind = [
            {item.service: item for item in each.shown.report.items}
            for each in rounds
            if each.shown.outage is None
        ]

        def table(first: int, last: int) -> Table:
            few = report._replace(items=report.items[first:last])
            return _with_histories(few, behind, style)

        head = self._head(shown, [each.shown.took_s for each in rounds], where, style)
        return _seen(report, Page(head, len(report.items), table), can_enter=True)

    def _head(
        self, shown: Round[Overview], took_s: Sequence[float], where: str, style: Style
    ) -> list[str]:
        """Three lines: how many are well; who is in trouble; the round, and how long the API
        took.
        """
        basis, coverage = shown.report.basis, shown.report.basis.coverage
        share = basis.healthy / coverage.listed if coverage.listed else 0.0
        counts = (
            f"{coverage.listed} instances: {basis.healthy} healthy,"
            f" {coverage.answered - basis.healthy} unhealthy, {coverage.unknown} unknown"
        )
        longest_s = max(took_s)
        taken = spark(
            [100 * each / longest_s if longest_s else 0 for each in took_s[-_HISTORY:]],
            min(len(took_s), _HISTORY),
            ascii_only=style.ascii_only,
        )
        warnings = banner(shown, [])
        return [
            f"{counts} {bar(share, 20, ascii_only=style.ascii_only)}",
            _in_trouble(shown.report),
            f"{when(shown.stamp)}, took {shown.took_s:.2f} s {taken}, {self._pace}, {where}",
            *warnings,
            "",
        ]


def _in_trouble(report: Overview) -> str:
    parts = []
    for verdict, said in (
        (Verdict.AT_RISK, "at risk"),
        (Verdict.POSSIBLY_AT_RISK, "possibly at risk"),
    ):
        names = [item.service for item in report.items if item.verdict is verdict]
        more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
        if names:
            parts.append(f"{said}: {', '.join(names[:_MAX_NAMED])}{more}")
    return "; ".join(parts) or f"none of {len(report.items)} services is at risk"


def _see_service(
    held: HeldRounds, state: ViewState, style: Style, where: str, details: list[str]
) -> Seen:
    """The instances of the service that was looked into."""
    assert state.inside is not None
    rounds = [_of_service(each, state.inside) for each in held.up_to(state.round, _ROUNDS_BEHIND)]
    return see_instances(rounds, state, style, where, details)


def _of_service(held: HeldRound, service: str) -> Round[TrackRound]:
    """What ``track`` would have seen in this round."""
    shown, basis = held.shown, held.shown.report.basis
    if isinstance(held.outcome, Snapshot) and shown.outage is None:
        report = service_round(held.outcome, basis.policy, service)
    else:
        report = TrackRound(basis, service, ())
    return shown._replace(report=report)


def _with_histories(report: Overview, behind: Sequence[dict[str, Any]], style: Style) -> Table:
    """The table of services, with the means of the last rounds as bars from 0 to 100, coloured
    where the last is over its limit, and how far they moved since the round before.
    """
    columns, rows = table_of(report)
    past = Column("", min_width=_HISTORY, gap=1, may_go=3)
    change = Column("Change", number=True, gap=1, may_go=1)
    limits = report.basis.policy
    widened = [
        *columns[:3],
        change,
        past._replace(title=_limit(limits[0])),
        columns[3],
        columns[4],
        change,
        past._replace(title=_limit(limits[1])),
        *columns[5:],
    ]
    drawn = []
    for item, row in zip(report.items, rows, strict=True):
        cells: list[list[str | Cell]] = []
        for metric, limit in zip(("cpu_percent", "memory_percent"), limits, strict=True):
            means = [
                getattr(of[item.service], metric).mean if item.service in of else None
                for of in behind
            ]
            bars = spark(means, _HISTORY, ascii_only=style.ascii_only)
            is_over = bool(means) and means[-1] is not None and means[-1] > limit
            cells.append([_moved(means), Cell(bars, Status.UNHEALTHY if is_over else None)])
        drawn.append((*row[:3], *cells[0], row[3], row[4], *cells[1], *row[5:]))
    return Table(widened, drawn)


def _limit(percent: float) -> str:
    return f"limit {percent:g}"


def _moved(means: Sequence[float | None]) -> str:
    if len(means) < 2 or means[-1] is None or means[-2] is None:
        return "-"
    change = means[-1] - means[-2]
    return f"{change:+.1f}" if abs(change) >= 0.05 else "0"


def _filtered(report: Any, state: ViewState) -> Any:
    fits = matcher(state.filter_in_force)
    report = report._replace(items=tuple(item for item in report.items if fits(item)))
    return report if state.order is None else arranged(report, state.order)


def _seen(report: Any, page: Page, *, can_enter: bool = False) -> Seen:
    kind = type(report)
    rows = [getattr(item, "ip", None) or item.service for item in report.items]
    columns = [name for name in columns_of(kind) if "_" not in name]
    states = [str(getattr(item, "status", getattr(item, "verdict", ""))) for item in report.items]
    return Seen(page, rows, states, _ORDERS[kind], columns, can_enter)
