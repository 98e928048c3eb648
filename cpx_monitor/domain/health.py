"""When an instance is healthy, and when a service is at risk.

CPX has no notion of health, so it is decided here, by a policy that the user sees and can set.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from cpx_monitor.domain.fleet import Instance, Observation

DEFAULT_THRESHOLD = 2  # healthy instances that a service needs, where nothing else is said


class Status(StrEnum):
    HEALTHY = "Healthy"
    UNHEALTHY = "Unhealthy"
    UNKNOWN = "Unknown"

    __hash__ = str.__hash__  # an Enum's own is not that of the text it equals, and slow


class Verdict(StrEnum):
    """From the best to the worst. Without headroom is a service that is well, and would not survive
    losing an instance.
    """

    OK = "OK"
    NO_HEADROOM = "NoHeadroom"
    POSSIBLY_AT_RISK = "PossiblyAtRisk"
    AT_RISK = "AtRisk"

    __hash__ = str.__hash__


class HealthPolicy(NamedTuple):
    """An instance is healthy while CPU and memory are both at or under their limit (0–100)."""

    max_cpu_percent: float = 90
    max_memory_percent: float = 90

    def allows(self, cpu_percent: float, memory_percent: float) -> bool:
        return cpu_percent <= self.max_cpu_percent and memory_percent <= self.max_memory_percent

    def excess(self, cpu_percent: float, memory_percent: float) -> str:
        """What is over its limit, for people: ``CPU 95%, memory 92%``; empty where nothing is."""
        over = []
        if cpu_percent > self.max_cpu_percent:
            over.append(f"CPU {cpu_percent}%")
        if memory_percent > self.max_memory_percent:
            over.append(f"memory {memory_percent}%")
        return ", ".join(over)

    def healthy_among(self, instances: Iterable[Instance]) -> int:
        """How many of them are healthy. There may be a hundred thousand."""
        max_cpu, max_memory = self
        return len(
            [1 for _, _, cpu, memory in instances if cpu <= max_cpu and memory <= max_memory]
        )

    def status_of(self, seen: Observation) -> Status:
        if not isinstance(seen, Instance):
            return Status.UNKNOWN
        healthy = self.allows(seen.cpu_percent, seen.memory_percent)
        return Status.HEALTHY if healthy else Status.UNHEALTHY


def judge(*, healthy: int, own_unknown: int, unattributed: int, threshold: int) -> Verdict:
    """Whether a service has at least ``threshold`` healthy instances.

    ``own_unknown`` instances are known to be the service's own, ``unattributed`` ones may be. A
    doubt never counts as healthy, and a shortfall that the doubtful ones could make up is only
    possible, not certain.
    """
    if healthy >= threshold:
        return Verdict.OK
    if healthy + own_unknown + unattributed < threshold:
        return Verdict.AT_RISK
    return Verdict.POSSIBLY_AT_RISK
