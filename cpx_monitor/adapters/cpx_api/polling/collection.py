"""One collection: what is known of each instance while they are polled, and who is polled again."""

import math
import re
import time
from collections.abc import Mapping
from datetime import UTC
from http import HTTPStatus
from zlib import crc32

from cpx_monitor.adapters.cpx_api.polling.concurrency import Failure, Limit
from cpx_monitor.adapters.cpx_api.polling.retry import RetryBudget, backoff_s, chance
from cpx_monitor.adapters.cpx_api.polling.throttle import Throttle
from cpx_monitor.adapters.cpx_api.polling.worker_pool import Outcome, WorkerPool
from cpx_monitor.adapters.cpx_api.wire import parse_instance
from cpx_monitor.adapters.transports.port import (
    BrokenOff,
    Connection,
    Exhausted,
    NotUsable,
    OtherStatus,
    TimedOut,
    Transport,
    TransportError,
    timed_out_after,
)
from cpx_monitor.app.ports import Clock
from cpx_monitor.domain.fleet import Observation, Unknown

MAX_INSTANCE_BYTES = 64 * 1024
MAX_LOCATION_CHARACTERS = 200
MAX_WAIT_S = 1e9

REFUSALS = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
MAY_PASS = (*REFUSALS, HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT)

MIN_SETTLING_S, MAX_SETTLING_S = 0.002, 0.25


