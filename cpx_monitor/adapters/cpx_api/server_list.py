"""The request for the list of servers: what may pass is tried again, and trouble is told apart."""

from collections.abc import Callable
from http import HTTPStatus

from cpx_monitor.adapters.cpx_api.polling.collection import (
    MAY_PASS,
    retry_after_s,
    status_reason,
    to_come_again,
)
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
from cpx_monitor.app.ports import Clock, FleetUnavailable, Trouble

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


class ServerList:
    """``keeps`` says whether the server left the connection of the latest request open.

    Args:
        timeout_s: for one request.
        deadline_s: only used in messages.
        parse: makes a listing of a body, as ``parse_listing`` does.
    """

    def __init__(
        self,
        url: CpxUrl,
        transport: Transport,
        clock: Clock,
        *,
        timeout_s: float,
        deadline_s: float,
        parse: Callable[[bytes], Listing] = parse_listing,
    ) -> None:
        self._url = url
        self._transport = transport
        self._clock = clock
        self._timeout_s = timeout_s
        self._deadline_s = deadline_s
        self._parse = parse
        self.keeps = False

    def request(self, ends_at_s: float) -> Listing:
        """
        Raises:
            FleetUnavailable: the list cannot be had by then.
        """
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
            self.keeps = connection.keeps
            return self._parse(body)
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
