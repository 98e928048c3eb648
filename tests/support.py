"""What many tests need: values made short, and a clock that tests wind."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from cpx_monitor.app.ports import FleetUnavailable, Trouble
from cpx_monitor.app.reports import Basis, Coverage, Outage, Round, TrackRound
from cpx_monitor.app.use_cases import row_of
from cpx_monitor.domain.fleet import Instance, Observation, Snapshot, Unknown, in_address_order
from cpx_monitor.domain.health import HealthPolicy

NOON = datetime(2026, 11, 22, 12, 0, 0, 123_456, tzinfo=UTC)


def instance(last: int, service: str = "AuthService", cpu: float = 10, memory: float = 20):
    return Instance(f"10.58.1.{last}", service, cpu, memory)


def unknown(last: int, service: str | None = None, reason: str = "timed out after 5 s"):
    return Unknown(f"10.58.1.{last}", reason, service)


def snapshot(*observations: Observation, rejected: Iterable[str] = ()) -> Snapshot:
    return Snapshot("test", NOON, 0.05, in_address_order(observations), tuple(rejected))


BASIS = Basis("test", NOON, 0.05, HealthPolicy(), Coverage(150, 149, 1, 0), 149, (), None)


def track_round(
    number: int,
    *observations: Observation,
    observed_at=NOON,
    missed=0,
    failure=None,
    coverage=BASIS.coverage,
    rejected=(),
    stale_list=None,
    **changes,
) -> Round[TrackRound]:
    """A round of tracking AuthService, in which all went well but for what is said."""
    basis = BASIS._replace(coverage=coverage, rejected=rejected, stale_list=stale_list)
    items = tuple(row_of(seen, HealthPolicy()) for seen in observations)
    report = TrackRound(basis, "AuthService", items)._replace(**changes)
    error = failure and FleetUnavailable(failure, Trouble.NO_ANSWER)
    outage = error and Outage(observed_at, 1, error)
    return Round(number, missed, observed_at, 0.05, report, outage)


def round_of(report, number=1):
    """A round that went well."""
    return Round(number, 0, report.basis.observed_at, report.basis.took_seconds, report)


class SimulatedClock:
    """Time that passes only by sleeping and by ``pass_s``."""

    def __init__(self) -> None:
        self.passed_s = 0.0
        self.sleeps: list[float] = []

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.passed_s)

    def monotonic_s(self) -> float:
        return 1000.0 + self.passed_s

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.passed_s += max(0.0, seconds)

    def pass_s(self, seconds: float) -> None:
        self.passed_s += seconds
