"""What a tracked service did, from round to round.

The memory that it takes grows with the number of addresses listed at a time, not with time: of
those that left, the last ``MAX_GONE`` are remembered.
"""

import math
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from datetime import datetime

from cpx_monitor.app.flapping import ROUNDS, Flapping
from cpx_monitor.app.reports import (
    InstanceRow,
    InstanceSummary,
    Round,
    Spread,
    TrackedInstance,
    TrackRound,
    TrackSummary,
)
from cpx_monitor.app.tracking import MAX_GONE
from cpx_monitor.domain.fleet import address_order
from cpx_monitor.domain.health import Status

RECENT_ROUNDS = 120
MARKED_ROUNDS = 3
NOT_POLLED = "not polled in this round"


class History:
    """Rounds go in, in their order; what to show of them comes out."""

    def __init__(self) -> None:
        self._instances: dict[str, _Instance] = {}  # who is there, or left a moment ago
        self._gone: dict[str, _Instance] = {}  # who left before, the last one at the end
        self._forgotten = 0
        self._first: Round[TrackRound] | None = None
        self._last: Round[TrackRound] | None = None
        self._rounds = 0
        self._failed = 0
        self._missed = 0
        self._is_random = self._was_random = False

    def learn(self, shown: Round[TrackRound]) -> tuple[TrackedInstance, ...]:
        """The instances of this round and those that left lately, in address order."""
        self._first = self._first or shown
        self._last = shown
        self._rounds += 1
        self._failed += shown.outage is not None
        self._missed += shown.missed
        if shown.outage is not None:
            # It is not the instances that failed: nothing is known of them, and nothing counts.
            for each in self._instances.values():
                if not each.has_left:
                    each.pass_over(self._rounds)
            return self._tracked()
        self._learn_rows(shown)
        self._let_go()
        self._mark_flapping([row.ip for row in shown.report.items])
        return self._tracked()

    def judged(self, report: TrackRound) -> TrackRound:
        """With what its rows did lately: which flap, or that the service changes at random."""
        flapping = frozenset(ip for ip, each in self._instances.items() if each.is_flapping)
        return report._replace(flapping=flapping, is_random=self._is_random)

    def _learn_rows(self, shown: Round[TrackRound]) -> None:
        is_first = shown is self._first
        for row in shown.report.items:
            if row.ip not in self._instances:
                joined_in = None if is_first else self._rounds
                before = self._gone.pop(row.ip, None)
                joined_at = None if is_first else shown.observed_at
                self._instances[row.ip] = before or _Instance(joined_in, joined_at)
            self._instances[row.ip].learn(self._rounds, row, shown.observed_at)
        for ip in shown.report.not_polled:
            if ip in self._instances:
                self._instances[ip].pass_over(self._rounds)
        for each in self._instances.values():
            each.miss(self._rounds, shown.observed_at)

    def _mark_flapping(self, ips: Sequence[str]) -> None:
        """Where more than half of them flap, it is the service that changes at random, and none of
        them is marked; one that is alone is no service.
        """
        flapping = {ip for ip in ips if self._instances[ip].flaps}
        self._is_random = len(ips) > 1 and 2 * len(flapping) > len(ips)
        self._was_random |= self._is_random
        for ip, each in self._instances.items():
            each.mark_flapping(ip in flapping and not self._is_random)

    def _tracked(self) -> tuple[TrackedInstance, ...]:
        return tuple(each.tracked(self._rounds) for _, each in _in_order(self._instances))

    def _let_go(self) -> None:
        """Those that left are shown for a few rounds, and some more of them are remembered."""
        left = [ip for ip, each in self._instances.items() if each.is_gone(self._rounds)]
        for ip in left:
            self._gone[ip] = self._instances.pop(ip)
        for ip in list(self._gone)[:-MAX_GONE]:
            del self._gone[ip]
            self._forgotten += 1

    def summary(self) -> TrackSummary | None:
        """None before the first round."""
        if self._first is None or self._last is None:
            return None
        return TrackSummary(
            service=self._last.report.service,
            rounds=self._rounds,
            failed_rounds=self._failed,
            began_at=self._first.observed_at,
            ended_at=self._last.observed_at,
            items=tuple(
                each.summary(ip) for ip, each in _in_order({**self._instances, **self._gone})
            ),
            forgotten=self._forgotten,
            missed_rounds=self._missed,
            was_random=self._was_random,
        )


def _in_order(instances: "dict[str, _Instance]") -> "Iterable[tuple[str, _Instance]]":
    return sorted(instances.items(), key=lambda each: address_order(each[0]))


class _Distribution:
    """Percentages as they were met.

    Where they have more than two decimals, only the 95th percentile is rounded to those: so there
    are no more than 10,001 different ones to count.
    """

    def __init__(self) -> None:
        self._counts: Counter[float] = Counter()
        self._sum = 0.0
        self._least = math.inf
        self._most = -math.inf

    def add(self, value: float) -> None:
        self._counts[round(value, 2)] += 1
        self._sum += value
        self._least, self._most = min(self._least, value), max(self._most, value)

    def spread(self) -> Spread:
        total = self._counts.total()
        if not total:
            return Spread(None, None, None, None)
        nearest_rank = math.ceil(95 * total / 100)
        for p95 in sorted(self._counts):
            nearest_rank -= self._counts[p95]
            if nearest_rank <= 0:
                break
        return Spread(self._sum / total, self._least, p95, self._most)


