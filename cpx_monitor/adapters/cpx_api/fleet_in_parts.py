"""A fleet behind CPX's HTTP API that many ask for parts of: one list, one limit, shared polls."""

import math
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import gevent

from cpx_monitor.adapters.cpx_api.polling.collection import Collection, mixed
from cpx_monitor.adapters.cpx_api.polling.concurrency import Limit
from cpx_monitor.adapters.cpx_api.polling.sharing import SharedLimit, SharedTransport
from cpx_monitor.adapters.cpx_api.server_list import ServerList
from cpx_monitor.adapters.cpx_api.url import CpxUrl
from cpx_monitor.adapters.cpx_api.wire import MAX_LISTED, Listing, parse_listing
from cpx_monitor.adapters.off_the_loop import off_the_loop
from cpx_monitor.adapters.transports.port import Transport
from cpx_monitor.app.ports import Clock, Collected, FleetUnavailable, Part
from cpx_monitor.domain.buckets import bucket_of
from cpx_monitor.domain.fleet import Observation, Snapshot, StaleList, Unknown

# With a list in hand, a new one may take this much of the time that a collection has.
LIST_TIME_RATIO = 0.5
LIST_AGAIN_AFTER_S = 5.0


class _Known(NamedTuple):
    """The latest list that could be had; ``requested_at_s`` is of the monotonic clock."""

    listing: Listing
    requested_at_s: float
    number: int


