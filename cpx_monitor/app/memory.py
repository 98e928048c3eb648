"""Which service an address last named: what a silent instance is remembered by."""

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
        observations = tuple(
            seen._replace(service=self._service_of.get(seen.ip))
            if isinstance(seen, Unknown) and seen.service is None
            else seen
            for seen in snapshot.observations
        )
        self._service_of = {
            seen.ip: seen.service for seen in observations if seen.service is not None
        }
        return snapshot._replace(observations=observations)


class RememberingFleet:
    """Another fleet, of which a silent instance has the service that it is remembered by."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._memory = ServiceMemory()

    def snapshot(self, select: Selection | None = None) -> Snapshot:
        return self._memory.filled(self._fleet.snapshot(select))
