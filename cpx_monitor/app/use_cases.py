"""From a snapshot to a report: pure functions."""

import math
from collections import Counter
from collections.abc import Container, Iterator, Sequence

from cpx_monitor.app.expectation import Expected, spelt_as_in
from cpx_monitor.app.reports import (
    Basis,
    Coverage,
    InstanceList,
    InstanceRow,
    Load,
    ServiceAtRisk,
    ServiceAverage,
    ServiceAverages,
    ServicesAtRisk,
    Spread,
    counted,
    worst_verdict,
)
from cpx_monitor.domain.fleet import Instance, Observation, Service, Snapshot, Unknown
from cpx_monitor.domain.health import DEFAULT_THRESHOLD, HealthPolicy, Status, Verdict, judge

# A reason is a line that people read: past this many addresses it counts the rest.
MAX_ADDRESSES_IN_A_REASON = 20
# Of the unknown: more than so many that have the same reason are counted.
MAX_NAMED_OF_A_REASON = 3


def list_instances(
    snapshot: Snapshot,
    policy: HealthPolicy,
    only: Container[str] | None = None,
    status: Status | None = None,
) -> InstanceList:
    """Every listed instance, in address order; with ``only`` those of these services, with
    ``status`` those in that state.
    """
    rows = [
        row_of(seen, policy)
        for seen in snapshot.observations
        if only is None or seen.service in only
    ]
    if status is not None:
        rows = [row for row in rows if row.status is status]
    return InstanceList(basis_of(snapshot, policy), tuple(rows))


def averages(
    snapshot: Snapshot, policy: HealthPolicy, only: Container[str] | None = None
) -> ServiceAverages:
    """Per service, by name, the load of the instances that answered, and which are at risk."""
    items = tuple(average_of(service, policy) for service in services_of(snapshot, only))
    unattributed = snapshot.unattributed  # which counts all of them
    verdicts = {
        item.service: judge(
            healthy=item.healthy,
            own_unknown=item.unknown,
            unattributed=unattributed,
            threshold=DEFAULT_THRESHOLD,
        )
        for item in items
    }
    return ServiceAverages(
        basis=basis_of(snapshot, policy),
        items=items,
        endangered={
            name: verdict for name, verdict in verdicts.items() if verdict is not Verdict.OK
        },
    )


def at_risk(
    snapshot: Snapshot,
    policy: HealthPolicy,
    threshold: int,
    only: Container[str] | None = None,
    expected: Sequence[Expected] = (),
    *,
    headroom: bool = False,
) -> ServicesAtRisk:
    """The services with fewer than ``threshold`` healthy instances, or with fewer instances than
    ``expected``, the fewest healthy first. A service that is expected and not there is one of them;
    with ``headroom`` so is one that would not survive losing an instance.
    """
    basis = basis_of(snapshot, policy)
    unattributed = snapshot.unattributed
    expected_of = {each.service: each for each in spelt_as_in(snapshot, expected)}
    services = services_of(snapshot, only)
    missing = expected_of.keys() - {service.name for service in snapshot.services}
    services += [Service(name, (), ()) for name in missing if only is None or name in only]
    found = [
        judged(service, policy, threshold, unattributed, expected_of.get(service.name))
        for service in services
    ]
    if headroom:
        found = [
            _with_headroom(item, service, policy)
            for item, service in zip(found, services, strict=True)
        ]
    endangered = [item for item in found if item.verdict is not Verdict.OK]
    return ServicesAtRisk(
        basis=basis,
        threshold=threshold,
        verdict=worst_verdict(found) if basis.no_verdict_because is None else None,
        services=tuple(item.service for item in found),
        items=tuple(sorted(endangered, key=lambda item: (item.healthy, item.service))),
        headroom=headroom,
    )


def services_of(snapshot: Snapshot, only: Container[str] | None) -> list[Service]:
    return [service for service in snapshot.services if only is None or service.name in only]


