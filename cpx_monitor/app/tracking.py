"""A service's instances over time."""

import heapq
import math
from collections.abc import Container, Iterable, Iterator, Sequence

from cpx_monitor.app.ordering import the_service
from cpx_monitor.app.ports import Clock, Fleet, FleetUnavailable, Trouble
from cpx_monitor.app.reports import Basis, Coverage, Move, Round, TrackRound
from cpx_monitor.app.rounds import rounds
from cpx_monitor.app.use_cases import row_of, why_no_verdict
from cpx_monitor.domain.fleet import Observation, Snapshot, Unknown, in_address_order
from cpx_monitor.domain.health import HealthPolicy, Status

ROUNDS_TO_POLL_ALL = 20
MAX_GONE = 1000


def track(
    fleet: Fleet, clock: Clock, service: str, policy: HealthPolicy, pace: Iterable[int]
) -> Iterator[Round[TrackRound]]:
    """A service's instances, a round whenever ``pace`` yields how many were missed.

    Raises:
        FleetUnavailable: the first round has no list of servers, or no answer from any of them.
            Later rounds that fail are yielded, and the next one goes on.
        NoSuchService: the first round shows no service of that name.
    """
    tracking = Tracking(fleet, service, policy)
    return rounds(tracking.poll, tracking.last_known, clock, pace)


class Tracking:
    """Polls a service again and again: its members and newcomers every time, all other instances
    at least once in ``ROUNDS_TO_POLL_ALL``.
    """

    def __init__(self, fleet: Fleet, service: str, policy: HealthPolicy) -> None:
        self._fleet = fleet
        self._wanted = service
        self._policy = policy
        self._members: _Members | None = None

    def poll(self) -> TrackRound:
        """
        Raises:
            FleetUnavailable, NoSuchService: see ``track``.
        """
        if self._members is None:
            snapshot = self._fleet.snapshot()
            self._members = _Members(_existing_service(snapshot, self._wanted))
        else:
            snapshot = self._fleet.snapshot(self._members.to_poll)
            if not (snapshot.observations or snapshot.not_polled):
                raise FleetUnavailable(f"{snapshot.source} lists no servers", Trouble.LISTS_NOTHING)
        self._members.learn(snapshot)
        return self._round_of(snapshot, self._members)

    def last_known(self, before: TrackRound, reason: str) -> TrackRound:
        """The members last known, each Unknown for that reason."""
        assert self._members is not None  # there was a round before
        rows = (row_of(seen, self._policy) for seen in self._members.all_unknown(reason))
        return before._replace(items=tuple(rows), unattributed=0, not_polled=(), moves=())

    def _round_of(self, snapshot: Snapshot, members: "_Members") -> TrackRound:
        return TrackRound(
            basis=Basis(
                source=snapshot.source,
                observed_at=snapshot.observed_at,
                took_seconds=snapshot.took_s,
                policy=self._policy,
                coverage=members.coverage(len(snapshot.rejected)),
                healthy=members.healthy(self._policy),
                rejected=snapshot.rejected,
                no_verdict_because=None,
                stale_list=snapshot.stale_list,
            ),
            service=members.service,
            items=tuple(row_of(seen, self._policy) for seen in members.rows()),
            unattributed=members.unattributed(),
            not_polled=members.not_polled(),
            moves=tuple(members.moves),
        )


class _Members:
    """What is known of a fleet from round to round: who belongs to the service, and who said what.

    A silent address keeps the service it last named, and so do the last ``MAX_GONE`` that left, if
    they come back. Members and addresses not seen before are
    asked in every round, all others in turn, so that an instance that moves to the service shows.
    """

    def __init__(self, service: str) -> None:
        self.service = service
        self._service_of: dict[str, str] = {}
        self._service_of_gone: dict[str, str] = {}  # the last that left at the end
        self._last_seen: dict[str, Observation] = {}
        self._polled_in: dict[str, int] = {}
        self._round = 0
        self.moves: list[Move] = []

    def to_poll(self, listed: Sequence[str]) -> Container[str]:
        """Whom to ask this time: at most a twentieth of the fleet beside members and newcomers."""
        certain = {ip for ip in listed if ip not in self._polled_in or self._is_member(ip)}
        others = [ip for ip in listed if ip not in certain]
        turn = math.ceil(len(others) / ROUNDS_TO_POLL_ALL)
        return certain.union(heapq.nsmallest(turn, others, key=self._polled_in.__getitem__))

    def learn(self, snapshot: Snapshot) -> None:
        self._round += 1
        self.moves = []
        listed = {*snapshot.not_polled}
        for seen in snapshot.observations:
            listed.add(seen.ip)
            self._polled_in[seen.ip] = self._round
            self._last_seen[seen.ip] = seen
            service = seen.service or self._service_of_gone.get(seen.ip)
            self._service_of_gone.pop(seen.ip, None)
            if service is not None:
                before = self._service_of.get(seen.ip, service)
                if before != service and self.service in (before, service):
                    self.moves.append(Move(seen.ip, before, service))
                self._service_of[seen.ip] = service
        for gone in self._last_seen.keys() - listed:
            del self._last_seen[gone], self._polled_in[gone]
            if gone in self._service_of:
                self._service_of_gone[gone] = self._service_of.pop(gone)
        for forgotten in list(self._service_of_gone)[:-MAX_GONE]:
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
        return [ip for ip in self._members() if self._polled_in[ip] == self._round]

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

    def healthy(self, policy: HealthPolicy) -> int:
        return sum(policy.status_of(seen) is Status.HEALTHY for seen in self._last_seen.values())

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
