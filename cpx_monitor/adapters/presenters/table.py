"""Reports as tables for people."""

from collections.abc import Iterator, Sequence

from cpx_monitor.adapters.presenters.text import Cell, Column, draw_table
from cpx_monitor.app.reports import (
    Coverage,
    InstanceList,
    InstanceRow,
    Report,
    ServiceAverages,
    ServicesAtRisk,
    TrackRound,
    counted,
)
from cpx_monitor.domain.health import Status

MISSING = "-"

# The spacing is the brief's, to the column.
_IP = Column("IP")
_SERVICE = Column("Service")
_LOAD = (
    Column("Status", min_width=len(Status.UNHEALTHY)),
    Column("CPU", number=True, min_width=len("100%"), gap=5, title_left=True),
    Column("Memory", number=True, gap=1),
)


def render_table(report: Report, color: bool) -> str:
    match report:
        case InstanceList():
            return instance_list(report, color)
        case ServiceAverages():
            return service_averages(report, color)
        case ServicesAtRisk():
            return services_at_risk(report, color)


def instance_list(report: InstanceList, color: bool) -> str:
    rows = [(row.ip, *_instance_cells(row)) for row in report.items]
    return draw_table([_IP, _SERVICE, *_LOAD], rows, color=color)


def service_averages(report: ServiceAverages, color: bool) -> str:
    columns = [
        _SERVICE,
        *(Column(title, number=True) for title in ("Instances", "Healthy", "CPU", "Memory")),
    ]
    rows = [
        (
            item.service,
            str(item.instances),
            f"{item.healthy}/{item.instances}",
            mean(item.cpu_percent.mean),
            mean(item.memory_percent.mean),
        )
        for item in report.items
    ]
    return draw_table(columns, rows, color=color)


def services_at_risk(report: ServicesAtRisk, color: bool) -> str:
    columns = [
        _SERVICE,
        Column("Healthy", number=True),
        Column("Verdict"),
        Column("Reason", free=True),
    ]
    rows = [
        (
            item.service,
            f"{item.healthy}/{item.instances}",
            Cell(item.verdict, item.verdict),
            item.reason,
        )
        for item in report.items
    ]
    return draw_table(columns, rows, color=color)


def track_round(shown: TrackRound, color: bool) -> str:
    """The round's rows, each a complete line of its own; headers with the first round only.

    Widths hold from round to round: an IPv4 address never needs more than its column has.
    """
    columns = [
        Column("Time", min_width=len("2026-11-22T12:00:00Z")),
        Column("Round", number=True),
        Column("IP", min_width=len("255.255.255.255")),
        Column("Service", min_width=len(shown.service)),
        *_LOAD,
    ]
    time = shown.observed_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    rows = [(time, str(shown.round), row.ip, *_instance_cells(row)) for row in shown.items]
    return draw_table(columns, rows, color=color, headers=shown.round == 1)


def percent(value: float | None) -> str:
    if value is None:
        return MISSING
    text = str(value)
    return f"{text}%" if "e" not in text else f"{value:.15f}".rstrip("0") + "%"


def mean(value: float | None) -> str:
    return MISSING if value is None else f"{value:.1f}%"


def footer(report: Report) -> str:
    """One line that sums the whole fleet up, whatever the report shows of it."""
    basis = report.basis
    listed = counted(basis.coverage.listed, "instance")
    took = f"in {basis.took_seconds:.2f} s"
    if not isinstance(report, InstanceList):
        return f"{listed}: {_answered(basis.coverage)} {took}"
    count = dict.fromkeys(Status, 0)
    for row in report.items:
        count[row.status] += 1
    states = ", ".join(f"{number} {status.lower()}" for status, number in count.items())
    return f"{listed}, {states} {took}"


def round_footer(shown: TrackRound) -> str:
    """One line that sums a round up: ``AuthService round 3: 12/15 healthy, …``."""
    healthy = sum(row.status is Status.HEALTHY for row in shown.items)
    parts = [f"{healthy}/{len(shown.items)} healthy"]
    if shown.coverage is not None and shown.coverage.unknown:
        parts.append(f"{shown.coverage.unknown} of {shown.coverage.listed} listed unknown")
    took = f"in {shown.took_seconds:.2f} s"
    return f"{shown.service} round {shown.round}: {', '.join(parts)} {took}"


def round_warnings(shown: TrackRound, before: TrackRound | None) -> Iterator[str]:
    """What is to be said of a round beside its rows; what lasts is said when it begins."""
    if shown.missed:
        late = f"{counted(shown.missed, 'round')} before round {shown.round}"
        yield f"{late} came due while another still ran: left out"
    if shown.failure is not None:
        yield f"round {shown.round} failed: {shown.failure}"
        return
    if shown.stale_list is not None:
        age = f"{shown.stale_list.age_s:.3g} s"
        yield f"round {shown.round}: the list of servers is {age} old: {shown.stale_list.reason}"
    if not shown.items:
        yield f"round {shown.round}: no listed instance is known to be of {shown.service}"
    nameless = _nameless(shown)
    if nameless and (before is None or nameless != _nameless(before)):
        are = "is" if nameless == 1 else "are"
        listed = shown.coverage.listed if shown.coverage else 0
        yield f"round {shown.round}: {nameless} of {listed} listed {are} unknown, of any service"
    if shown.rejected and (before is None or shown.rejected != before.rejected):
        yield rejected_warning(shown.rejected)


def _nameless(shown: TrackRound) -> int:
    """How many unknown instances are not among the rows, and may be of any service."""
    if shown.coverage is None:
        return 0
    return shown.coverage.unknown - sum(row.status is Status.UNKNOWN for row in shown.items)


def rejected_warning(rejected: Sequence[str]) -> str:
    shown = ", ".join(rejected[:5])
    more = f" and {len(rejected) - 5} more" if len(rejected) > 5 else ""
    what = "entry is no address" if len(rejected) == 1 else "entries are no addresses"
    return f"{len(rejected)} listed {what} and left out: {shown}{more}"


def no_risk_sentence(report: ServicesAtRisk) -> str:
    """For an ``at-risk`` that found nothing; what did not answer is not passed over."""
    count = report.service_count
    who = "the one service" if count == 1 else f"each of {count} services"
    enough = f"{counted(report.threshold, 'healthy instance')} or more"
    sentence = f"no service is at risk: {who} has {enough}"
    unknown = report.basis.coverage.unknown
    return f"{sentence}; {unknown} unknown" if unknown else sentence


def _answered(coverage: Coverage) -> str:
    return f"{coverage.answered} answered, {coverage.unknown} unknown"


def _instance_cells(row: InstanceRow) -> tuple[str | Cell, ...]:
    cells = (
        row.service or MISSING,
        Cell(row.status, row.status),
        percent(row.cpu_percent),
        percent(row.memory_percent),
    )
    return cells if row.reason is None else (*cells, row.reason)
