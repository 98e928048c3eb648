"""Reports as tables for people."""

from functools import lru_cache

from cpx_monitor.adapters.presenters.escape import unmistakable
from cpx_monitor.adapters.presenters.layout import Cell, Column, Style, Table, draw
from cpx_monitor.app.reports import (
    Change,
    Changes,
    FleetDiff,
    InstanceList,
    InstanceRow,
    Overview,
    Report,
    ServiceAverages,
    ServicesAtRisk,
    Stamp,
    TrackRound,
    counted,
)
from cpx_monitor.domain.health import HealthPolicy, Status, Verdict

MISSING = "-"

# The spacing is the brief's, to the column.
_IP = Column("IP")
_SERVICE = Column("Service", least_width=6)
_LOAD = (
    Column("Status", min_width=len(Status.UNHEALTHY)),
    Column("CPU", number=True, min_width=len("100%"), gap=5),
    Column("Memory", number=True),
)
_REASON = Column("Reason", free=True)


def table_of(report: Report, *, wide: bool = False, stamp: Stamp | None = None) -> Table:
    """With a stamp each row tells its round, and widths hold from round to round as far as they can
    be known: an IPv4 address never needs more than its column has.
    """
    match report:
        case InstanceList():
            columns, rows = _instance_list(report, wide)
        case ServiceAverages():
            columns, rows = _service_averages(report, wide)
        case ServicesAtRisk():
            columns, rows = _services_at_risk(report, wide)
        case TrackRound():
            columns, rows = _track_round(report, wide)
        case Overview():
            columns, rows = _overview(report)
        case Changes() | FleetDiff():
            columns, rows = _CHANGE_COLUMNS, [_change_cells(item) for item in report.items]
            if isinstance(report, FleetDiff):  # it is whole, so no round has to fit below it
                columns = [column._replace(min_width=0) for column in columns]
    if stamp is None:
        return Table(columns, rows)
    time = stamp.observed_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    when = (time, str(stamp.round))
    return Table(
        [
            Column("Time", min_width=len("2026-11-22T12:00:00Z")),
            Column("Round", number=True),
            *columns,
        ],
        [(*when, *row) for row in rows],
    )


def render_table(
    report: Report, style: Style, *, wide: bool = False, stamp: Stamp | None = None
) -> str:
    return draw(table_of(report, wide=wide, stamp=stamp), style)


_Rows = tuple[list[Column], list[tuple[str | Cell, ...]]]


def _instance_list(report: InstanceList, wide: bool) -> _Rows:
    policy = report.basis.policy
    rows = [(row.ip, *_instance_cells(row, policy, wide)) for row in report.items]
    return [_IP, _SERVICE, *_LOAD, *([_REASON] if wide else [])], rows


def _track_round(report: TrackRound, wide: bool) -> _Rows:
    columns = [
        Column("IP", min_width=len("255.255.255.255")),
        _SERVICE._replace(min_width=len(report.service)),
        *_LOAD,
        *([_REASON] if wide else []),
    ]
    policy = report.basis.policy
    rows = []
    for row in report.items:
        note = ("flapping",) if row.ip in report.flapping else ()
        rows.append((row.ip, *_instance_cells(row, policy, wide), *note))
    return columns, rows


def _service_averages(report: ServiceAverages, wide: bool) -> _Rows:
    titles = ["Instances", "Healthy", "CPU", "Memory"]
    if wide:
        titles += [f"{load} {value}" for load in ("CPU", "Memory") for value in _EXTREMES]
        titles += ["CPU if lost", "Memory if lost"]
    numbers = (Column(title, number=True, may_go=_MAY_GO.get(title, 0)) for title in titles)
    columns = [_SERVICE, *numbers]
    if wide:
        columns.append(Column("Survives loss", may_go=2))
    rows: list[tuple[str | Cell, ...]] = []
    for item in report.items:
        verdict = report.endangered.get(item.service)
        cells: list[str | Cell] = [
            unmistakable(item.service),
            str(item.instances),
            Cell(f"{item.healthy}/{item.instances}", verdict),
            mean(item.cpu_percent.mean),
            mean(item.memory_percent.mean),
        ]
        if wide:
            spreads = (item.cpu_percent, item.memory_percent)
            cells += [percent(getattr(spread, name)) for spread in spreads for name in _EXTREMES]
            lost, policy = item.if_one_is_lost, report.basis.policy
            cells.append(_mean_cell(lost and lost.cpu_percent, policy.max_cpu_percent))
            cells.append(_mean_cell(lost and lost.memory_percent, policy.max_memory_percent))
            cells.append("yes" if item.survives_losing_one else "no")
        if verdict:
            cells.append(Cell(verdict, verdict))
        rows.append(tuple(cells))
    return columns, rows


