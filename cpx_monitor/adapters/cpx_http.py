"""A fleet behind CPX's HTTP API: the list of servers, then every server on it."""

from collections.abc import Callable
from http import HTTPStatus

import gevent

from cpx_monitor.adapters.cpx_url import CpxUrl
from cpx_monitor.adapters.cpx_wire import BadAnswer, Listing, parse_instance, parse_listing
from cpx_monitor.adapters.transport import Response, TimedOut, Transport, TransportError
from cpx_monitor.app.ports import Clock, FleetUnavailable, Trouble
from cpx_monitor.domain.fleet import Observation, Snapshot, Unknown

MOST_LISTING_BYTES = 16 * 1024 * 1024
MOST_INSTANCE_BYTES = 64 * 1024
MOST_LOCATION_CHARACTERS = 200


class CpxHttpFleet:
    """Asks ``concurrency`` instances at once.

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
        *,
        timeout_s: float,
        deadline_s: float,
        concurrency: int,
        tell: Callable[[str], None],
    ) -> None:
        self._url = url
        self._transport = transport
        self._clock = clock
        self._timeout_s = timeout_s
        self._deadline_s = deadline_s
        self._concurrency = concurrency
        self._tell = tell

    def snapshot(self) -> Snapshot:
        observed_at, began_s = self._clock.now(), self._clock.monotonic_s()
        ends_at_s = began_s + self._deadline_s
        listing = self._listing(ends_at_s)
        listed_s = self._clock.monotonic_s() - began_s
        self._tell(f"{self._url.shown}/servers: {len(listing.spelling_of)} in {listed_s:.3f} s")
        observations = self._observe_all(listing, ends_at_s)
        took_s = self._clock.monotonic_s() - began_s
        answered = sum(not isinstance(seen, Unknown) for seen in observations)
        self._tell(
            f"{len(observations)} instances, {self._concurrency} at a time:"
            f" {answered} answered in {took_s - listed_s:.3f} s"
        )
        return Snapshot(self._url.shown, observed_at, took_s, observations, listing.rejected)

    def _listing(self, ends_at_s: float) -> Listing:
        where = self._url.shown
        try:
            response = self._get("/servers", ends_at_s, MOST_LISTING_BYTES)
        except TransportError as error:
            raise FleetUnavailable(
                f"cannot reach CPX at {where}: {error}", Trouble.UNREACHABLE
            ) from None
        if response.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise FleetUnavailable(
                f"CPX at {where} refuses us: it answered {response.status}", Trouble.REFUSED
            )
        if response.status >= 500 or response.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise FleetUnavailable(
                f"CPX at {where} is not well: it answered {response.status}", Trouble.UNWELL
            )
        try:
            if response.status != HTTPStatus.OK:
                raise BadAnswer(status_reason(response))
            return parse_listing(response.body)
        except BadAnswer as error:
            raise FleetUnavailable(
                f"no list of servers at {where}/servers: {error}", Trouble.NOT_CPX
            ) from None

    def _observe_all(self, listing: Listing, ends_at_s: float) -> tuple[Observation, ...]:
        observed: dict[str, Observation] = {}
        waiting = iter(listing.spelling_of.items())

        def work() -> None:
            for ip, spelling in waiting:
                observed[ip] = self._observe(ip, spelling, ends_at_s)

        workers = [
            gevent.spawn(work) for _ in range(min(self._concurrency, len(listing.spelling_of)))
        ]
        try:
            gevent.joinall(workers, raise_error=True)
        finally:
            gevent.killall(workers)
        return tuple(observed[ip] for ip in listing.spelling_of)

    def _observe(self, ip: str, spelling: str, ends_at_s: float) -> Observation:
        try:
            response = self._get(f"/{spelling}", ends_at_s, MOST_INSTANCE_BYTES)
        except TransportError as error:
            return Unknown(ip, str(error))
        if response.status != HTTPStatus.OK:
            return Unknown(ip, status_reason(response))
        return parse_instance(ip, response.body)

    def _get(self, path: str, ends_at_s: float, most_bytes: int) -> Response:
        """One request within its own time and the deadline's, whichever is over first."""
        left_s = ends_at_s - self._clock.monotonic_s()
        too_late = TransportError(f"no answer within the deadline of {self._deadline_s:g} s")
        if left_s <= 0:
            raise too_late
        try:
            return self._transport.get(path, min(self._timeout_s, left_s), most_bytes)
        except TimedOut:
            if left_s < self._timeout_s:
                raise too_late from None
            raise TransportError(f"timed out after {self._timeout_s:g} s") from None


def status_reason(response: Response) -> str:
    location = response.header("location")
    if location is None:
        return f"answered {response.status}"
    return f"answered {response.status}, go to {location[:MOST_LOCATION_CHARACTERS]}"
