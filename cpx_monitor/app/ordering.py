"""Which services are meant, and in what order and how many rows a report is shown."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, cast

from cpx_monitor.app.reports import (
    AnyReport,
    InstanceList,
    InstanceRow,
    Load,
    Overview,
    ServiceAtRisk,
    ServiceAverage,
    ServiceAverages,
    ServiceOverview,
    ServicesAtRisk,
    Spread,
    TrackRound,
    counted,
    worst_verdict,
)
from cpx_monitor.domain.fleet import Snapshot, address_order
from cpx_monitor.domain.health import Status, Verdict

# Sorting by status or verdict is for finding what is wrong.
_WORST_FIRST: tuple[Status | Verdict, ...] = (
    *(Status.UNHEALTHY, Status.UNKNOWN, Status.HEALTHY),
    *(Verdict.AT_RISK, Verdict.POSSIBLY_AT_RISK, Verdict.NO_HEADROOM, Verdict.OK),
)


class NoSuchService(Exception):
    """The fleet has no service of that name; ``known`` are the names it has. The message says so,
    for people.
    """

    def __init__(self, name: str, known: Sequence[str], unattributed: int) -> None:
        among = f"among {counted(len(known), 'service')}"
        if unattributed:
            among += f" ({counted(unattributed, 'instance')} did not say which)"
        super().__init__(f"no service '{name}' {among}")
        self.name = name
        self.known = tuple(known)


class NoSuchColumn(Exception):
    """The rows cannot be sorted by that; ``known`` is what they can be sorted by."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(name)
        self.name = name
        self.known = tuple(known)


class Order(NamedTuple):
    """``sort_by`` is a column's title or a field's name, None for the report's own order; ``top``
    is how many rows are kept, None for all.
    """

    sort_by: str | None = None
    reverse: bool = False
    top: int | None = None

    @property
    def is_none(self) -> bool:
        """Whether the rows keep the report's own order."""
        return self.sort_by is None and not self.reverse


def the_service(snapshot: Snapshot, wanted: str) -> str:
    """The fleet's own spelling of the name; case does not matter where it is unambiguous.

    Raises:
        NoSuchService: there is none, or there are several that differ in case only.
    """
    names = [service.name for service in snapshot.services]
    if wanted in names:
        return wanted
    alike = _alike(names, wanted)
    if len(alike) == 1:
        return alike[0]
    raise NoSuchService(wanted, names, snapshot.unattributed)


def the_services(
    snapshot: Snapshot, wanted: Sequence[str], expected: Iterable[str] = ()
) -> frozenset[str]:
    """The fleet's own spellings of the names, all that differ in case only; those ``expected`` may
    be missing.

    Raises:
        NoSuchService: one of them is not there.
    """
    names = [*(service.name for service in snapshot.services), *expected]
    chosen: set[str] = set()
    for name in wanted:
        alike = _alike(names, name)
        if not alike:
            raise NoSuchService(name, names, snapshot.unattributed)
        chosen.update(alike)
    return frozenset(chosen)


def _alike(names: Sequence[str], wanted: str) -> list[str]:
    return [name for name in names if name.casefold() == wanted.casefold()]


def arranged(report: AnyReport, order: Order) -> AnyReport:
    """The report with its rows in that order, and no more of them than wanted.

    Equal rows are in the order of addresses or services, in reverse as well; what has no value
    comes last. at-risk's verdict is that of the rows that are left.

    Raises:
        NoSuchColumn: the rows have no such column or field.
    """
    items: Sequence[Any] = report.items
    if order.sort_by is not None or order.reverse:
        items = _sorted(items, _SORTING[type(report)], order)
    items = tuple(items[: order.top])
    if isinstance(report, ServicesAtRisk):
        verdict = report.verdict
        if verdict is not None and len(items) < len(report.items):
            verdict = worst_verdict(items)
        return cast(AnyReport, report._replace(items=items, verdict=verdict))
    return cast(AnyReport, report._replace(items=items))


def check_column(report: type[Any], order: Order) -> None:
    """
    Raises:
        NoSuchColumn: the rows of such a report have no such column or field.
    """
    if order.sort_by is not None:
        _value_of(_SORTING[report], order.sort_by)