_EXTREMES = ("min", "p95", "max")
# Where there is no room: of each group the last to go has the lowest number.
_MAY_GO = {
    **{f"Memory {value}": 4 for value in _EXTREMES},
    **{f"CPU {value}": 3 for value in _EXTREMES},
    "CPU if lost": 5,
    "Memory if lost": 5,
    "Instances": 1,
}


def _services_at_risk(report: ServicesAtRisk, wide: bool) -> _Rows:
    more = ("Threshold", "Unhealthy", "Unknown") if wide else ()
    columns = [
        _SERVICE,
        Column("Healthy", number=True),
        Column("Verdict"),
        *(Column(title, number=True) for title in more),
        _REASON,
    ]
    rows: list[tuple[str | Cell, ...]] = []
    for item in report.items:
        unhealthy = len(item.unhealthy_ips)
        counts = (item.threshold, unhealthy, item.instances - item.healthy - unhealthy)
        rows.append(
            (
                unmistakable(item.service),
                f"{item.healthy}/{item.instances}",
                Cell(item.verdict, item.verdict),
                *(map(str, counts) if wide else ()),
                item.reason,
            )
        )
    return columns, rows


_OVERVIEW_COLUMNS = [
    _SERVICE,
    Column("Healthy", number=True),
    *(
        Column(title, number=True, may_go=may_go)
        for title, may_go in (("CPU", 0), ("p95", 2), ("Memory", 0), ("p95", 2))
    ),
    Column("Verdict"),
]


def _overview(report: Overview) -> _Rows:
    policy = report.basis.policy
    rows = []
    for item in report.items:
        cells: list[str | Cell] = [
            unmistakable(item.service),
            Cell(f"{item.healthy}/{item.instances}", item.verdict),
        ]
        for spread, limit in zip((item.cpu_percent, item.memory_percent), policy, strict=True):
            cells += [_mean_cell(spread.mean, limit), load_cell(spread.p95, limit)]
        rows.append((*cells, Cell(item.verdict, item.verdict)))
    return _OVERVIEW_COLUMNS, rows


_CHANGE_COLUMNS = [
    Column("Change", min_width=len("verdict")),
    Column("IP", min_width=len("255.255.255.255")),
    _SERVICE,
    Column("Before", min_width=len(Status.UNHEALTHY)),
    Column("After", min_width=len(Status.UNHEALTHY)),
    _REASON,
]


def _change_cells(item: Change) -> tuple[str | Cell, ...]:
    cells = (
        item.change,
        item.ip or MISSING,
        MISSING if item.service is None else unmistakable(item.service),
        _state_cell(item, item.before),
        _state_cell(item, item.after),
    )
    return cells if item.reason is None else (*cells, item.reason)


def _state_cell(item: Change, state: str | float | None) -> str | Cell:
    """Cases: nothing; a mean of a load; a status or a verdict; a service; a number of instances."""
    if state is None:
        return MISSING
    if item.metric is not None and not isinstance(state, str):
        return f"{'CPU' if item.metric == 'cpu_percent' else 'memory'} {mean(state)}"
    if isinstance(state, Status | Verdict):
        return Cell(state, state)
    return unmistakable(state) if isinstance(state, str) else counted(int(state), "instance")


@lru_cache(maxsize=1024, typed=True)
def percent(value: float | None) -> str:
    if value is None:
        return MISSING
    text = str(value)
    return f"{text}%" if "e" not in text else f"{value:.15f}".rstrip("0") + "%"


def _mean_cell(value: float | None, limit: float) -> str | Cell:
    is_over = value is not None and value > limit
    return Cell(mean(value), Status.UNHEALTHY) if is_over else mean(value)


def mean(value: float | None) -> str:
    return MISSING if value is None else f"{value:.1f}%"


def _instance_cells(row: InstanceRow, policy: HealthPolicy, wide: bool) -> tuple[str | Cell, ...]:
    """What is over its limit has a colour, and in a wide table a reason as well."""
    cells = (
        MISSING if row.service is None else unmistakable(row.service),
        Cell(row.status, row.status),
        load_cell(row.cpu_percent, policy.max_cpu_percent),
        load_cell(row.memory_percent, policy.max_memory_percent),
    )
    reason = row.reason
    if wide and row.cpu_percent is not None and row.memory_percent is not None:
        excess = policy.excess(row.cpu_percent, row.memory_percent)
        reason = f"over its limit: {excess}" if excess else None
    return cells if reason is None else (*cells, reason)


def load_cell(value: float | None, limit: float) -> str | Cell:
    text = percent(value)
    return text if value is None or value <= limit else Cell(text, Status.UNHEALTHY)
