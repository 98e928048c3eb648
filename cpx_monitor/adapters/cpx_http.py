"""A fleet behind CPX's HTTP API: the list of servers, then every server on it."""

from collections.abc import Callable
from http import HTTPStatus

import gevent

from cpx_monitor.adapters.cpx_url import CpxUrl
from cpx_monitor.adapters.cpx_wire import BadAnswer, Listing, parse_instance, parse_listing
from cpx_monitor.adapters.transport import Transport, TransportError
from cpx_monitor.app.ports import Clock, FleetUnavailable, Trouble
from cpx_monitor.domain.fleet import Observation, Snapshot, Unknown

MOST_LISTING_BYTES = 16 * 1024 * 1024
MOST_INSTANCE_BYTES = 64 * 1024


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
        try:
            timeout_s = self._attempt_s(ends_at_s)
            response = self._transport.get("/servers", timeout_s, MOST_LISTING_BYTES)
        except TransportError as error:
            raise FleetUnavailable(
                f"cannot reach CPX at {self._url.shown}: {error}", Trouble.UNREACHABLE
            ) from None
        if response.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise FleetUnavailable(
                f"CPX at {self._url.shown} refuses us: it answered {response.status}",
                Trouble.REFUSED,
            )
        try:
            if response.status != HTTPStatus.OK:
                raise BadAnswer(answered(response.status, response.headers.get("location")))
            return parse_listing(response.body)
        except BadAnswer as error:
            raise FleetUnavailable(
                f"no list of servers at {self._url.shown}/servers: {error}", Trouble.NOT_CPX
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
        timeout_s = self._attempt_s(ends_at_s)
        out_of_time = Unknown(ip, f"no answer within the deadline of {self._deadline_s:g} s")
        if timeout_s <= 0:
            return out_of_time
        try:
            response = self._transport.get(f"/{spelling}", timeout_s, MOST_INSTANCE_BYTES)
        except TransportError as error:
            cut_short = timeout_s < self._timeout_s and self._attempt_s(ends_at_s) <= 0
            return out_of_time if cut_short else Unknown(ip, str(error))
        if response.status != HTTPStatus.OK:
            return Unknown(ip, answered(response.status, response.headers.get("location")))
        return parse_instance(ip, response.body)

    def _attempt_s(self, ends_at_s: float) -> float:
        return min(self._timeout_s, ends_at_s - self._clock.monotonic_s())


def answered(status: int, location: str | None) -> str:
    return f"answered {status}" + (f", go to {location}" if location else "")
