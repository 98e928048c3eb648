"""What differs between two moments of a fleet, or from round to round."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Protocol

from cpx_monitor.app.memory import ServiceMemory
from cpx_monitor.app.reports import (
    Change,
    ChangeKind,
    FleetDiff,
    InstanceList,
    InstanceRow,
    ServiceAverage,
    ServiceAverages,
    ServicesAtRisk,
    TrackRound,
)
from cpx_monitor.app.use_cases import averages, basis_of, row_of, why_not_healthy
from cpx_monitor.domain.fleet import Snapshot, address_order
from cpx_monitor.domain.health import HealthPolicy, Status, Verdict

Rows = Mapping[str, InstanceRow]
"""Instances by their addresses."""

METRICS = ("cpu_percent", "memory_percent")


def diff(
    before: Snapshot,
    after: Snapshot,
    policy: HealthPolicy,
    by_points: float,
    only: Collection[str] = (),
) -> FleetDiff:
    """What differs between two polls: instances in the order of what happened to them, then the
    services whose mean load moved by more than ``by_points``; with ``only`` of these services.
    """
    memory = ServiceMemory()
    rows, means = [], []
    for poll in map(memory.filled, (before, after)):
        rows.append(_by_ip(row_of(seen, policy) for seen in poll.observations))
        means.append(_by_service(averages(poll, policy)))
    changes = [
        *instance_changes(rows[0], rows[1], policy),
        *mean_changes(means[0], means[1], by_points),
    ]
    return FleetDiff(
        basis=basis_of(after, policy),
        before=basis_of(before, policy),
        by_points=by_points,
        items=tuple(filter(about(only), changes)),
    )


def about(services: Collection[str]) -> Callable[[Change], bool]:
    """A test whether a change concerns one of these services, in any case; without services every
    change does. An instance that moved concerns two.
    """
    folded = {name.casefold() for name in services}

    def is_about(change: Change) -> bool:
        named = [change.service]
        if change.change is ChangeKind.MOVED:
            named += [str(change.before), str(change.after)]
        return not folded or any(name and name.casefold() in folded for name in named)

    return is_about


def instance_changes(before: Rows, after: Rows, policy: HealthPolicy) -> Iterator[Change]:
    """Cases: gone; new; moved to another service, which may change its status as well; only its
    status changed.
    """
    for ip in _in_order(before.keys() - after.keys()):
        row = before[ip]
        yield Change(ChangeKind.GONE, ip, row.service, row.status, None)
    for ip in _in_order(after.keys() - before.keys()):
        row = after[ip]
        why = why_not_healthy(row, policy)
        yield Change(ChangeKind.NEW, ip, row.service, None, row.status, reason=why)
    in_both = before.keys() & after.keys()
    moved = (ip for ip in in_both if _has_moved(before[ip], after[ip]))
    for ip in _in_order(moved):
        services = before[ip].service, after[ip].service
        yield Change(ChangeKind.MOVED, ip, services[1], *services)
    for ip in _in_order(ip for ip in in_both if before[ip].status is not after[ip].status):
        row = after[ip]
        statuses = before[ip].status, row.status
        service = row.service or before[ip].service
        yield Change(ChangeKind.STATUS, ip, service, *statuses, reason=why_not_healthy(row, policy))


def mean_changes(
    before: Mapping[str, ServiceAverage], after: Mapping[str, ServiceAverage], by_points: float
) -> Iterator[Change]:
    """Of the services that are in both; a mean that is not known moves nowhere."""
    for name in sorted(before.keys() & after.keys()):
        for metric in METRICS:
            was, now = (getattr(each[name], metric).mean for each in (before, after))
            if was is not None and now is not None and abs(now - was) > by_points:
                yield Change(ChangeKind.MEAN, None, name, was, now, metric)


def _has_moved(before: InstanceRow, after: InstanceRow) -> bool:
    return None not in (before.service, after.service) and before.service != after.service


def _in_order(ips: Iterable[str]) -> list[str]:
    return sorted(ips, key=address_order)


def _by_ip(rows: Iterable[InstanceRow]) -> dict[str, InstanceRow]:
    return {row.ip: row for row in rows}


def _by_service(report: ServiceAverages) -> dict[str, ServiceAverage]:
    return {item.service: item for item in report.items}


class Feed(Protocol):
    """Rounds go in, in their order; what differs from the round before comes out.

    Silent instances must have the service that they are remembered by.
    """

    def learn(self, report: Any) -> Iterable[Change]:
        """Nothing for the first one."""


class InstanceFeed:
    """Of a ``list`` or a ``track``. With ``status`` only changes to or from it."""

    def __init__(self, status: Status | None = None) -> None:
        self._status = status
        self._rows: Rows | None = None

    def learn(self, report: InstanceList | TrackRound) -> list[Change]:
        rows, before = _by_ip(report.items), self._rows
        self._rows = rows
        if before is None:
            return []
        moved: list[Change] = []
        if isinstance(report, TrackRound):
            rows.update((ip, before[ip]) for ip in report.not_polled if ip in before)
            moved = [
                Change(ChangeKind.MOVED, each.ip, report.service, each.before, each.after)
                for each in report.moves
            ]
        found = [*moved, *instance_changes(before, rows, report.basis.policy)]
        # Of a service that is tracked, one that moved is not just gone or new.
        have_moved = {each.ip for each in moved}
        return [
            each
            for each in found
            if (each.change is ChangeKind.MOVED or each.ip not in have_moved)
            and (self._status is None or self._status in (each.before, each.after))
        ]


class MeanFeed:
    """Of ``averages``. A mean is compared with what was last told of it, so that a slow drift is
    told as well.
    """

    def __init__(self, by_points: float) -> None:
        self._by_points = by_points
        self._told: Mapping[str, ServiceAverage] | None = None

    def learn(self, report: ServiceAverages) -> list[Change]:
        now, told = _by_service(report), self._told
        if told is None:
            self._told = now
            return []
        counts = ({name: each.instances for name, each in of.items()} for of in (told, now))
        shifted = list(mean_changes(told, now, self._by_points))
        have_shifted = {(each.service, each.metric) for each in shifted}
        self._told = {
            name: _without(have_shifted, told[name], each) if name in told else each
            for name, each in now.items()
        }
        return [*_gone_and_new(*counts), *shifted]


class VerdictFeed:
    """Of ``at-risk``; a round of which nothing can be said is skipped."""

    def __init__(self) -> None:
        self._before: Mapping[str, Verdict] | None = None

    def learn(self, report: ServicesAtRisk) -> list[Change]:
        if report.verdict is None:  # nothing can be said
            return []
        items = {item.service: item for item in report.items}
        verdicts = dict.fromkeys(report.services, Verdict.OK)
        verdicts.update((name, item.verdict) for name, item in items.items())
        before, self._before = self._before, verdicts
        if before is None:
            return []
        changed = (
            Change(ChangeKind.VERDICT, None, name, before[name], verdicts[name])
            for name in sorted(before.keys() & verdicts.keys())
            if before[name] is not verdicts[name]
        )
        return [
            each._replace(reason=items[each.service].reason) if each.service in items else each
            for each in (*_gone_and_new(before, verdicts), *changed)
        ]


def _gone_and_new(
    before: Mapping[str, Verdict | int], after: Mapping[str, Verdict | int]
) -> Iterator[Change]:
    """The services that are in one of them only."""
    for name in sorted(before.keys() - after.keys()):
        yield Change(ChangeKind.GONE, None, name, before[name], None)
    for name in sorted(after.keys() - before.keys()):
        yield Change(ChangeKind.NEW, None, name, None, after[name])


def _without(
    have_shifted: Collection[tuple[str | None, str | None]],
    told: ServiceAverage,
    now: ServiceAverage,
) -> ServiceAverage:
    """The later one with the means told before, where they have not shifted since."""
    kept = {
        metric: getattr(told, metric)
        for metric in METRICS
        if (now.service, metric) not in have_shifted and getattr(told, metric).mean is not None
    }
    return now._replace(**kept)
