"""A fleet behind CPX's HTTP API: the list of servers, then every server on it."""

import os
import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC
from http import HTTPStatus

from cpx_monitor.adapters.concurrency import Failure, Limit
from cpx_monitor.adapters.cpx_url import CpxUrl
from cpx_monitor.adapters.cpx_wire import BadAnswer, Listing, parse_instance, parse_listing
from cpx_monitor.adapters.fan_out import DONE, FanOut, Outcome
from cpx_monitor.adapters.retry import MOST_LIST_ATTEMPTS, RetryBudget, backoff_s
from cpx_monitor.adapters.throttle import Throttle
from cpx_monitor.adapters.transport import (
    BrokenOff,
    Exhausted,
    NoSuchHost,
    NotUsable,
    Response,
    TimedOut,
    TlsFailed,
    Transport,
    TransportError,
)
from cpx_monitor.app.ports import Clock, FleetUnavailable, Selection, Trouble
from cpx_monitor.domain.fleet import Observation, Snapshot, StaleList, Unknown

MOST_LISTING_BYTES = 16 * 1024 * 1024
MOST_INSTANCE_BYTES = 64 * 1024
MOST_LOCATION_CHARACTERS = 200

REFUSALS = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
MAY_PASS = (*REFUSALS, HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT)


LONGEST_WAIT_S = 1e9


class _MayPass(Exception):
    """The list cannot be had now; ``wait_s`` is when to ask again, where the server named it."""

    def __init__(self, outcome: FleetUnavailable, wait_s: float | None) -> None:
        self.outcome = outcome
        self.wait_s = wait_s