def basis_of(snapshot: Snapshot, policy: HealthPolicy) -> Basis:
    return Basis(
        source=snapshot.source,
        observed_at=snapshot.observed_at,
        took_seconds=snapshot.took_s,
        policy=policy,
        coverage=coverage_of(snapshot),
        healthy=policy.healthy_among(snapshot.answered),
        rejected=snapshot.rejected,
        no_verdict_because=why_no_verdict(snapshot),
        stale_list=snapshot.stale_list,
    )


def coverage_of(snapshot: Snapshot) -> Coverage:
    unknown = len(snapshot.unknown)
    return Coverage(
        listed=len(snapshot.observations),
        answered=len(snapshot.observations) - unknown,
        unknown=unknown,
        rejected=len(snapshot.rejected),
    )


def why_no_verdict(snapshot: Snapshot) -> str | None:
    """Why nothing can be said of this fleet, for people; None where something can."""
    if not snapshot.observations:
        return f"{snapshot.source} lists no servers"
    if snapshot.answered:
        return None
    reasons = Counter(seen.reason for seen in snapshot.unknown)
    (most_common, times) = reasons.most_common(1)[0]
    total = len(snapshot.observations)
    if total == 1:
        return f"the only listed instance gave no usable answer ({most_common})"
    share = "all" if times == total else f"{times} times"
    return f"none of {total} listed instances gave a usable answer ({share}: {most_common})"


def row_of(seen: Observation, policy: HealthPolicy) -> InstanceRow:
    if isinstance(seen, Unknown):
        return InstanceRow(seen.ip, seen.service, Status.UNKNOWN, None, None, seen.reason)
    return InstanceRow(
        ip=seen.ip,
        service=seen.service,
        status=policy.status_of(seen),
        cpu_percent=seen.cpu_percent,
        memory_percent=seen.memory_percent,
        reason=None,
    )


def why_not_healthy(row: InstanceRow, policy: HealthPolicy) -> str | None:
    """Why it is unknown, or what is over its limit; None where it is healthy."""
    if row.cpu_percent is None or row.memory_percent is None:
        return row.reason
    return policy.excess(row.cpu_percent, row.memory_percent) or None


def spread(values: Sequence[float]) -> Spread:
    """Mean, extremes and 95th percentile.

    The percentile is the nearest rank: the smallest value with at least 95 % of all values at or
    below it (https://en.wikipedia.org/wiki/Percentile#The_nearest-rank_method).
    """
    if not values:
        return Spread(None, None, None, None)
    ranked = sorted(values)
    nearest_rank = math.ceil(95 * len(ranked) / 100)
    return Spread(math.fsum(ranked) / len(ranked), ranked[0], ranked[nearest_rank - 1], ranked[-1])


def load_if_lost(instances: Sequence[Instance], lost: int) -> Load | None:
    """The mean load of the others if so many were lost and theirs spread evenly over the others;
    None where none would be left.
    """
    others = len(instances) - lost
    if others <= 0:
        return None
    cpu = math.fsum(each.cpu_percent for each in instances)
    memory = math.fsum(each.memory_percent for each in instances)
    return Load(cpu / others, memory / others)


def average_of(service: Service, policy: HealthPolicy) -> ServiceAverage:
    """The load of the instances of a service that answered."""
    cpu = [instance.cpu_percent for instance in service.answered]
    memory = [instance.memory_percent for instance in service.answered]
    healthy = _healthy(service, policy)
    lost = load_if_lost(service.answered, 1)
    return ServiceAverage(
        service=service.name,
        instances=service.size,
        healthy=healthy,
        unhealthy=len(service.answered) - healthy,
        unknown=len(service.unknown),
        cpu_percent=spread(cpu),
        memory_percent=spread(memory),
        if_one_is_lost=lost,
        survives_losing_one=lost is not None
        and policy.allows(lost.cpu_percent, lost.memory_percent),
    )


