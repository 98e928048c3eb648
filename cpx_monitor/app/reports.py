"""What the use-cases answer, ready to be shown; the field names are those of the json documents."""

from datetime import datetime
from typing import NamedTuple

from cpx_monitor.domain.fleet import StaleList
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


class Basis(NamedTuple):
    """What a report rests on.

    ``no_verdict_because`` says, for people, why nothing can be concluded from it; None where
    something can.
    """

    source: str
    observed_at: datetime
    took_seconds: float
    policy: HealthPolicy
    coverage: Coverage
    rejected: tuple[str, ...]
    no_verdict_because: str | None


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
    basis: Basis
    items: tuple[ServiceAverage, ...]


class ServiceAtRisk(NamedTuple):
    service: str
    verdict: Verdict
    healthy: int
    instances: int
    threshold: int
    reason: str
    unhealthy_ips: tuple[str, ...]


class ServicesAtRisk(NamedTuple):
    """Only the services that are not OK, out of ``service_count``.

    ``verdict`` is the worst of all; None where there is none.
    """

    basis: Basis
    threshold: int
    verdict: Verdict | None
    service_count: int
    items: tuple[ServiceAtRisk, ...]


Report = InstanceList | ServiceAverages | ServicesAtRisk


class TrackRound(NamedTuple):
    """One round of tracking a service, counted from 1.

    ``missed`` is how many rounds before this one were due and left out because the one before
    them took too long. ``failure`` says why the round failed, where it did; the rows then are the
    members last known, each Unknown. ``coverage`` and ``rejected`` are the whole fleet's; None and
    empty in a failed round. ``stale_list`` tells of a list of servers that is not this round's own.
    """

    round: int
    observed_at: datetime
    took_seconds: float
    service: str
    items: tuple[InstanceRow, ...]
    coverage: Coverage | None
    rejected: tuple[str, ...]
    missed: int
    failure: str | None
    stale_list: StaleList | None = None
