"""A fleet in memory: the one that tests script, and the one behind ``--demo``."""

from collections.abc import Iterable, Sequence

from cpx_monitor.app.ports import Clock, FleetUnavailable, Selection
from cpx_monitor.domain.fleet import (
    Observation,
    Snapshot,
    StaleList,
    Unknown,
    in_address_order,
)


class InMemoryFleet:
    """Plays back what it is given: a round for each snapshot, the last one again and again.

    In a round without a list the instances of the last one are silent.
    """

    def __init__(
        self,
        rounds: Iterable[Sequence[Observation] | FleetUnavailable],
        clock: Clock,
        *,
        source: str = "memory",
    ) -> None:
        self._rounds = iter(rounds)
        self._clock = clock
        self._source = source
        self._current: Sequence[Observation] | FleetUnavailable = ()
        self._last: Sequence[Observation] | None = None
        self._listed_s = 0.0

    def snapshot(self, select: Selection | None = None) -> Snapshot:
        self._current = next(self._rounds, self._current)
        stale_list = None
        if not isinstance(self._current, FleetUnavailable):
            everyone = self._current
            if everyone:
                self._last, self._listed_s = everyone, self._clock.monotonic_s()
        elif self._last is None or not self._current.trouble.keeps_last_list:
            raise self._current
        else:
            reason = str(self._current)
            everyone = self._last = [Unknown(seen.ip, reason) for seen in self._last]
            stale_list = StaleList(self._clock.monotonic_s() - self._listed_s, reason)
        in_order = in_address_order(everyone)
        listed = [seen.ip for seen in in_order]
        wanted = listed if select is None else select(listed)
        return Snapshot(
            source=self._source,
            observed_at=self._clock.now(),
            took_s=0.0,
            observations=tuple(seen for seen in in_order if seen.ip in wanted),
            not_polled=tuple(ip for ip in listed if ip not in wanted),
            stale_list=stale_list,
        )