def judged(
    service: Service,
    policy: HealthPolicy,
    threshold: int,
    unattributed: int,
    expected: Expected | None = None,
) -> ServiceAtRisk:
    """How a service stands; ``unattributed`` unknown instances may be of any service."""
    healthy = _healthy(service, policy)
    number = None if expected is None else expected.instances
    verdicts = [
        judge(
            healthy=healthy,
            own_unknown=len(service.unknown),
            unattributed=unattributed,
            threshold=threshold,
        ),
        # Instances that are there, healthy or not, of those that should be.
        judge(
            healthy=service.size,
            own_unknown=0,
            unattributed=unattributed,
            threshold=0 if expected is None else number or 1,
        ),
    ]
    verdict = max(verdicts, key=list(Verdict).index)
    unhealthy: list[Instance] = []
    if healthy < len(service.answered):
        unhealthy = [
            seen for seen in service.answered if policy.status_of(seen) is Status.UNHEALTHY
        ]
    doubtful = unattributed if verdict is Verdict.POSSIBLY_AT_RISK else 0
    return ServiceAtRisk(
        service=service.name,
        verdict=verdict,
        healthy=healthy,
        instances=service.size,
        threshold=threshold,
        reason="; ".join(
            [
                *_shortage(service, healthy, threshold, number),
                *_risk_reasons(service, unhealthy, policy, doubtful),
            ]
        ),
        unhealthy_ips=tuple(instance.ip for instance in unhealthy),
        expected=number,
    )


def _with_headroom(item: ServiceAtRisk, service: Service, policy: HealthPolicy) -> ServiceAtRisk:
    """Cases: it has a worse verdict, or survives; nothing would be left of it; too little would."""
    lost = load_if_lost(service.answered, 1)
    if item.verdict is not Verdict.OK or (lost is not None and policy.allows(*lost)):
        return item
    reason = "only one instance answered, so none would be left"
    if lost is not None:
        load = Load(round(lost.cpu_percent, 1), round(lost.memory_percent, 1))
        # Never within the limits only for having been rounded.
        excess = policy.excess(*load) or policy.excess(*lost)
        reason = f"if one of {len(service.answered)} is lost: {excess}"
    return item._replace(verdict=Verdict.NO_HEADROOM, reason=reason)


def _shortage(
    service: Service, healthy: int, threshold: int, expected: int | None
) -> Iterator[str]:
    """Cases: vanished; fewer than expected; none healthy; fewer than could be healthy."""
    is_short = expected is not None and service.size < expected
    number = f", expected {expected}" if is_short else ""
    if not service.size:
        yield f"no instance is listed{number}"
        return
    if healthy == 0:
        yield "no healthy instance"
    if is_short or (healthy and service.size < threshold):
        yield f"only {counted(service.size, 'instance')}{number}"


def _risk_reasons(
    service: Service, unhealthy: Sequence[Instance], policy: HealthPolicy, doubtful: int
) -> Iterator[str]:
    if unhealthy:
        over = [(i.ip, policy.excess(i.cpu_percent, i.memory_percent)) for i in unhealthy]
        yield _named("unhealthy", over)
    if service.unknown:
        yield _unknown(service)
    if doubtful:
        yield f"{counted(doubtful, 'unknown instance')} may be of this service"


def _unknown(service: Service) -> str:
    """A reason that most have is said once: ``unknown: 17 of 17 (cpu is missing)``."""
    reasons = Counter(seen.reason for seen in service.unknown)
    often = {reason for reason, times in reasons.items() if times > MAX_NAMED_OF_A_REASON}
    counts = [(f"{reasons[reason]} of {service.size}", reason) for reason in often]
    named = [(seen.ip, seen.reason) for seen in service.unknown if seen.reason not in often]
    return _named("unknown", [*sorted(counts), *named])


def _named(heading: str, what: Sequence[tuple[str, str]]) -> str:
    shown = what[:MAX_ADDRESSES_IN_A_REASON]
    rest = len(what) - len(shown)
    return (
        f"{heading}: "
        + ", ".join(f"{ip} ({why})" for ip, why in shown)
        + (f" and {rest} more" if rest else "")
    )


def _healthy(service: Service, policy: HealthPolicy) -> int:
    return policy.healthy_among(service.answered)