class _Instance:
    def __init__(self, joined_in: int | None, joined_at: datetime | None) -> None:
        self._joined_in = joined_in
        self._joined_at = joined_at
        self._left_at: datetime | None = None
        self._row: InstanceRow | None = None
        self._last_known: InstanceRow | None = None
        self._before: InstanceRow | None = None
        self._seen_in = self._passed_over_in = 0
        self._recent: deque[InstanceRow] = deque(maxlen=RECENT_ROUNDS)
        self._flapping = Flapping()
        self.is_flapping = self._was_flapping = False
        self._statuses: Counter[Status] = Counter()
        self._flips = 0
        self._changed_at: datetime | None = None
        self._cpu, self._memory = _Distribution(), _Distribution()

    def learn(self, number: int, row: InstanceRow, observed_at: datetime) -> None:
        # An instance that was away has nothing to be compared with, and one that was not polled in
        # the round before has not changed since then.
        was_here = self._seen_in == number - 1
        last = self._row if was_here else None
        self._before = last if self._passed_over_in != number - 1 else None
        self._row, self._seen_in, self._left_at = row, number, None
        self._recent.append(row)
        if row.status is not Status.UNKNOWN:
            self._last_known = row
        self._statuses[row.status] += 1
        if row.cpu_percent is not None:
            self._cpu.add(row.cpu_percent)
        if row.memory_percent is not None:
            self._memory.add(row.memory_percent)
        if not was_here:
            self._flapping = Flapping()
        elif last is not None and last.status is not row.status:
            self._changed_at = observed_at
            self._flips += Status.HEALTHY in (last.status, row.status)
        self._flapping.learn(row.status)

    @property
    def flaps(self) -> bool:
        """Whether it does so itself, whatever the others do."""
        return self._flapping.is_on

    def mark_flapping(self, is_flapping: bool) -> None:
        self.is_flapping = is_flapping
        self._was_flapping |= is_flapping

    @property
    def has_left(self) -> bool:
        return self._left_at is not None

    def miss(self, number: int, observed_at: datetime) -> None:
        """Keep the time of the first round without it."""
        if self._seen_in < number and self._left_at is None:
            self._left_at = observed_at

    def pass_over(self, number: int) -> None:
        """It was not polled: nothing is known of it, and nothing counts."""
        self._seen_in = self._passed_over_in = number
        self._recent.append(self._blank(NOT_POLLED))

    def _blank(self, reason: str | None) -> InstanceRow:
        assert self._row is not None  # it learnt one before it is asked
        return self._row._replace(
            status=Status.UNKNOWN, cpu_percent=None, memory_percent=None, reason=reason
        )

    def is_gone(self, number: int) -> bool:
        """Whether it left a while ago; then its recent rounds are history."""
        is_gone = self._seen_in < number - MARKED_ROUNDS
        if is_gone:
            self._recent.clear()
        return is_gone

    def tracked(self, number: int) -> TrackedInstance:
        """As it stands in that round."""
        row, before = self._row, self._before
        assert row is not None
        if self._seen_in < number:
            row, before = self._blank(None), None
        elif self._passed_over_in == number:
            row, before = self._blank(NOT_POLLED), None
        return TrackedInstance(
            row=row,
            cpu_change=_change(before and before.cpu_percent, row.cpu_percent),
            memory_change=_change(before and before.memory_percent, row.memory_percent),
            recent_cpu=tuple(each.cpu_percent for each in self._recent),
            recent_memory=tuple(each.memory_percent for each in self._recent),
            note=self._note(number),
            last_known=self._last_known,
            is_seen=self._seen_in == number != self._passed_over_in,
        )

    def summary(self, ip: str) -> InstanceSummary:
        rounds = self._statuses.total()
        return InstanceSummary(
            ip=ip,
            rounds=rounds,
            cpu_percent=self._cpu.spread(),
            memory_percent=self._memory.spread(),
            unhealthy_share=self._statuses[Status.UNHEALTHY] / rounds,
            unknown_share=self._statuses[Status.UNKNOWN] / rounds,
            flips=self._flips,
            joined_at=self._joined_at,
            left_at=self._left_at,
            was_flapping=self._was_flapping,
        )

    def _note(self, number: int) -> str:
        if self._seen_in < number:
            return "left"
        if self._joined_in is not None and self._joined_in > number - MARKED_ROUNDS:
            return "joined"
        if self.is_flapping:
            last = f", last {self._changed_at:%H:%M:%S}" if self._changed_at else ""
            return f"flapping: {self._flapping.changes} changes in {ROUNDS} rounds{last}"
        row, before = self._row, self._before
        if row is not None and before is not None and row.status is not before.status:
            return f"was {before.status}"
        return ""


def _change(before: float | None, now: float | None) -> float | None:
    return None if before is None or now is None else now - before