def columns_of(report: type[Any]) -> tuple[str, ...]:
    """What the rows of such a report can be sorted by: its columns' titles, then its fields."""
    return _names(_SORTING[report])


class _Sorting(NamedTuple):
    """``default`` is the report's own order, ``tie`` that of equal rows; ``titles`` are other names
    for fields; ``fields`` the way to each, by its name in csv.
    """

    default: str
    tie: str
    titles: dict[str, str]
    fields: dict[str, tuple[str, ...]]


def _names(sorting: _Sorting) -> tuple[str, ...]:
    return (*sorting.titles, *(name for name in sorting.fields if name not in sorting.titles))


def _sorted(items: Sequence[Any], sorting: _Sorting, order: Order) -> list[Any]:
    value_of = _value_of(sorting, order.sort_by or sorting.default)
    in_order = sorted(items, key=_value_of(sorting, sorting.tie))
    there = [item for item in in_order if value_of(item) is not None]
    missing = [item for item in in_order if value_of(item) is None]
    return sorted(there, key=value_of, reverse=order.reverse) + missing


def _value_of(sorting: _Sorting, column: str) -> Callable[[Any], Any]:
    name = re.sub(r"[^a-z0-9]+", "_", column.strip().lower())
    path = sorting.fields.get(sorting.titles.get(name, name))
    if path is None:
        raise NoSuchColumn(column, _names(sorting))

    def value_of(item: Any) -> Any:
        for field in path:
            item = None if item is None else getattr(item, field, None)
        if path == ("ip",):
            return address_order(item)
        if isinstance(item, Status | Verdict):
            return _WORST_FIRST.index(item)
        return len(item) if isinstance(item, tuple) else item

    return value_of


def _fields_of(row_type: Any, **inner: Any) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for field in row_type._fields:
        if field not in inner:
            found[field] = (field,)
            continue
        for below in inner[field]._fields:
            found[f"{field}_{below}"] = (field, below)
    return found


_INSTANCES = _Sorting(
    default="ip",
    tie="ip",
    titles={"ip": "ip", "service": "service", "status": "status"}
    | {"cpu": "cpu_percent", "memory": "memory_percent"},
    fields=_fields_of(InstanceRow),
)
_SORTING: dict[type[Any], _Sorting] = {
    InstanceList: _INSTANCES,
    # The two are the same for all rows of a round.
    TrackRound: _INSTANCES._replace(
        titles={**_INSTANCES.titles, "time": "observed_at"},
        fields={**_INSTANCES.fields, "round": ("round",), "observed_at": ("observed_at",)},
    ),
    ServiceAverages: _Sorting(
        default="service",
        tie="service",
        titles={"service": "service", "instances": "instances", "healthy": "healthy"}
        | {"cpu": "cpu_percent_mean", "memory": "memory_percent_mean"}
        | {f"cpu_{name}": f"cpu_percent_{name}" for name in ("min", "p95", "max")}
        | {f"memory_{name}": f"memory_percent_{name}" for name in ("min", "p95", "max")}
        | {"cpu_percent": "cpu_percent_mean", "memory_percent": "memory_percent_mean"}
        | {"survives_loss": "survives_losing_one", "if_one_is_lost": "if_one_is_lost_cpu_percent"},
        fields=_fields_of(
            ServiceAverage, cpu_percent=Spread, memory_percent=Spread, if_one_is_lost=Load
        ),
    ),
    Overview: _Sorting(
        default="verdict",
        tie="service",
        titles={"service": "service", "healthy": "healthy", "verdict": "verdict"}
        | {"cpu": "cpu_percent_mean", "memory": "memory_percent_mean"},
        fields=_fields_of(ServiceOverview, cpu_percent=Spread, memory_percent=Spread),
    ),
    ServicesAtRisk: _Sorting(
        default="healthy",
        tie="service",
        titles={"service": "service", "healthy": "healthy", "verdict": "verdict"}
        | {"reason": "reason", "unhealthy": "unhealthy_ips"},
        fields=_fields_of(ServiceAtRisk),
    ),
}
