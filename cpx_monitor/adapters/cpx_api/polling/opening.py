"""How fast to open connections that stay open, so that a short listen queue is never overrun.

How many wait in the queue cannot be seen, and by the time that a request waits for long it has
overflowed. But what a first answer takes longer than others do is the time that its connection
waited to be accepted, and pace times that wait is how many do (Little's law). The pace is raised
while hardly any connection seems to wait, halved where one may, and from then on raised with care.
"""

from bisect import bisect_left
from collections.abc import Sequence

MAX_UNPROVEN = 5  # a listen queue may hold six
ACCEPTED_AFTER_S = 0.25
FIRST_PER_S, MIN_PER_S, MAX_PER_S = 500.0, 50.0, 1000.0
GROWTH, CAREFUL_GROWTH = 1.25, 1.1
FEW_WAITING, MANY_WAITING, TOO_MANY_WAITING = 0.25, 0.5, 2.0
MIN_SAMPLES = 5


def upper(took_s: Sequence[float]) -> float:
    """The 80th percentile."""
    return sorted(took_s)[len(took_s) * 4 // 5]


class Opening:
    """Connections are numbered from 1 as they are opened. One that answers shows that the server
    has accepted it, and so all that were opened before. Times are of one monotonic clock.
    """

    def __init__(self) -> None:
        self.per_s = FIRST_PER_S
        self._opened_at_s: list[float] = []
        self._proven = 0
        self._took_s: list[float] = []
        self._judged_at_s = 0.0
        self._growth = GROWTH

    def opened(self, now_s: float) -> int:
        """One more; its number."""
        self._opened_at_s.append(now_s)
        return len(self._opened_at_s)

    def answered(self, number: int, took_s: float, others_s: float, now_s: float) -> None:
        """The first answer over a connection came after ``took_s``; four fifths of the others come
        within ``others_s``.
        """
        self._proven = max(self._proven, number)
        self._took_s.append(took_s)
        if len(self._took_s) < MIN_SAMPLES:
            return
        waiting = self.per_s * (upper(self._took_s) - others_s)
        is_new = now_s - self._judged_at_s > others_s  # these were opened since the last change
        if waiting > MANY_WAITING and (is_new or waiting > TOO_MANY_WAITING):
            self.per_s = max(self.per_s / 2, MIN_PER_S)
            self._growth = CAREFUL_GROWTH
        elif not is_new:
            return
        elif self._growth * waiting < FEW_WAITING:
            self.per_s = min(self._growth * self.per_s, MAX_PER_S)
        self._judged_at_s = now_s
        self._took_s = []

    def unproven(self, now_s: float) -> int:
        """How many may not have been accepted: none after them has been answered, and they are not
        that old.
        """
        old = bisect_left(self._opened_at_s, now_s - ACCEPTED_AFTER_S)
        return len(self._opened_at_s) - max(self._proven, old)

    def queued(self, now_s: float, answered_after_s: float) -> int:
        """How many should have been answered by now if they had been accepted at once."""
        recent = len(self._opened_at_s) - bisect_left(self._opened_at_s, now_s - answered_after_s)
        return self.unproven(now_s) - recent
