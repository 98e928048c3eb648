"""What the use-cases answer, ready to be shown; the field names are those of the json documents."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Generic, NamedTuple, TypeVar

from cpx_monitor.domain.fleet import Snapshot, StaleList
from cpx_monitor.domain.health import HealthPolicy, Status, Verdict


def counted(number: int, noun: str) -> str:
    """``1 instance``, ``2 instances``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


class Coverage(NamedTuple):
    """How much of the fleet a report speaks of: answered + unknown = listed, always.

    ``listed`` counts distinct addresses, ``rejected`` what was listed but is no address.
    """

    listed: int
    answered: int
    unknown: int
    rejected: int

    @property
    def is_complete(self) -> bool:
        return not (self.unknown or self.rejected)

    @property
    def is_mostly_unknown(self) -> bool:
        """Suggests that the API or the network is at fault, not the instances."""
        return 2 * self.unknown > self.listed


class Basis(NamedTuple):
    """What a report rests on: the whole fleet, whatever the report shows of it.

    ``no_verdict_because`` says, for people, why nothing can be concluded from it; None where
    something can.
    """

    source: str
    observed_at: datetime
    took_seconds: float
    policy: HealthPolicy
    coverage: Coverage
    healthy: int
    rejected: tuple[str, ...]
    no_verdict_because: str | None
    stale_list: StaleList | None = None

    @property
    def is_complete(self) -> bool:
        """Whether all is known of the fleet as it is now."""
        return self.coverage.is_complete and self.stale_list is None


class InstanceRow(NamedTuple):
    """``service`` and the percentages are None where unknown; ``reason`` says why they are."""

    ip: str
    service: str | None
    status: Status
    cpu_percent: float | None
    memory_percent: float | None
    reason: str | None


class InstanceList(NamedTuple):
    basis: Basis
    items: tuple[InstanceRow, ...]


class Spread(NamedTuple):
    """Of the instances that answered; ``p95`` is the nearest rank. All None where none did."""

    mean: float | None
    min: float | None
    p95: float | None
    max: float | None


class Load(NamedTuple):
    cpu_percent: float
    memory_percent: float


ASSUMED_OF_A_LOSS = "the load of a lost instance spreads evenly over the others of its service"


class ServiceAverage(NamedTuple):
    """``if_one_is_lost`` is the mean load once one of the instances that answered is gone and the
    others carry its share; None where fewer than two answered.
    """

    service: str
    instances: int
    healthy: int
    unhealthy: int
    unknown: int
    cpu_percent: Spread
    memory_percent: Spread
    if_one_is_lost: Load | None
    survives_losing_one: bool


class ServiceAverages(NamedTuple):
    """``endangered`` are the services that ``at-risk`` names by default, with their verdict."""

    basis: Basis
    items: tuple[ServiceAverage, ...]
    endangered: Mapping[str, Verdict] = MappingProxyType({})


class ServiceAtRisk(NamedTuple):
    """``expected`` is how many instances there should be; None where no number is expected."""

    service: str
    verdict: Verdict
    healthy: int
    instances: int
    threshold: int
    reason: str
    unhealthy_ips: tuple[str, ...]
    expected: int | None = None


class ServicesAtRisk(NamedTuple):
    """Only the services that are not OK, out of the ``services`` that were judged.

    ``verdict`` is the worst of all; None where there is none. ``headroom`` says whether those
    without headroom are among them.
    """

    basis: Basis
    threshold: int
    verdict: Verdict | None
    services: tuple[str, ...]
    items: tuple[ServiceAtRisk, ...]
    headroom: bool = False


def worst_verdict(items: Sequence[ServiceAtRisk]) -> Verdict:
    by_severity = list(Verdict)
    return max((item.verdict for item in items), key=by_severity.index, default=Verdict.OK)


class Move(NamedTuple):
    """An address that named another service than before."""

    ip: str
    before: str
    after: str


class TrackRound(NamedTuple):
    """A service's instances in one round.

    The basis is the whole fleet's, as far as it was polled. ``unattributed`` counts the unknown
    instances that may be of any service, this one included. ``not_polled`` are members without a
    row, for they were not polled in this round: it was recorded for another service's sake.
    ``moves`` are the instances that moved to the service or away from it since the round before.
    ``flapping`` are those whose status keeps changing; where ``is_random`` that would be most of
    them, so none is marked.
    """

    basis: Basis
    service: str
    items: tuple[InstanceRow, ...]
    unattributed: int = 0
    not_polled: tuple[str, ...] = ()
    moves: tuple[Move, ...] = ()
    flapping: frozenset[str] = frozenset()
    is_random: bool = False


class ChangeKind(StrEnum):
    """In the order in which they are shown."""

    GONE = "gone"
    NEW = "new"
    MOVED = "moved"
    STATUS = "status"
    VERDICT = "verdict"
    MEAN = "mean"

    __hash__ = str.__hash__


