"""The whole fleet at a glance: its services, those that are in trouble first."""

from collections.abc import Container

from cpx_monitor.app.reports import Overview, ServiceOverview, TrackRound
from cpx_monitor.app.use_cases import at_risk, averages, basis_of, row_of
from cpx_monitor.domain.fleet import Snapshot
from cpx_monitor.domain.health import DEFAULT_THRESHOLD, HealthPolicy, Verdict


def overview(
    snapshot: Snapshot, policy: HealthPolicy, only: Container[str] | None = None
) -> Overview:
    """Every service with its load and its verdict; the worse its verdict and the fewer of its
    instances are healthy, the earlier.
    """
    at_stake = {
        item.service: item for item in at_risk(snapshot, policy, DEFAULT_THRESHOLD, only).items
    }
    items = []
    for item in averages(snapshot, policy, only).items:
        risk = at_stake.get(item.service)
        items.append(
            ServiceOverview(
                service=item.service,
                healthy=item.healthy,
                instances=item.instances,
                cpu_percent=item.cpu_percent,
                memory_percent=item.memory_percent,
                verdict=risk.verdict if risk else Verdict.OK,
                reason=risk.reason if risk else None,
            )
        )
    return Overview(basis_of(snapshot, policy), tuple(sorted(items, key=_badness)))


def _badness(item: ServiceOverview) -> tuple[int, float, float, str]:
    """The worst first."""
    loads = (item.cpu_percent.mean or 0, item.memory_percent.mean or 0)
    healthy_share = item.healthy / item.instances
    return -list(Verdict).index(item.verdict), healthy_share, -max(loads), item.service


def service_round(snapshot: Snapshot, policy: HealthPolicy, service: str) -> TrackRound:
    """A service's instances, as ``track`` has them, of a poll of the whole fleet."""
    rows = tuple(row_of(seen, policy) for seen in snapshot.observations if seen.service == service)
    return TrackRound(basis_of(snapshot, policy), service, rows, unattributed=snapshot.unattributed)