class Collection:
    """Polls the instances of ``spelling_of``, whose keys are canonical addresses and whose values
    are what the list calls them, once; what has not answered at ``ends_at_s`` is Unknown.

    Args:
        timeout_s: for one request.
        deadline_s: only used in messages; ``ends_at_s`` is its end.
        keeps: whether the server keeps connections open.
    """

    def __init__(
        self,
        transport: Transport,
        clock: Clock,
        limit: Limit,
        spelling_of: Mapping[str, str],
        *,
        timeout_s: float,
        deadline_s: float,
        ends_at_s: float,
        keeps: bool,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._limit = limit
        self._spelling_of = spelling_of
        self._timeout_s = timeout_s
        self._deadline_s = deadline_s
        self._ends_at_s = ends_at_s
        self._keeps = keeps
        self._observed: dict[str, Observation] = {}
        self._budget = RetryBudget(len(spelling_of))
        self._broke_when_kept: set[str] = set()
        self._was_exhausted = False
        self._timed_out = timed_out_after(timeout_s)

    @property
    def progress(self) -> tuple[int, int]:
        """Of how many something is known, and how many are polled."""
        return len(self._observed), len(self._spelling_of)

    def so_far(self, reason: str) -> tuple[Observation, ...]:
        """What is known by now, in the order of ``spelling_of``; the others are Unknown for that
        reason.
        """
        observed = self._observed
        return tuple([observed.get(ip) or Unknown(ip, reason) for ip in self._spelling_of])

    def run(self) -> tuple[Observation, ...]:
        """An observation of each, in the order of ``spelling_of``."""
        self.poll(mixed(self._spelling_of))
        return tuple([self._observed[ip] for ip in self._spelling_of])

    def poll(self, order: list[str]) -> None:
        """Until something is known of each; the ``order`` is that in which ``mixed`` puts them."""
        self._limit.begin_collection(self._keeps)
        settling_s = self._poll(order, keeps=self._keeps, are_last=False)
        in_doubt = self._in_doubt(settling_s)
        if in_doubt:
            # No connection to this server is used twice from now on.
            self._limit.begin_collection(False)
            self._poll(in_doubt, keeps=False, are_last=True)
        if self._was_exhausted:
            self._transport.close_idle()  # or what comes next finds no descriptor either

    def _poll(self, ips: list[str], *, keeps: bool, are_last: bool) -> float:
        pool = WorkerPool(
            self._limit,
            Throttle(self._clock.monotonic_s()),
            self._clock,
            self._transport.connection,
            self,
            self._timeout_s,
            keeps,
        )
        for ip in pool.run(ips, self._ends_at_s, are_last_attempts=are_last):
            self._leave(ip)
        return pool.settling_s

    def _in_doubt(self, settling_s: float) -> list[str]:
        """Those whose answers may be others' and who may be polled again; of the rest nothing is
        known.
        """
        if self._keeps:
            left_s = self._ends_at_s - self._clock.monotonic_s()
            settling_s = max(MIN_SETTLING_S, min(settling_s, MAX_SETTLING_S))
            self._clock.sleep(min(settling_s, left_s))
        paths = self._transport.doubtful()
        if not paths:
            return []
        doubted = set(paths)
        in_doubt = [ip for ip, spelling in self._spelling_of.items() if spelling in doubted]
        for ip in in_doubt:
            self._observed[ip] = Unknown(ip, "its answer cannot be told apart from another's")
        return [ip for ip in in_doubt if self._budget.after_doubt(ip)]

    def ask(self, connection: Connection, ip: str, ends_at_s: float) -> Outcome | None:
        if self._broke_when_kept and ip in self._broke_when_kept:
            connection.close()  # or the second attempt may meet what the first did
        try:
            body = connection.get(self._spelling_of[ip], ends_at_s, MAX_INSTANCE_BYTES)
        except OtherStatus as answer:
            self._observed[ip] = Unknown(ip, status_reason(answer))
            return self._on_other_status(ip, answer)
        except TimedOut:
            return self._on_time_out(ip, ends_at_s)
        except TransportError as error:
            self._observed[ip] = Unknown(ip, str(error))
            return self._on_no_answer(ip, error, connection)
        self._observed[ip] = parse_instance(ip, body)
        return None

    def give_up(self, ip: str, after_s: float) -> None:
        self._budget.after_doubt(ip)  # it will be polled again, for the last time
        self._observed[ip] = Unknown(ip, f"no answer within {round(after_s, 1):g} s")

    def ask_again(self, ip: str) -> bool:
        may = self._budget.after_failure(ip)
        if may:
            self._observed[ip] = Unknown(ip, f"{self._timed_out} behind another instance")
        return may

    def _leave(self, ip: str) -> None:
        """There is no time for this one any more."""
        before = self._observed.get(ip)
        if isinstance(before, Unknown):
            reason = f"{before.reason}, and then no time was left"
        else:
            reason = f"not polled before the deadline of {self._deadline_s:g} s"
        self._observed[ip] = Unknown(ip, reason)

    def _on_time_out(self, ip: str, ends_at_s: float) -> Outcome:
        reason = self._timed_out
        if ends_at_s >= self._ends_at_s:
            reason = f"no answer within the deadline of {self._deadline_s:g} s"
        self._observed[ip] = Unknown(ip, reason)
        return Outcome(Failure.TIMED_OUT)

    def _on_no_answer(
        self, ip: str, error: TransportError, connection: Connection
    ) -> Outcome | None:
        """Cases: this machine ran out of something; the connection broke; something came that is no
        answer; no server listens, and the like.
        """
        failure, again = None, False
        if isinstance(error, NotUsable):
            return None
        if isinstance(error, Exhausted):
            self._was_exhausted = True
            failure, again = Failure.EXHAUSTED, self._budget.after_exhaustion(ip)
        elif isinstance(error, BrokenOff):
            failure = Failure.BROKEN
            if connection.connect_s:
                again = self._budget.after_failure(ip)
            else:
                # It may be for having been used before, and no sign of a fleet that is sick.
                again = self._budget.after_broken_when_kept(ip)
                self._broke_when_kept.add(ip)
        return Outcome(failure, again_after_s=backoff_s(1, chance()) if again else None)

    def _on_other_status(self, ip: str, answer: OtherStatus) -> Outcome | None:
        """Cases: a refusal, with a time or without; what may pass; what will not."""
        if answer.status not in MAY_PASS:
            return None
        wait_s = None
        if answer.status in REFUSALS:
            # To come again at once is no time to wait for: like a refusal that names none.
            wait_s = retry_after_s(answer.header("retry-after")) or None
        if wait_s is not None:
            self._observed[ip] = Unknown(ip, f"{status_reason(answer)} and {to_come_again(wait_s)}")
            again_after_s = 0.0 if self._budget.after_named_wait(ip) else None
            return Outcome(Failure.REFUSED, wait_s, again_after_s)
        again_after_s = backoff_s(1, chance()) if self._budget.after_failure(ip) else None
        # 429 is about us, 503 without a time about that one instance, as far as others answer.
        is_about_us = answer.status == HTTPStatus.TOO_MANY_REQUESTS
        return Outcome(Failure.REFUSED if is_about_us else Failure.BROKEN, None, again_after_s)


def mixed(ips: Mapping[str, object]) -> list[str]:
    """In an order that is fixed for an address and unrelated to its neighbours', for those fail
    together: a rack, a subnet.
    """
    return sorted(ips, key=lambda ip: crc32(ip.encode("ascii")) * 0x9E3779B1 & 0xFFFFFFFF)


def retry_after_s(text: str | None) -> float | None:
    """The wait that a Retry-After header names, in seconds or as a date (RFC 9110, 10.2.3)."""
    if text is None:
        return None
    if re.fullmatch(r"[0-9]+", text, re.ASCII):
        return float(text) if len(text) < 10 else MAX_WAIT_S
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)  # as all dates of HTTP are
        return max(0.0, moment.timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def to_come_again(wait_s: float) -> str:
    return f"asks to retry after {math.ceil(wait_s)} s"


def status_reason(answer: OtherStatus) -> str:
    location = answer.header("location")
    if not location:
        return f"answered {answer.status}"
    return f"answered {answer.status}, go to {location[:MAX_LOCATION_CHARACTERS]}"