_TROUBLE_OF: dict[type[TransportError], Trouble] = {
    NoSuchHost: Trouble.NO_SUCH_HOST,
    TlsFailed: Trouble.TLS_FAILED,
}


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
        self._last_listing: Listing | None = None
        self._listed_at_s = 0.0
        self._collection: _Collection | None = None
        self._asked = 0

    def snapshot(self, select: Selection | None = None) -> Snapshot:
        observed_at, began_s = self._clock.now(), self._clock.monotonic_s()
        ends_at_s = began_s + self._deadline_s
        listing, stale_list = self._new_or_last_listing(ends_at_s)
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
            stale_list=stale_list,
        )

    def progress(self) -> tuple[int, int] | None:
        """Of the latest collection: of how many something is known, and how many are asked; None
        before anybody is.
        """
        return None if self._collection is None else (len(self._collection.observed), self._asked)

    def _new_or_last_listing(self, ends_at_s: float) -> tuple[Listing, StaleList | None]:
        """A server that can't list its instances may still answer for them, so the last list stays;
        one that refuses us, or has named a time to come again, is left alone.
        """
        asked_at_s = self._clock.monotonic_s()
        try:
            listing = self._listing(ends_at_s)
        except FleetUnavailable as error:
            if self._last_listing is None or error.trouble in (Trouble.REFUSED, Trouble.BUSY):
                raise
            return self._last_listing, StaleList(asked_at_s - self._listed_at_s, str(error))
        if listing.spelling_of:
            self._last_listing, self._listed_at_s = listing, asked_at_s
        return listing, None

    def _listing(self, ends_at_s: float) -> Listing:
        for attempt in range(1, MOST_LIST_ATTEMPTS + 1):
            try:
                return self._ask_for_list(ends_at_s)
            except _MayPass as trouble:
                wait_s = trouble.wait_s
                if wait_s is None:
                    wait_s = backoff_s(attempt, _chance())
                left_s = ends_at_s - self._clock.monotonic_s()
                if attempt == MOST_LIST_ATTEMPTS or wait_s >= left_s:
                    raise trouble.outcome from None
                self._clock.sleep(wait_s)
        raise AssertionError("the last attempt returns or raises")

    def _ask_for_list(self, ends_at_s: float) -> Listing:
        where = self._url.shown
        try:
            response = self._get("/servers", ends_at_s, MOST_LISTING_BYTES)
        except NotUsable as error:
            raise self._no_list(error) from None
        except (BrokenOff, Exhausted) as error:
            trouble = Trouble.UNWELL if isinstance(error, BrokenOff) else Trouble.EXHAUSTED
            unavailable = FleetUnavailable(f"cannot reach CPX at {where}: {error}", trouble)
            raise _MayPass(unavailable, None) from None
        except TransportError as error:
            raise FleetUnavailable(
                f"cannot reach CPX at {where}: {error}",
                _TROUBLE_OF.get(type(error), Trouble.UNREACHABLE),
            ) from None
        if response.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise FleetUnavailable(
                f"CPX at {where} refuses us: it answered {response.status}", Trouble.REFUSED
            )
        if response.status >= 500 or response.status == HTTPStatus.TOO_MANY_REQUESTS:
            unwell = f"CPX at {where} is not well: it answered {response.status}"
            if response.status not in MAY_PASS:
                raise FleetUnavailable(unwell, Trouble.UNWELL)
            wait_s = retry_after_s(response.header("retry-after")) or None
            if wait_s is None:
                raise _MayPass(FleetUnavailable(unwell, Trouble.UNWELL), None)
            unwell += f" and wants to be asked again in {wait_s:.0f} s"
            raise _MayPass(FleetUnavailable(unwell, Trouble.BUSY), wait_s)
        self._limit.begin_collection(response.keeps)
        try:
            if response.status != HTTPStatus.OK:
                raise BadAnswer(status_reason(response))
            return parse_listing(response.body)
        except BadAnswer as error:
            raise self._no_list(error) from None

    def _no_list(self, error: Exception) -> FleetUnavailable:
        where = f"{self._url.shown}/servers"
        return FleetUnavailable(f"no list of servers at {where}: {error}", Trouble.NOT_CPX)

    def _observe_all(
        self, asked: Sequence[str], listing: Listing, ends_at_s: float
    ) -> tuple[Observation, ...]:
        self._collection = collection = _Collection(self._get, listing, ends_at_s)
        self._asked = len(asked)
        throttle = Throttle(self._clock.monotonic_s())
        fan_out = FanOut(self._limit, throttle, self._clock, collection.ask)
        late = self._too_late()
        for ip in fan_out.run(asked, ends_at_s):
            collection.leave(ip, str(late))
        if collection.was_exhausted:
            self._transport.close_idle()  # or what comes next finds no descriptor either
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
        self._budget = RetryBudget(len(listing.spelling_of))
        self.was_exhausted = False

    def ask(self, ip: str) -> Outcome:
        try:
            response = self._get(f"/{self._spelling_of[ip]}", self._ends_at_s, MOST_INSTANCE_BYTES)
        except TransportError as error:
            self.observed[ip] = Unknown(ip, str(error))
            return self._on_no_answer(ip, error)
        if response.status == HTTPStatus.OK:
            self.observed[ip] = parse_instance(ip, response.body)
            return DONE
        self.observed[ip] = Unknown(ip, status_reason(response))
        if response.status in REFUSALS:
            return self._on_refusal(ip, response)
        if response.status in MAY_PASS and self._budget.after_failure(ip):
            return Outcome(again_after_s=backoff_s(1, _chance()))
        return DONE

    def leave(self, ip: str, reason: str) -> None:
        """There is no time for this one any more."""
        refused = self.observed.get(ip)
        if isinstance(refused, Unknown):
            reason = f"{refused.reason}, and then no time was left"
        self.observed[ip] = Unknown(ip, reason)

    def _on_no_answer(self, ip: str, error: TransportError) -> Outcome:
        failure, again = Failure.SLOW, False
        if isinstance(error, Exhausted):
            self.was_exhausted = True
            failure, again = Failure.EXHAUSTED, self._budget.after_exhaustion(ip)
        elif isinstance(error, BrokenOff):
            again = self._budget.after_failure(ip)
        return Outcome(failure, again_after_s=backoff_s(1, _chance()) if again else None)

    def _on_refusal(self, ip: str, response: Response) -> Outcome:
        # To come again at once is no time to wait for: like a refusal that names none.
        wait_s = retry_after_s(response.header("retry-after")) or None
        if wait_s is not None:
            # The throttle keeps everybody back for that long.
            again_after_s = 0.0 if self._budget.after_named_wait(ip) else None
            return Outcome(Failure.REFUSED, wait_s, again_after_s)
        again_after_s = backoff_s(1, _chance()) if self._budget.after_failure(ip) else None
        # 429 is about us, 503 without a time about that one instance, as far as others answer.
        is_about_us = response.status == HTTPStatus.TOO_MANY_REQUESTS
        return Outcome(Failure.REFUSED if is_about_us else Failure.SLOW, None, again_after_s)


def _chance() -> float:
    """From 0 to 1; not by the random module, which can't be imported without a descriptor."""
    return os.urandom(1)[0] / 255


def retry_after_s(text: str | None) -> float | None:
    """The wait that a Retry-After header names, in seconds or as a date (RFC 9110, 10.2.3)."""
    if text is None:
        return None
    if re.fullmatch(r"[0-9]+", text, re.ASCII):
        return float(text) if len(text) < 10 else LONGEST_WAIT_S
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)  # as all dates of HTTP are
        return max(0.0, moment.timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def status_reason(response: Response) -> str:
    location = response.header("location")
    if not location:
        return f"answered {response.status}"
    return f"answered {response.status}, go to {location[:MOST_LOCATION_CHARACTERS]}"
