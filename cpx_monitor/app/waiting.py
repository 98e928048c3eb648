"""Whether services have come to be healthy: what ``wait`` waits for."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cpx_monitor.app.pace import every
from cpx_monitor.app.ports import Clock, Fleet, FleetUnavailable
from cpx_monitor.app.reports import Coverage, InstanceRow, counted
from cpx_monitor.app.use_cases import coverage_of, row_of, why_not_healthy
from cpx_monitor.domain.fleet import Snapshot
from cpx_monitor.domain.health import HealthPolicy, Status


class Goal(NamedTuple):
    """So many healthy instances of each of the services, in so many rounds in a row."""

    services: tuple[str, ...]
    healthy: int = 1
    rounds: int = 1


class Standing(NamedTuple):
    """How a service stands in a round; ``missing`` are its instances that are not healthy, and
    ``unattributed`` counts the unknown instances that may be of any service.
    """

    service: str
    healthy: int
    missing: tuple[InstanceRow, ...]
    unattributed: int = 0


class WaitRound(NamedTuple):
    """``failure`` says why nothing is known in this round, in which ``coverage`` is None as well;
    ``is_met`` that the goal is reached.
    """

    standings: tuple[Standing, ...]
    coverage: Coverage | None
    failure: str | None
    is_met: bool


def waiting(
    fleet: Fleet, clock: Clock, goal: Goal, policy: HealthPolicy, *, every_s: float, within_s: float
) -> Iterator[WaitRound]:
    """A round each time the fleet is polled, until the goal is reached or the time is up.

    A service that is not there has no healthy instance; an API that fails is polled again.
    """
    streak = 0
    for _ in every(clock, every_s, within_s):
        standings: tuple[Standing, ...] = ()
        coverage = failure = None
        try:
            snapshot = fleet.snapshot()
            standings, coverage = standings_of(snapshot, goal, policy), coverage_of(snapshot)
        except FleetUnavailable as error:
            failure = str(error)
        is_good = bool(standings) and all(each.healthy >= goal.healthy for each in standings)
        streak = streak + 1 if is_good else 0
        yield WaitRound(standings, coverage, failure, is_met=streak >= goal.rounds)
        if streak >= goal.rounds:
            return


def standings_of(snapshot: Snapshot, goal: Goal, policy: HealthPolicy) -> tuple[Standing, ...]:
    """Of each service of the goal, found in any case."""
    standings = []
    for wanted in goal.services:
        rows = [
            row_of(seen, policy)
            for seen in snapshot.observations
            if seen.service is not None and seen.service.casefold() == wanted.casefold()
        ]
        missing = tuple(row for row in rows if row.status is not Status.HEALTHY)
        healthy = len(rows) - len(missing)
        standings.append(Standing(wanted, healthy, missing, snapshot.unattributed))
    return tuple(standings)


def standing_sentence(standing: Standing, needed: int, policy: HealthPolicy) -> str:
    """``AuthService: 1 healthy, 2 needed; not healthy: 10.58.1.4 (CPU 95%)``."""
    sentence = f"{standing.service}: {standing.healthy} healthy, {needed} needed"
    if standing.unattributed and standing.healthy < needed:
        which = counted(standing.unattributed, "unknown instance")
        sentence += f"; {which} may be of this service"
    if not standing.missing:
        return sentence
    reasons = [
        f"{row.ip} ({why_not_healthy(row, policy) or 'unknown'})"
        for row in standing.missing[:_MAX_NAMED]
    ]
    rest = len(standing.missing) - len(reasons)
    more = f" and {rest} more" if rest else ""
    return f"{sentence}; not healthy: {', '.join(reasons)}{more}"


_MAX_NAMED = 5


def changes(before: Sequence[Standing], now: Sequence[Standing]) -> list[Standing]:
    """The standings that differ from the round before in the number of healthy instances, or in
    which are not.
    """

    def essence(standing: Standing) -> tuple[str, int, tuple[tuple[str, Status], ...]]:
        missing = tuple((row.ip, row.status) for row in standing.missing)
        return standing.service, standing.healthy, missing

    known = {essence(each) for each in before}
    return [each for each in now if essence(each) not in known]