class Change(NamedTuple):
    """What differs between two moments.

    Cases of ``before`` and ``after``: services where an instance ``moved``, means of the ``metric``
    where a ``mean`` did; where a service is gone or new its verdict, or how many instances it has;
    otherwise a status or a verdict. ``before`` is None where something is new, ``after`` where it
    is gone. ``ip`` is None where it is a service that changed. ``reason`` says why the later state
    is not a good one; None where there is nothing to say.
    """

    change: ChangeKind
    ip: str | None
    service: str | None
    before: str | float | None
    after: str | float | None
    metric: str | None = None
    reason: str | None = None


class Changes(NamedTuple):
    """What differs between a round and the one before."""

    basis: Basis
    items: tuple[Change, ...]


class FleetDiff(NamedTuple):
    """What differs between two polls; ``basis`` is that of the later one."""

    basis: Basis
    before: Basis
    by_points: float
    items: tuple[Change, ...]


class ServiceOverview(NamedTuple):
    """``reason`` says why the verdict is not OK; None where it is."""

    service: str
    healthy: int
    instances: int
    cpu_percent: Spread
    memory_percent: Spread
    verdict: Verdict
    reason: str | None


class Overview(NamedTuple):
    """Every service, the worst first."""

    basis: Basis
    items: tuple[ServiceOverview, ...]


Report = (
    InstanceList | ServiceAverages | ServicesAtRisk | TrackRound | Changes | FleetDiff | Overview
)


AnyReport = TypeVar("AnyReport", bound=Report)


class Stamp(NamedTuple):
    """Which round this was, counted from 1, and when it began."""

    round: int
    observed_at: datetime


class Outage(NamedTuple):
    """The rounds that failed one after the other, the last of them with that error."""

    since: datetime
    rounds: int
    error: Exception


class Round(NamedTuple, Generic[AnyReport]):
    """One poll of several, counted from 1.

    ``missed`` is how many rounds before this one were due and left out because the one before them
    took too long. With an ``outage`` this round failed, and the report is what was last known.
    """

    number: int
    missed: int
    observed_at: datetime
    took_s: float
    report: AnyReport
    outage: Outage | None = None

    @property
    def stamp(self) -> Stamp:
        return Stamp(self.number, self.observed_at)

    @property
    def failure(self) -> str | None:
        """Why this round failed, for people; None where it did not."""
        return None if self.outage is None else str(self.outage.error)


class TrackedInstance(NamedTuple):
    """An instance in a round, and where it comes from.

    Changes are since the round before, None where either has no value. The recent loads are the
    last of the latest rounds, the newest at the end, None where it was unknown. ``note`` says what
    it did lately: ``joined``, ``left``, ``flapping``, ``was Healthy``; empty where nothing.
    ``last_known`` is the last row that was not Unknown. One that is not ``is_seen`` left, or was
    not polled in this round.
    """

    row: InstanceRow
    cpu_change: float | None
    memory_change: float | None
    recent_cpu: tuple[float | None, ...]
    recent_memory: tuple[float | None, ...]
    note: str
    last_known: InstanceRow | None = None
    is_seen: bool = True


class InstanceSummary(NamedTuple):
    """Of the ``rounds`` in which it was listed and polled. The shares run from 0 to 1; ``flips``
    counts the changes between healthy and not. ``joined_at`` is when it was first seen, None where
    that was in the first round, ``left_at`` when it was first missed, None where it is still there.
    """

    ip: str
    rounds: int
    cpu_percent: Spread
    memory_percent: Spread
    unhealthy_share: float
    unknown_share: float
    flips: int
    joined_at: datetime | None = None
    left_at: datetime | None = None
    was_flapping: bool = False


class TrackSummary(NamedTuple):
    """What tracking a service came to; ``items`` are in address order. ``forgotten`` counts the
    instances that left too long ago to be among them, ``missed_rounds`` those that were due and
    left out. ``was_random``: at some time most instances would have been flapping.
    """

    service: str
    rounds: int
    failed_rounds: int
    began_at: datetime
    ended_at: datetime
    items: tuple[InstanceSummary, ...]
    forgotten: int = 0
    missed_rounds: int = 0
    was_random: bool = False


class ServiceCounts(NamedTuple):
    """Of a service, in the part of the fleet that was polled."""

    service: str
    instances: int
    healthy: int
    unknown: int


class Scrape(NamedTuple):
    """What Prometheus is told of a part of a fleet.

    ``snapshot`` is None where there never was a list of servers. ``is_listing`` says whether the
    latest request for the list succeeded.
    """

    is_listing: bool
    list_age_s: float | None
    policy: HealthPolicy
    snapshot: Snapshot | None
    services: tuple[ServiceCounts, ...]


class Grade(StrEnum):
    """From the best to the worst."""

    OK = "ok"
    WARNING = "warning"
    TROUBLE = "trouble"


class Check(NamedTuple):
    """``advice`` is what to do; None where there is nothing to be done."""

    check: str
    verdict: Grade
    finding: str
    advice: str | None = None


class DoctorReport(NamedTuple):
    """``conclusion`` is what all of it comes to, in a sentence."""

    source: str
    conclusion: str
    items: tuple[Check, ...]

    @property
    def verdict(self) -> Grade:
        return max((item.verdict for item in self.items), key=list(Grade).index)
