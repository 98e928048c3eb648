"""A service's instances over time."""

import math
from collections.abc import Iterator, Sequence

from cpx_monitor.app.ports import Clock, Fleet, FleetUnavailable, Trouble
from cpx_monitor.app.reports import TrackRound
from cpx_monitor.app.use_cases import coverage_of, row_of, why_no_verdict
from cpx_monitor.domain.fleet import Observation, Snapshot, Unknown
from cpx_monitor.domain.health import HealthPolicy


class NoSuchService(Exception):
    """The fleet has no service of that name; ``known`` are the names it has."""

    def __init__(self, name: str, known: Sequence[str], unattributed: int) -> None:
        super().__init__(name)
        self.name = name
        self.known = tuple(known)
        self.unattributed = unattributed


def track(
    fleet: Fleet, clock: Clock, service: str, policy: HealthPolicy, every_s: float
) -> Iterator[TrackRound]:
    """Look at a service again and again, without end: a round every ``every_s`` seconds.

    Rounds are due at whole multiples of ``every_s`` after the first began, so that they do not
    drift; those that fall due while an earlier one still runs are left out and counted.

    Raises:
        FleetUnavailable: the first round has no list of servers, or no answer from any of them.
            Later rounds that fail are yielded, and the next one goes on.
        NoSuchService: the first round shows no service of that name.
    """
    started_s = clock.monotonic_s()
    first = fleet.snapshot()
    members = _Members(_existing_service(first, service))
    yield _round(1, 0, first, members, policy)
    tick = 0
    number = 1
    while True:
        due = max(tick + 1, math.ceil((clock.monotonic_s() - started_s) / every_s))
        missed, tick = due - tick - 1, due
        clock.sleep(started_s + tick * every_s - clock.monotonic_s())
        number += 1
        yield _next_round(number, missed, fleet, clock, members, policy)


class _Members:
    """Which service each address last said it belongs to: a silent one keeps its place."""

    def __init__(self, service: str) -> None:
        self.service = service
        self._service_of: dict[str, str] = {}
        self._last: tuple[Observation, ...] = ()

    def seen_in(self, snapshot: Snapshot) -> tuple[Observation, ...]:
        """The service's observations in this snapshot, those of silent members included."""
        for seen in snapshot.observations:
            if seen.service is not None:
                self._service_of[seen.ip] = seen.service
        self._last = tuple(
            Unknown(seen.ip, seen.reason, self.service) if isinstance(seen, Unknown) else seen
            for seen in snapshot.observations
            if self._service_of.get(seen.ip) == self.service
        )
        return self._last

    def all_unknown(self, reason: str) -> tuple[Observation, ...]:
        """The members of the last snapshot, none of which is known to be well now."""
        return tuple(Unknown(seen.ip, reason, self.service) for seen in self._last)


def _existing_service(snapshot: Snapshot, wanted: str) -> str:
    """The fleet's own spelling of the name; case does not matter where it is unambiguous."""
    if nothing_known := why_no_verdict(snapshot):
        listed = bool(snapshot.observations)
        trouble = Trouble.NOTHING_ANSWERED if listed else Trouble.LISTS_NOTHING
        raise FleetUnavailable(nothing_known, trouble)
    names = [service.name for service in snapshot.services]
    if wanted in names:
        return wanted
    alike = [name for name in names if name.casefold() == wanted.casefold()]
    if len(alike) == 1:
        return alike[0]
    raise NoSuchService(wanted, names, snapshot.unattributed)


def _next_round(
    number: int, missed: int, fleet: Fleet, clock: Clock, members: _Members, policy: HealthPolicy
) -> TrackRound:
    observed_at, began_s = clock.now(), clock.monotonic_s()
    try:
        snapshot = fleet.snapshot()
        if not snapshot.observations:
            raise FleetUnavailable(f"{snapshot.source} lists no servers", Trouble.LISTS_NOTHING)
    except FleetUnavailable as error:
        return TrackRound(
            round=number,
            observed_at=observed_at,
            took_seconds=clock.monotonic_s() - began_s,
            service=members.service,
            items=tuple(row_of(seen, policy) for seen in members.all_unknown(str(error))),
            coverage=None,
            rejected=(),
            missed=missed,
            failure=str(error),
        )
    return _round(number, missed, snapshot, members, policy)


def _round(
    number: int, missed: int, snapshot: Snapshot, members: _Members, policy: HealthPolicy
) -> TrackRound:
    return TrackRound(
        round=number,
        observed_at=snapshot.observed_at,
        took_seconds=snapshot.took_s,
        service=members.service,
        items=tuple(row_of(seen, policy) for seen in members.seen_in(snapshot)),
        coverage=coverage_of(snapshot),
        rejected=snapshot.rejected,
        missed=missed,
        failure=None,
    )
