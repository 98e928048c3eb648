"""The fleet behind ``--demo``."""

import itertools
import math
from collections.abc import Iterator, Sequence

from cpx_monitor.adapters.in_memory import InMemoryFleet
from cpx_monitor.app.ports import Clock
from cpx_monitor.domain.fleet import Instance, Observation, Unknown


def demo_fleet(clock: Clock) -> InMemoryFleet:
    """A small fleet that shows every case: services that are well, at risk, without a healthy
    instance, and an instance whose answer cannot be used. It lives: see ``_STORY``.
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


# What happens, and in which of so many rounds, from 0; then it begins again. The first rounds show
# the fleet as it is, and in a minute of `top` there is all of it.
_STORY_ROUNDS = 40
_SILENT = "10.58.1.3", range(6, 12)
_FLAPS = "10.58.1.7", [number for number in range(8, 38) if number // 3 % 2]
_REPLACED_FROM = {"10.58.1.10": 10, "10.58.1.11": 14}  # one instance after the other


def _demo_rounds() -> Iterator[Sequence[Observation]]:
    for number in itertools.count():
        seen: list[Observation] = [
            Instance(f"10.58.1.{last}", service, _moved(cpu, number), _moved(memory, number + 3))
            for last, (service, cpu, memory) in enumerate(_DEMO_LOADS, start=1)
        ]
        garbled = Unknown(f"10.58.1.{len(_DEMO_LOADS) + 1}", "cpu is '161%'", "TimeService")
        yield [_in_the_story(each, number % _STORY_ROUNDS) for each in [*seen, garbled]]


def _in_the_story(seen: Observation, number: int) -> Observation:
    """Cases: it falls silent; it flaps; a rollout has replaced it; nothing happens to it."""
    ip = seen.ip
    if ip == _SILENT[0] and number in _SILENT[1]:
        return Unknown(ip, "timed out after 5 s")
    if ip == _FLAPS[0] and number in _FLAPS[1] and isinstance(seen, Instance):
        return seen._replace(cpu_percent=97)
    if number >= _REPLACED_FROM.get(ip, _STORY_ROUNDS):
        return Instance(ip.replace("10.58.1.", "10.58.2."), "TimeService", 33, 41)
    return seen


def _moved(percent: int, number: int) -> int:
    """Up and down by three at the most, so that only the story changes a verdict."""
    return min(100, percent + round(3 * math.sin(number)))
