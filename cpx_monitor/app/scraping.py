"""What a scrape of a part of a fleet tells: counts that add up over parts, and each instance."""

from cpx_monitor.app.memory import ServiceMemory
from cpx_monitor.app.ports import Collected, FleetInParts, Part
from cpx_monitor.app.reports import Scrape, ServiceCounts
from cpx_monitor.domain.fleet import Snapshot
from cpx_monitor.domain.health import HealthPolicy


class RememberingParts:
    """Wraps a fleet in parts and gives a silent instance the service that it last reported. What is
    no longer listed is forgotten.
    """

    def __init__(self, fleet: FleetInParts) -> None:
        self._fleet = fleet
        self._memory = ServiceMemory()
        self._list_number = 0

    def listing(self, within_s: float) -> Collected:
        return self._fleet.listing(within_s)

    def collect(self, part: Part, within_s: float) -> Collected:
        collected = self._fleet.collect(part, within_s)
        if collected.list_number != self._list_number:
            self._list_number = collected.list_number
            self._memory.forget_all_but(collected.listed)
        if collected.snapshot is None:
            return collected
        return collected._replace(snapshot=self._memory.filled_in_part(collected.snapshot))


def scrape_of(collected: Collected, policy: HealthPolicy) -> Scrape:
    """Every count is of the part that was collected, so sums over parts are the fleet's."""
    snapshot = collected.snapshot
    return Scrape(
        is_listing=collected.is_listing,
        list_age_s=collected.list_age_s,
        policy=policy,
        snapshot=snapshot,
        services=() if snapshot is None else _counts(snapshot, policy),
    )


def _counts(snapshot: Snapshot, policy: HealthPolicy) -> tuple[ServiceCounts, ...]:
    return tuple(
        ServiceCounts(
            service=service.name,
            instances=service.size,
            healthy=policy.healthy_among(service.answered),
            unknown=len(service.unknown),
        )
        for service in snapshot.services
    )
