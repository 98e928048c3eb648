"""Which service an address last named: what a silent instance is remembered by."""

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
