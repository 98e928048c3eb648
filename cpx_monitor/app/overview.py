"""The whole fleet at a glance: its services, those that are in trouble first."""

from collections.abc import Container

from cpx_monitor.app.reports import (
    Overview,
    ServiceAtRisk,
    ServiceAverage,
    ServiceOverview,
    TrackRound,
)
from cpx_monitor.app.use_cases import average_of, basis_of, judged, row_of, services_of
from cpx_monitor.domain.fleet import Snapshot
from cpx_monitor.domain.health import DEFAULT_THRESHOLD, HealthPolicy, Verdict


def overview(
    snapshot: Snapshot, policy: HealthPolicy, only: Container[str] | None = None
) -> Overview:
    """Every service with its load and its verdict; the worse its verdict and the fewer of its
    instances are healthy, the earlier.
    """
    unattributed = snapshot.unattributed
    items = [
        _overview_of(
            average_of(service, policy),
            judged(service, policy, DEFAULT_THRESHOLD, unattributed),
        )
        for service in services_of(snapshot, only)
    ]
    return Overview(basis_of(snapshot, policy), tuple(sorted(items, key=_badness)))


def _overview_of(average: ServiceAverage, risk: ServiceAtRisk) -> ServiceOverview:
    return ServiceOverview(
        service=average.service,
        healthy=average.healthy,
        instances=average.instances,
        cpu_percent=average.cpu_percent,
        memory_percent=average.memory_percent,
        verdict=risk.verdict,
        reason=None if risk.verdict is Verdict.OK else risk.reason,
    )


def _badness(item: ServiceOverview) -> tuple[int, float, float, str]:
    """The worst first."""
    loads = (item.cpu_percent.mean or 0, item.memory_percent.mean or 0)
    healthy_share = item.healthy / item.instances
    return -list(Verdict).index(item.verdict), healthy_share, -max(loads), item.service


def service_round(snapshot: Snapshot, policy: HealthPolicy, service: str) -> TrackRound:
    """A service's instances, as ``track`` has them, of a poll of the whole fleet."""
    rows = tuple(row_of(seen, policy) for seen in snapshot.observations if seen.service == service)
    return TrackRound(basis_of(snapshot, policy), service, rows, unattributed=snapshot.unattributed)
