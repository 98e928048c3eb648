"""The rounds that are held in memory: to look back at, and to write down after the fact."""

import os
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import gevent

from cpx_monitor.adapters.recordings.writer import RecordingFleet
from cpx_monitor.app.ports import Clock, Fleet, FleetUnavailable, Selection
from cpx_monitor.app.reports import Round
from cpx_monitor.domain.fleet import Instance, Observation, Snapshot

MAX_ROUNDS = 120
# Instances in all rounds together: 120 rounds of 10,000. What that costs is in docs/top.md.
MAX_INSTANCES = 1_200_000

Outcome = Snapshot | FleetUnavailable


class HeldRound(NamedTuple):
    """What was shown of a round, and what it was made of."""

    shown: Round[Any]
    outcome: Outcome


class HoldingFleet:
    """Another fleet, whose latest outcome is at hand.

    Addresses and names that are the same from round to round are kept once.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self.latest: Outcome | None = None

    def snapshot(self, select: Selection | None = None) -> Snapshot:
        try:
            snapshot = self._fleet.snapshot(select)
        except FleetUnavailable as error:
            self.latest = error
            raise
        let_keys_act()
        self.latest = snapshot._replace(
            observations=tuple(_kept_once(seen) for seen in snapshot.observations)
        )
        let_keys_act()
        return self.latest


def let_keys_act() -> None:
    """Give the loop a turn between two long steps of a round. A sleep of 0 s would not let it read
    keys.
    """
    gevent.sleep(0.001)


def _kept_once(seen: Observation) -> Observation:
    ip = sys.intern(seen.ip)
    if isinstance(seen, Instance):
        return seen._replace(ip=ip, service=sys.intern(seen.service))
    return seen._replace(ip=ip)


class HeldRounds:
    """The latest ``MAX_ROUNDS``, or fewer where they would hold more than ``MAX_INSTANCES``; of a
    recording all of them, for they are to be gone through.
    """

    def __init__(self, *, is_recording: bool = False) -> None:
        self._rounds: deque[HeldRound] = deque()
        self._instances = 0
        self._is_recording = is_recording

    def append(self, held: HeldRound) -> None:
        self._rounds.append(held)
        self._instances += _size(held)
        while not self._is_recording and len(self._rounds) > 1 and self._is_too_much():
            self._instances -= _size(self._rounds.popleft())

    def _is_too_much(self) -> bool:
        return len(self._rounds) > MAX_ROUNDS or self._instances > MAX_INSTANCES

    @property
    def numbers(self) -> Sequence[int]:
        return [held.shown.number for held in self._rounds]

    def up_to(self, number: int | None, most: int) -> list[HeldRound]:
        """The last ``most`` rounds up to that one, or up to the latest, in their order."""
        found = [held for held in self._rounds if number is None or held.shown.number <= number]
        return found[-most:]

    def __iter__(self) -> Iterator[HeldRound]:
        return iter(self._rounds)


def _size(held: HeldRound) -> int:
    return len(held.outcome.observations) if isinstance(held.outcome, Snapshot) else 0


def write_held(rounds: HeldRounds, now: datetime, folder: str, tracked: str | None) -> str:
    """Write them as a recording into a new file of the folder; its path.

    Raises:
        OSError, FileUnusable: it cannot be written.
    """
    held = list(rounds)
    path = _new_file(os.path.join(folder, f"cpx-{now:%Y%m%dT%H%M%SZ}"))
    replayed = _Replayed(held)
    recording = RecordingFleet(
        replayed, path, replayed, lambda _: None, tracked, is_begun_anew=True
    )
    try:
        for each in held:
            replayed.current = each
            try:
                recording.snapshot()
            except FleetUnavailable:
                continue  # which is written down as well
    finally:
        recording.close()
    return path


def _new_file(stem: str) -> str:
    """Never over a file that is there; only its owner can read it."""
    for more in ("", *(f"-{number}" for number in range(2, 100))):
        path = f"{stem}{more}.jsonl"
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            continue
        return path
    raise FileExistsError(f"{stem}.jsonl and a hundred others exist")


class _Replayed(Clock):
    """Held rounds as a fleet, and as the clock of the time when they were polled."""

    def __init__(self, held: Sequence[HeldRound]) -> None:
        self.current = held[0]

    def snapshot(self, select: Selection | None = None) -> Snapshot:
        if isinstance(self.current.outcome, FleetUnavailable):
            raise self.current.outcome
        return self.current.outcome

    def now(self) -> datetime:
        return self.current.shown.observed_at

    def monotonic_s(self) -> float:
        return self.now().timestamp()

    def sleep(self, seconds: float) -> None:
        pass
