"""A fleet behind CPX's HTTP API: the list of servers, then every server on it."""

from collections.abc import Callable

from cpx_monitor.adapters.cpx_api.polling.collection import Collection
from cpx_monitor.adapters.cpx_api.polling.concurrency import Limit
from cpx_monitor.adapters.cpx_api.server_list import ServerList
from cpx_monitor.adapters.cpx_api.url import CpxUrl
from cpx_monitor.adapters.cpx_api.wire import Listing
from cpx_monitor.adapters.transports.port import Transport
from cpx_monitor.app.ports import Clock, FleetUnavailable, Selection
from cpx_monitor.domain.fleet import Snapshot, StaleList, Unknown


class CpxHttpFleet:
    """Asks as many instances at once as ``limit`` says.

    Args:
        timeout_s: for one request, from connecting to the last byte.
        deadline_s: for one whole snapshot; what has not answered by then is Unknown.
        tell: takes a sentence about what was asked and how long it took.
    """

    def __init__(
        self,
        url: CpxUrl,
        transport: Transport,
        clock: Clock,
        limit: Limit,
        *,
        timeout_s: float,
        deadline_s: float,
        tell: Callable[[str], None],
    ) -> None:
        self._url = url
        self._transport = transport
        self._clock = clock
        self._limit = limit
        self._timeout_s = timeout_s
        self._deadline_s = deadline_s
        self._tell = tell
        self._servers = ServerList(
            url, transport, clock, timeout_s=timeout_s, deadline_s=deadline_s
        )
        self._last_listing: Listing | None = None
        self._listed_at_s = 0.0
        self._list_failure: FleetUnavailable | None = None
        self._collection: Collection | None = None

    def snapshot(self, select: Selection | None = None) -> Snapshot:
        observed_at, began_s = self._clock.now(), self._clock.monotonic_s()
        ends_at_s = began_s + self._deadline_s
        listing, stale_list = self._new_or_last_listing(ends_at_s)
        listed_s = self._clock.monotonic_s() - began_s
        listed = list(listing.spelling_of)
        self._tell(f"{self._url.shown}/servers: {len(listed)} in {listed_s:.3f} s")
        wanted = None if select is None else select(listed)
        asked = listing.spelling_of
        if wanted is not None:
            asked = {ip: spelling for ip, spelling in asked.items() if ip in wanted}
        self._collection = collection = Collection(
            self._transport,
            self._clock,
            self._limit,
            asked,
            timeout_s=self._timeout_s,
            deadline_s=self._deadline_s,
            ends_at_s=ends_at_s,
            keeps=self._servers.keeps,
        )
        observations = collection.run()
        self._collection = None
        if stale_list is not None and all(isinstance(seen, Unknown) for seen in observations):
            # Neither its list nor any of its instances: it is not the fleet that is to blame.
            assert self._list_failure is not None
            raise self._list_failure
        took_s = self._clock.monotonic_s() - began_s
        answered = sum(not isinstance(seen, Unknown) for seen in observations)
        self._tell(
            f"{len(observations)} instances, {self._limit.value} at a time:"
            f" {answered} answered in {took_s - listed_s:.3f} s"
        )
        return Snapshot(
            source=self._url.shown,
            observed_at=observed_at,
            took_s=took_s,
            observations=observations,
            rejected=listing.rejected,
            not_polled=() if wanted is None else tuple(ip for ip in listed if ip not in wanted),
            stale_list=stale_list,
        )

    def progress(self) -> tuple[int, int] | None:
        """Of how many something is known, and how many are asked; None before the first."""
        return None if self._collection is None else self._collection.progress

    def _new_or_last_listing(self, ends_at_s: float) -> tuple[Listing, StaleList | None]:
        asked_at_s = self._clock.monotonic_s()
        try:
            listing = self._servers.request(ends_at_s)
        except FleetUnavailable as error:
            if self._last_listing is None or not error.trouble.keeps_last_list:
                raise
            self._list_failure = error
            return self._last_listing, StaleList(asked_at_s - self._listed_at_s, str(error))
        if listing.spelling_of:
            self._last_listing, self._listed_at_s = listing, asked_at_s
        return listing, None
