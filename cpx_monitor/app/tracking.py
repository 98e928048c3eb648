"""A service's instances over time."""

import heapq
import math
from collections.abc import Container, Iterable, Iterator, Sequence

from cpx_monitor.app.ports import Clock, Fleet, FleetUnavailable, Trouble
from cpx_monitor.app.reports import Coverage, TrackRound
from cpx_monitor.app.selection import the_service
from cpx_monitor.app.use_cases import row_of, why_no_verdict
from cpx_monitor.domain.fleet import Observation, Snapshot, Unknown, in_address_order
from cpx_monitor.domain.health import HealthPolicy

ROUNDS_TO_ASK_EVERYBODY = 20
MOST_GONE = 1000


def track(
    fleet: Fleet,
    clock: Clock,
    service: str,
    policy: HealthPolicy,
    pace: Iterable[int],
) -> Iterator[TrackRound]:
    """Look at a service again and again, a round whenever ``pace`` yields how many were left out.

    Members and newcomers are asked every time, all others at least once in
    ``ROUNDS_TO_ASK_EVERYBODY``.

    Raises:
        FleetUnavailable: the first round has no list of servers, or no answer from any of them.
            Later rounds that fail are yielded, and the next one goes on.
        NoSuchService: the first round shows no service of that name.
    """
    members: _Members | None = None
    for number, missed in enumerate(pace, start=1):
        if members is None:
            first = fleet.snapshot()
            members = _Members(_existing_service(first, service))
            yield _round(number, missed, first, members, policy)
        else:
            yield _next_round(number, missed, fleet, clock, members, policy)


class _Members:
    """What is known of a fleet from round to round: who belongs to the service, and who said what.

    A silent address keeps the service it last named, and so do the last ``MOST_GONE`` that left, if
    they come back. Members and addresses not seen before are
    asked in every round, all others in turn, so that an instance that moves to the service shows.
    """

    def __init__(self, service: str) -> None:
        self.service = service
        self._service_of: dict[str, str] = {}
        self._service_of_gone: dict[str, str] = {}  # the last that left at the end
        self._last_seen: dict[str, Observation] = {}
        self._asked_in: dict[str, int] = {}
        self._round = 0

    def to_ask(self, listed: Sequence[str]) -> Container[str]:
        """Whom to ask this time: at most a twentieth of the fleet beside members and newcomers."""
        certain = {ip for ip in listed if ip not in self._asked_in or self._is_member(ip)}
        others = [ip for ip in listed if ip not in certain]
        turn = math.ceil(len(others) / ROUNDS_TO_ASK_EVERYBODY)
        return certain.union(heapq.nsmallest(turn, others, key=self._asked_in.__getitem__))

    def learn(self, snapshot: Snapshot) -> None:
        self._round += 1
        listed = {*snapshot.not_asked}
        for seen in snapshot.observations:
            listed.add(seen.ip)
            self._asked_in[seen.ip] = self._round
            self._last_seen[seen.ip] = seen
            service = seen.service or self._service_of_gone.get(seen.ip)
            self._service_of_gone.pop(seen.ip, None)
            if service is not None:
                self._service_of[seen.ip] = service
        for gone in self._last_seen.keys() - listed:
            del self._last_seen[gone], self._asked_in[gone]
            if gone in self._service_of:
                self._service_of_gone[gone] = self._service_of.pop(gone)
        for forgotten in list(self._service_of_gone)[:-MOST_GONE]:
            del self._service_of_gone[forgotten]

    def rows(self) -> tuple[Observation, ...]:
        """What was seen in the last round of each member that was polled then, in address order."""
        return self._rows_of(self._polled())

    def not_polled(self) -> tuple[str, ...]:
        """The listed members that were not: a recording is of the service it was made for."""
        return tuple(set(self._members()).difference(self._polled()))

    def _members(self) -> list[str]:
        return [ip for ip in self._last_seen if self._is_member(ip)]

    def _polled(self) -> list[str]:
        return [ip for ip in self._members() if self._asked_in[ip] == self._round]

    def _rows_of(self, ips: Iterable[str]) -> tuple[Observation, ...]:
        members = [self._last_seen[ip] for ip in ips]
        return in_address_order(
            Unknown(seen.ip, seen.reason, self.service) if isinstance(seen, Unknown) else seen
            for seen in members
        )

    def all_unknown(self, reason: str) -> tuple[Observation, ...]:
        """The members last seen, none of which is known to be well now."""
        members = self._rows_of(self._members())
        return tuple(Unknown(seen.ip, reason, self.service) for seen in members)

    def coverage(self, rejected: int) -> Coverage:
        """Of the whole fleet, as far as anybody was asked."""
        unknown = sum(isinstance(seen, Unknown) for seen in self._last_seen.values())
        listed = len(self._last_seen)
        return Coverage(listed, listed - unknown, unknown, rejected)

    def unattributed(self) -> int:
        unknown = (ip for ip, seen in self._last_seen.items() if isinstance(seen, Unknown))
        return sum(ip not in self._service_of for ip in unknown)

    def _is_member(self, ip: str) -> bool:
        return self._service_of.get(ip) == self.service


def _existing_service(snapshot: Snapshot, wanted: str) -> str:
    if nothing_known := why_no_verdict(snapshot):
        listed = bool(snapshot.observations)
        trouble = Trouble.NOTHING_ANSWERED if listed else Trouble.LISTS_NOTHING
        raise FleetUnavailable(nothing_known, trouble)
    return the_service(snapshot, wanted)


def _next_round(
    number: int,
    missed: int,
    fleet: Fleet,
    clock: Clock,
    members: _Members,
    policy: HealthPolicy,
) -> TrackRound:
    observed_at, began_s = clock.now(), clock.monotonic_s()
    try:
        snapshot = fleet.snapshot(members.to_ask)
        if not (snapshot.observations or snapshot.not_asked):
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
            policy=policy,
        )
    return _round(number, missed, snapshot, members, policy)


def _round(
    number: int, missed: int, snapshot: Snapshot, members: _Members, policy: HealthPolicy
) -> TrackRound:
    members.learn(snapshot)
    return TrackRound(
        round=number,
        observed_at=snapshot.observed_at,
        took_seconds=snapshot.took_s,
        service=members.service,
        items=tuple(row_of(seen, policy) for seen in members.rows()),
        coverage=members.coverage(len(snapshot.rejected)),
        rejected=snapshot.rejected,
        missed=missed,
        failure=None,
        stale_list=snapshot.stale_list,
        policy=policy,
        unattributed=members.unattributed(),
        not_polled=members.not_polled(),
    )
