"""The fleet behind ``--demo``."""

import itertools
import math
from collections.abc import Iterator, Sequence

from cpx_monitor.adapters.in_memory import InMemoryFleet
from cpx_monitor.app.ports import Clock
from cpx_monitor.domain.fleet import Instance, Observation, Unknown


def demo_fleet(clock: Clock) -> InMemoryFleet:
    """A small fleet that shows every case: services that are well, at risk, without a healthy
    instance, and an instance whose answer cannot be used. Its loads move from round to round.
    """
    return InMemoryFleet(_demo_rounds(), clock, source="demo")


_DEMO_LOADS = (
    ("AuthService", 31, 42),
    ("AuthService", 24, 38),
    ("AuthService", 57, 61),
    ("MLService", 97, 71),
    ("MLService", 64, 58),
    ("PermissionsService", 28, 32),
    ("PermissionsService", 12, 27),
    ("StorageService", 96, 88),
    ("StorageService", 99, 95),
    ("TimeService", 45, 51),
)


def _demo_rounds() -> Iterator[Sequence[Observation]]:
    garbled = Unknown(f"10.58.1.{len(_DEMO_LOADS) + 1}", "cpu is '161%'", "TimeService")
    for number in itertools.count():
        loaded = [
            Instance(f"10.58.1.{last}", service, _moved(cpu, number), _moved(memory, number + 3))
            for last, (service, cpu, memory) in enumerate(_DEMO_LOADS, start=1)
        ]
        yield [*loaded, garbled]


def _moved(percent: int, number: int) -> int:
    """Up and down by three at the most, so that no verdict of the demo changes."""
    return min(100, percent + round(3 * math.sin(number)))