class CpxFleetInParts:
    """
    Args:
        timeout_s: for one request.
        deadline_s: for one collection, unless a caller has more time.
        max_list_age_s: a list that is older is requested anew.
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
        max_list_age_s: float,
    ) -> None:
        self._url = url
        self._transport = SharedTransport(transport)
        self._clock = clock
        self._limit = SharedLimit(limit)
        self._timeout_s = timeout_s
        self._deadline_s = deadline_s
        self._max_list_age_s = max_list_age_s
        self._servers = ServerList(
            url,
            transport,
            clock,
            timeout_s=timeout_s,
            deadline_s=deadline_s,
            parse=lambda body: off_the_loop(body.count(b","), lambda: parse_listing(body)),
        )
        self._known: _Known | None = None
        self._failure: FleetUnavailable | None = None
        self._attempted_at_s = -math.inf
        self._requesting: Any = None
        self._parts = _Parts()
        self._running: dict[Part, _Running] = {}
        self.collections = 0
        self.list_requests = 0

    def listing(self, within_s: float) -> Collected:
        self._renew_list(self._clock.monotonic_s() + within_s)
        return self._collected(None)

    def collect(self, part: Part, within_s: float) -> Collected:
        observed_at, began_s = self._clock.now(), self._clock.monotonic_s()
        ends_at_s = began_s + within_s
        ratio = 1.0 if self._known is None else LIST_TIME_RATIO
        self._renew_list(began_s + within_s * ratio)
        known = self._known
        if known is None:
            return self._collected(None)
        asked = self._parts.of(known, part)
        failure = self._failure
        if failure is not None and not failure.trouble.keeps_last_list:
            observations: tuple[Observation, ...] = tuple(
                [Unknown(ip, str(failure)) for ip in asked]
            )
        else:
            observations = self._polled(part, asked, ends_at_s, within_s)
        return self._collected(
            self._snapshot(observed_at, began_s, observations, self._parts.rejected(known, part))
        )

    def _snapshot(
        self,
        observed_at: datetime,
        began_s: float,
        observations: tuple[Observation, ...],
        rejected: tuple[str, ...],
    ) -> Snapshot:
        now_s, stale_list = self._clock.monotonic_s(), None
        if self._failure is not None and self._known is not None:
            stale_list = StaleList(now_s - self._known.requested_at_s, str(self._failure))
        return Snapshot(
            source=self._url.shown,
            observed_at=observed_at,
            took_s=now_s - began_s,
            observations=observations,
            rejected=rejected,
            stale_list=stale_list,
        )

    def _collected(self, snapshot: Snapshot | None) -> Collected:
        known, failure = self._known, self._failure
        return Collected(
            snapshot=snapshot,
            listed=frozenset() if known is None else known.listing.spelling_of.keys(),
            list_number=0 if known is None else known.number,
            list_age_s=None if known is None else self._clock.monotonic_s() - known.requested_at_s,
            failure=None if failure is None else str(failure),
        )

    # The list.

    def _renew_list(self, ends_at_s: float) -> None:
        """Request it where it is too old; sooner where the latest request failed. Callers that come
        meanwhile wait for the same request, each in its own time.
        """
        now_s, again_after_s = self._clock.monotonic_s(), self._max_list_age_s
        if self._failure is not None:
            again_after_s = min(again_after_s, LIST_AGAIN_AFTER_S)
        if self._requesting is None and now_s - self._attempted_at_s >= again_after_s:
            self._attempted_at_s = now_s
            self._requesting = gevent.spawn(self._request_list, now_s)
        requesting = self._requesting
        if requesting is not None:
            requesting.join(max(0.0, ends_at_s - now_s))
            if requesting.exception is not None:
                raise requesting.exception

    def _request_list(self, now_s: float) -> None:
        self.list_requests += 1
        try:
            listing = self._servers.request(now_s + self._deadline_s)
        except FleetUnavailable as error:
            self._failure = error
        else:
            self._failure = None
            number = 1 if self._known is None else self._known.number + 1
            self._known = _Known(listing, now_s, number)
        finally:
            self._requesting = None

    # The instances.

    def _polled(
        self, part: Part, asked: Mapping[str, str], ends_at_s: float, within_s: float
    ) -> tuple[Observation, ...]:
        """The last caller to leave ends the collection."""
        running = self._running.get(part) or self._start(part, asked, ends_at_s)
        running.waiting += 1
        try:
            running.greenlet.join(max(0.0, ends_at_s - self._clock.monotonic_s()))
        finally:
            running.waiting -= 1
            if not running.waiting:
                self._end(part, running)
        if running.greenlet.exception is not None:
            raise running.greenlet.exception
        observations = running.collection.so_far(f"no answer within the {within_s:g} s of a scrape")
        self._clock.sleep(0.001)  # so that what others wait for comes in between
        return observations

    def _start(self, part: Part, asked: Mapping[str, str], ends_at_s: float) -> "_Running":
        self.collections += 1
        shares, now_s = ExitStack(), self._clock.monotonic_s()
        # Those who share it may have more time than the first one.
        ends_at_s = max(ends_at_s, now_s + self._deadline_s)
        collection = Collection(
            shares.enter_context(self._transport.view()),
            self._clock,
            shares.enter_context(self._limit.share()),
            asked,
            timeout_s=self._timeout_s,
            deadline_s=round(ends_at_s - now_s, 1),
            ends_at_s=ends_at_s,
            keeps=self._servers.keeps,
        )

        def run() -> None:
            collection.poll(off_the_loop(len(asked), lambda: mixed(asked)))

        running = _Running(collection, gevent.spawn(run), shares)
        self._running[part] = running
        return running

    def _end(self, part: Part, running: "_Running") -> None:
        del self._running[part]
        running.greenlet.kill()
        running.shares.close()


class _Running:
    """A collection under way, and how many wait for it."""

    def __init__(self, collection: Collection, greenlet: Any, shares: ExitStack) -> None:
        self.collection = collection
        self.greenlet = greenlet
        self.shares = shares
        self.waiting = 0


class _Parts:
    """What a part of a list is. Buckets are found once a list."""

    def __init__(self) -> None:
        self._of: tuple[int, int] = (0, 0)
        self._asked: list[dict[str, str]] = []

    def of(self, known: _Known, part: Part) -> Mapping[str, str]:
        """Canonical address to its spelling in the list, in address order."""
        spelling_of = known.listing.spelling_of
        if part.address is not None:
            found = spelling_of.get(part.address)
            return {} if found is None else {part.address: found}
        if part.bucket is None:
            return spelling_of
        if self._of != (known.number, part.buckets):
            self._of = known.number, part.buckets
            self._asked = [{} for _ in range(part.buckets)]
            for ip, spelling in spelling_of.items():
                self._asked[_bucket_of(ip, part.buckets)][ip] = spelling
        return self._asked[part.bucket]

    def rejected(self, known: _Known, part: Part) -> tuple[str, ...]:
        """The entries of that part that are no addresses."""
        rejected = known.listing.rejected
        if part.address is not None:
            return ()
        if part.bucket is None or not rejected:
            return rejected
        return tuple(each for each in rejected if _bucket_of(each, part.buckets) == part.bucket)


_bucket_of = lru_cache(MAX_LISTED)(bucket_of)
