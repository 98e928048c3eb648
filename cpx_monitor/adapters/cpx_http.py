"""A fleet behind CPX's HTTP API: the list of servers, then every server on it."""

import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from http import HTTPStatus

from cpx_monitor.adapters.concurrency import Limit
from cpx_monitor.adapters.cpx_url import CpxUrl
from cpx_monitor.adapters.cpx_wire import BadAnswer, Listing, parse_instance, parse_listing
from cpx_monitor.adapters.fan_out import FanOut, Outcome, Refused
from cpx_monitor.adapters.throttle import Throttle
from cpx_monitor.adapters.transport import Response, TimedOut, Transport, TransportError
from cpx_monitor.app.ports import Clock, FleetUnavailable, Selection, Trouble
from cpx_monitor.domain.fleet import Observation, Snapshot, Unknown

MOST_LISTING_BYTES = 16 * 1024 * 1024
MOST_INSTANCE_BYTES = 64 * 1024
MOST_LOCATION_CHARACTERS = 200

REFUSALS = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
# Retries in all: the larger of these many and of one for every so many instances.
FEWEST_RETRIES = 10
INSTANCES_A_RETRY = 5
# One that names a time to come again, again and again, is not waited for until the deadline.
MOST_REFUSALS_OF_ONE = 5


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

    def snapshot(self, select: Selection | None = None) -> Snapshot:
        observed_at, began_s = self._clock.now(), self._clock.monotonic_s()
        ends_at_s = began_s + self._deadline_s
        listing = self._listing(ends_at_s)
        listed_s = self._clock.monotonic_s() - began_s
        listed = list(listing.spelling_of)
        self._tell(f"{self._url.shown}/servers: {len(listed)} in {listed_s:.3f} s")
        wanted = None if select is None else select(listed)
        asked = listed if wanted is None else [ip for ip in listed if ip in wanted]
        observations = self._observe_all(asked, listing, ends_at_s)
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
            not_asked=() if wanted is None else tuple(ip for ip in listed if ip not in wanted),
        )

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
        self._limit.begin_collection(response.keeps)
        try:
            if response.status != HTTPStatus.OK:
                raise BadAnswer(status_reason(response))
            return parse_listing(response.body)
        except BadAnswer as error:
            raise FleetUnavailable(
                f"no list of servers at {where}/servers: {error}", Trouble.NOT_CPX
            ) from None

    def _observe_all(
        self, asked: Sequence[str], listing: Listing, ends_at_s: float
    ) -> tuple[Observation, ...]:
        collection = _Collection(self._get, listing, ends_at_s)
        throttle = Throttle(self._clock.monotonic_s())
        fan_out = FanOut(self._limit, throttle, self._clock, collection.ask)
        late = self._too_late()
        for ip in fan_out.run(asked, ends_at_s):
            collection.leave(ip, str(late))
        return tuple(collection.observed[ip] for ip in asked)

    def _get(self, path: str, ends_at_s: float, most_bytes: int) -> Response:
        """One request within its own time and the deadline's, whichever is over first."""
        left_s = ends_at_s - self._clock.monotonic_s()
        if left_s <= 0:
            raise self._too_late()
        try:
            return self._transport.get(path, min(self._timeout_s, left_s), most_bytes)
        except TimedOut:
            if left_s < self._timeout_s:
                raise self._too_late() from None
            raise TimedOut(f"timed out after {self._timeout_s:g} s") from None

    def _too_late(self) -> TransportError:
        return TimedOut(f"no answer within the deadline of {self._deadline_s:g} s")


class _Collection:
    """What is known of each instance while they are asked, and who may be asked again."""

    def __init__(
        self,
        get: Callable[[str, float, int], Response],
        listing: Listing,
        ends_at_s: float,
    ) -> None:
        self.observed: dict[str, Observation] = {}
        self._get = get
        self._spelling_of = listing.spelling_of
        self._ends_at_s = ends_at_s
        self._retried: set[str] = set()
        self._refusals: Counter[str] = Counter()
        self._retries_left = max(FEWEST_RETRIES, len(listing.spelling_of) // INSTANCES_A_RETRY)

    def ask(self, ip: str) -> Outcome | Refused:
        try:
            response = self._get(f"/{self._spelling_of[ip]}", self._ends_at_s, MOST_INSTANCE_BYTES)
        except TransportError as error:
            self.observed[ip] = Unknown(ip, str(error))
            return Outcome.FAILED
        if response.status == HTTPStatus.OK:
            self.observed[ip] = parse_instance(ip, response.body)
            return Outcome.DONE
        self.observed[ip] = Unknown(ip, status_reason(response))
        if response.status in REFUSALS:
            return self._on_refusal(ip, response)
        return Outcome.DONE

    def leave(self, ip: str, reason: str) -> None:
        """There is no time for this one any more."""
        refused = self.observed.get(ip)
        if isinstance(refused, Unknown):
            reason = f"{refused.reason}, and then no time was left"
        self.observed[ip] = Unknown(ip, reason)

    def _on_refusal(self, ip: str, response: Response) -> Refused:
        """A refusal that names its wait is no attempt, within reason; any other may be tried once
        more.
        """
        wait_s = retry_after_s(response.header("retry-after"))
        if wait_s is not None:
            self._refusals[ip] += 1
            return Refused(wait_s, again=self._refusals[ip] < MOST_REFUSALS_OF_ONE)
        again = ip not in self._retried and self._retries_left > 0
        if again:
            self._retried.add(ip)
            self._retries_left -= 1
        return Refused(None, again)


def retry_after_s(text: str | None) -> float | None:
    """The wait that a Retry-After header names, in seconds or as a date (RFC 9110, 10.2.3)."""
    if text is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", text.strip(), re.ASCII):
        return float(text)
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def status_reason(response: Response) -> str:
    location = response.header("location")
    if location is None:
        return f"answered {response.status}"
    return f"answered {response.status}, go to {location[:MOST_LOCATION_CHARACTERS]}"
