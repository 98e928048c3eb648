"""Which service an address last named: what a silent instance is remembered by."""

from collections.abc import Set as AbstractSet

from cpx_monitor.app.ports import Fleet, Selection
from cpx_monitor.domain.fleet import Snapshot, Unknown


class ServiceMemory:
    """Snapshots go in, in their order; those that come out know the services of before.

    What is no longer listed is forgotten.
    """

    def __init__(self) -> None:
        self._service_of: dict[str, str] = {}

    def filled(self, snapshot: Snapshot) -> Snapshot:
        """Unknown instances that do not say their service get the one that they last had."""
        snapshot = self.filled_in_part(snapshot)
        self.forget_all_but({seen.ip for seen in snapshot.observations})
        return snapshot

    def filled_in_part(self, snapshot: Snapshot) -> Snapshot:
        """The same of a part of the fleet; the others are not forgotten."""
        service_of = self._service_of
        # Most are as they were; there may be a hundred thousand.
        new = [seen for seen in snapshot.observations if service_of.get(seen.ip) != seen.service]
        service_of.update({seen.ip: seen.service for seen in new if seen.service is not None})
        if all(seen.service is not None for seen in new):
            return snapshot
        observations = [
            seen._replace(service=service_of.get(seen.ip))
            if isinstance(seen, Unknown) and seen.service is None
            else seen
            for seen in snapshot.observations
        ]
        return snapshot._replace(observations=tuple(observations))

    def forget_all_but(self, listed: AbstractSet[str]) -> None:
        for ip in self._service_of.keys() - listed:
            del self._service_of[ip]


class RememberingFleet:
    """Wraps a fleet and gives a silent instance the service that it last reported."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._memory = ServiceMemory()

    def snapshot(self, select: Selection | None = None) -> Snapshot:
        return self._memory.filled(self._fleet.snapshot(select))
