"""What many tests need: values made short, and a clock that tests wind."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from cpx_monitor.app.reports import Coverage, TrackRound
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


def track_round(number: int, *observations: Observation, **changes) -> TrackRound:
    """A round of tracking AuthService, in which all went well but for what is said."""
    shown = TrackRound(
        round=number,
        observed_at=NOON,
        took_seconds=0.05,
        service="AuthService",
        items=tuple(row_of(seen, HealthPolicy()) for seen in observations),
        coverage=Coverage(150, 149, 1, 0),
        rejected=(),
        missed=0,
        failure=None,
    )
    return shown._replace(**changes)


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
