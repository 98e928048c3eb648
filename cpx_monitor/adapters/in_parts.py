"""Any fleet as one that many ask for parts of: for those in memory, which cost nothing to poll."""

from collections.abc import Callable, Sequence

from cpx_monitor.app.ports import Clock, Collected, Fleet, FleetUnavailable, Part
from cpx_monitor.domain.buckets import bucket_of
from cpx_monitor.domain.fleet import Snapshot


class PolledInParts:
    """Each part is a snapshot of its own."""

    def __init__(self, fleet: Fleet, clock: Clock) -> None:
        self._fleet = fleet
        self._clock = clock
        self._listed: dict[str, None] | None = None
        self._list_number = 0
        self._listed_at_s = 0.0
        self._failure: str | None = None
        self.collections = 0
        self.list_requests = 0

    def listing(self, within_s: float) -> Collected:
        self._snapshot(lambda ip: False)
        return self._collected(None)

    def collect(self, part: Part, within_s: float) -> Collected:
        self.collections += 1
        snapshot = self._snapshot(lambda ip: _is_in(part, ip))
        if snapshot is not None:
            snapshot = snapshot._replace(not_polled=())
        return self._collected(snapshot)

    def _snapshot(self, is_asked: Callable[[str], bool]) -> Snapshot | None:
        listed: list[str] = []

        def select(ips: Sequence[str]) -> set[str]:
            listed.extend(ips)
            return {ip for ip in ips if is_asked(ip)}

        self.list_requests += 1
        try:
            snapshot = self._fleet.snapshot(select)
        except FleetUnavailable as error:
            self._failure = str(error)
            return None
        self._failure = None if snapshot.stale_list is None else snapshot.stale_list.reason
        self._listed = dict.fromkeys(listed)
        self._list_number += 1
        self._listed_at_s = self._clock.monotonic_s()
        return snapshot

    def _collected(self, snapshot: Snapshot | None) -> Collected:
        age_s = None if self._listed is None else self._clock.monotonic_s() - self._listed_at_s
        return Collected(
            snapshot=snapshot,
            listed=(self._listed or {}).keys(),
            list_number=self._list_number,
            list_age_s=age_s,
            failure=self._failure,
        )


def _is_in(part: Part, ip: str) -> bool:
    if part.address is not None:
        return ip == part.address
    return part.bucket is None or bucket_of(ip, part.buckets) == part.bucket
