"""A fleet behind CPX's HTTP API: the list of servers, then every server on it."""

from collections.abc import Callable
from http import HTTPStatus

from cpx_monitor.adapters.cpx_api.polling.collection import (
    MAY_PASS,
    Collection,
    retry_after_s,
    status_reason,
    to_come_again,
)
from cpx_monitor.adapters.cpx_api.polling.concurrency import Limit
from cpx_monitor.adapters.cpx_api.polling.retry import MAX_LIST_ATTEMPTS, backoff_s, chance
from cpx_monitor.adapters.cpx_api.url import CpxUrl
from cpx_monitor.adapters.cpx_api.wire import BadAnswer, Listing, parse_listing
from cpx_monitor.adapters.transports.port import (
    BrokenOff,
    Doubtful,
    Exhausted,
    NoSuchHost,
    NotUsable,
    OtherScheme,
    OtherStatus,
    TimedOut,
    TlsFailed,
    Transport,
    TransportError,
    timed_out_after,
)
from cpx_monitor.app.ports import Clock, FleetUnavailable, Selection, Trouble
from cpx_monitor.domain.fleet import Snapshot, StaleList, Unknown

MAX_LISTING_BYTES = 16 * 1024 * 1024


class _MayPass(Exception):
    """The list cannot be had now; ``wait_s`` is when to ask again, where the server named it."""

    def __init__(self, outcome: FleetUnavailable, wait_s: float | None) -> None:
        self.outcome = outcome
        self.wait_s = wait_s


_TROUBLE_OF: dict[type[TransportError], Trouble] = {
    TransportError: Trouble.UNREACHABLE,  # itself: refused, or there is no way to the host
    NoSuchHost: Trouble.NO_SUCH_HOST,
    TlsFailed: Trouble.TLS_FAILED,
    OtherScheme: Trouble.OTHER_SCHEME,
    BrokenOff: Trouble.BROKEN_OFF,
    Exhausted: Trouble.EXHAUSTED,
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
        self._list_failure: FleetUnavailable | None = None
        self._keeps = False
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
            keeps=self._keeps,
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
            listing = self._listing(ends_at_s)
        except FleetUnavailable as error:
            if self._last_listing is None or not error.trouble.keeps_last_list:
                raise
            self._list_failure = error
            return self._last_listing, StaleList(asked_at_s - self._listed_at_s, str(error))
        if listing.spelling_of:
            self._last_listing, self._listed_at_s = listing, asked_at_s
        return listing, None

    def _listing(self, ends_at_s: float) -> Listing:
        for attempt in range(1, MAX_LIST_ATTEMPTS + 1):
            try:
                return self._ask_for_list(ends_at_s)
            except _MayPass as trouble:
                wait_s = trouble.wait_s
                if wait_s is None:
                    wait_s = backoff_s(attempt, chance())
                left_s = ends_at_s - self._clock.monotonic_s()
                if attempt == MAX_LIST_ATTEMPTS or wait_s >= left_s:
                    raise trouble.outcome from None
                self._clock.sleep(wait_s)
        raise AssertionError("the last attempt returns or raises")

    def _ask_for_list(self, ends_at_s: float) -> Listing:
        connection = self._transport.connection()
        timeout_ends_s = self._clock.monotonic_s() + self._timeout_s
        try:
            body = connection.get("servers", min(timeout_ends_s, ends_at_s), MAX_LISTING_BYTES)
            self._keeps = connection.keeps
            return parse_listing(body)
        except OtherStatus as answer:
            raise self._other_status(answer) from None
        except (NotUsable, BadAnswer) as error:
            raise self._no_list(error) from None
        except TransportError as error:
            raise self._no_answer(error, timeout_ends_s <= ends_at_s) from None
        finally:
            connection.release()

    def _no_answer(self, error: TransportError, is_timeout: bool) -> Exception:
        """Cases: time-out or deadline; what may pass; what will not."""
        why = str(error)
        if isinstance(error, TimedOut):
            why = timed_out_after(self._timeout_s)
            if not is_timeout:
                why = f"no answer within the deadline of {self._deadline_s:g} s"
        trouble = _TROUBLE_OF.get(type(error), Trouble.NO_ANSWER)
        port = f" (port {self._url.port_meant})" if self._url.port_meant else ""
        unavailable = FleetUnavailable(
            f"cannot reach CPX at {self._url.shown}{port}: {why}", trouble
        )
        may_pass = isinstance(error, BrokenOff | Exhausted | Doubtful)
        return _MayPass(unavailable, None) if may_pass else unavailable

    def _other_status(self, answer: OtherStatus) -> Exception:
        """Cases: we are refused; the server is unwell, for good or a while; there is no list."""
        where = self._url.shown
        if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return FleetUnavailable(
                f"CPX at {where} refused access: it answered {answer.status}", Trouble.REFUSED
            )
        if answer.status < 500 and answer.status != HTTPStatus.TOO_MANY_REQUESTS:
            return self._no_list(BadAnswer(status_reason(answer)))
        unwell = f"CPX at {where} is failing: it answered {answer.status}"
        if answer.status not in MAY_PASS:
            return FleetUnavailable(unwell, Trouble.UNWELL)
        wait_s = retry_after_s(answer.header("retry-after")) or None
        if wait_s is None:
            return _MayPass(FleetUnavailable(unwell, Trouble.UNWELL), None)
        unwell += f" and {to_come_again(wait_s)}"
        return _MayPass(FleetUnavailable(unwell, Trouble.BUSY), wait_s)

    def _no_list(self, error: Exception) -> FleetUnavailable:
        where = f"{self._url.shown}/servers"
        return FleetUnavailable(f"no list of servers at {where}: {error}", Trouble.NOT_CPX)
