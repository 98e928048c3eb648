"""A recording as a fleet: played back, or its end."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from cpx_monitor.adapters.recordings.reader import RecordedRound, Recording
from cpx_monitor.app.ports import FileUnusable, FleetUnavailable, Selection
from cpx_monitor.domain.fleet import Snapshot

# A pause in a recording is not worth more of anybody's time than this.
MAX_PAUSE_S = 60.0


class Replay:
    """A recording as a fleet and as the clock of the time when it was made.

    ``pace`` brings the next round; requests after that are answered from it.
    """

    def __init__(
        self, rounds: Iterable[RecordedRound], sleep: Callable[[float], object], speed: float
    ) -> None:
        self._rounds = rounds
        self._sleep = sleep
        self._speed = speed
        self._current: RecordedRound | None = None

    def pace(self, sleep: Callable[[float], object] | None = None) -> Iterator[int]:
        """One for each round, as long after the one before as it was then, divided by the speed.
        A ``sleep`` that ends early brings the next round early.

        Rounds before the first in which anything was seen are passed over.

        Raises:
            FileUnusable: there is no round in which anything was seen.
        """
        sleep = sleep or self._sleep
        for recorded in self._rounds:
            if self._current is None and not _shows_anything(recorded.outcome):
                continue
            if self._current is not None:
                pause = recorded.observed_at - self._current.observed_at
                pause_s = min(max(0.0, pause.total_seconds()), MAX_PAUSE_S)
                sleep(pause_s / self._speed)
            self._current = recorded
            yield 0
        if self._current is None:
            raise FileUnusable("the recording holds no round in which anything was seen")

    @property
    def tracked(self) -> str | None:
        """The service for whose sake this was recorded, where it was for one."""
        return self._current and self._current.tracked

    def snapshot(self, select: Selection | None = None) -> Snapshot:
        assert self._current is not None  # for pace comes first
        if isinstance(self._current.outcome, FleetUnavailable):
            raise self._current.outcome
        return self._current.outcome

    def now(self) -> datetime:
        assert self._current is not None
        return self._current.observed_at

    def monotonic_s(self) -> float:
        return self.now().timestamp()

    def sleep(self, seconds: float) -> None:
        self._sleep(seconds)


def _shows_anything(outcome: Snapshot | FleetUnavailable) -> bool:
    return isinstance(outcome, Snapshot) and bool(outcome.answered)


class RecordedFleet:
    """The end of a recording as a fleet: the same, however often it is looked at."""

    def __init__(self, recording: Recording) -> None:
        self._last = recording.last()

    def snapshot(self, select: Selection | None = None) -> Snapshot:
        if select is None:
            return self._last
        wanted = select([seen.ip for seen in self._last.observations])
        return self._last._replace(
            observations=tuple(seen for seen in self._last.observations if seen.ip in wanted),
            not_polled=tuple(seen.ip for seen in self._last.observations if seen.ip not in wanted),
        )
