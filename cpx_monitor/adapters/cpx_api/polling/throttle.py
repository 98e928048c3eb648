"""When the next request may go to a server that limits the rate; no clock and no gevent here.

A refusal that names its wait (429 or 503 with Retry-After) is one instance's own trouble while
others are let in: only that instance waits. Where eight are refused and fewer let in between, it
shuts one gate for all until the wait is over: nothing is sent meanwhile. To meet few refusals,
requests are paced afterwards.

What rate the server allows is not told, but it is bounded. Had we gone on like this, waits
included, the server would have let us through at ``accepted / (time sending + wait)``; and it has
just refused the rate at which we sent. The pace is set between the two (their geometric mean), and
grows slowly from there until the next refusal. A bucket of tokens fills up during the wait.
"""

import math
from collections import deque

BARREN_OPENINGS = 3
MANY_REFUSED = 8
MANY_IN_A_ROW = 3
GROWTH_A_SECOND = 1.1
SLOWEST_PACE = 1.0
LARGEST_BURST_S = 0.005


class Throttle:
    """All times are seconds of one monotonic clock."""

    def __init__(self, now_s: float) -> None:
        self.is_active = False
        """Whether anything has been refused yet; as long as not, there is no need to ask."""
        self.let_in = 0
        """How many requests were answered, and not refused; workers count them here."""
        self._opens_at_s = now_s
        self._let_in_at_opening = 0
        self._refused_at: deque[int] = deque(maxlen=MANY_REFUSED)
        self._in_a_row = 0
        self._barren_openings = 0
        self._pace: float | None = None
        self._paced_at_s = 0.0
        self._next_at_s = -math.inf

    @property
    def lets_none_in(self) -> bool:
        """The gate was opened again and again, and each request let through was refused."""
        return self._barren_openings >= BARREN_OPENINGS

    def delay_s(self, now_s: float) -> float:
        """How long to wait before asking again; after a 0 the request has to go."""
        if now_s < self._opens_at_s:
            return self._opens_at_s - now_s
        if self._pace is None:
            return 0.0
        self._grow(now_s)
        # A timer is never quite on time: what it was late by may be made up for, but no more.
        self._next_at_s = max(self._next_at_s, now_s - LARGEST_BURST_S)
        if now_s < self._next_at_s:
            return self._next_at_s - now_s
        self._next_at_s += 1 / self._pace
        return 0.0

    @property
    def accepted_since_open(self) -> int:
        return self.let_in - self._let_in_at_opening

    def is_its_own_trouble(self, names_its_wait: bool) -> bool:
        """Whether a refusal says something of the instance alone; it counts as the latest refusal.

        Cases: no time is named, and three in a row are too many; the gate was shut before; so many
        of late, with fewer let in between, are about all.
        """
        let_in = self.let_in - (self._refused_at[-1] if self._refused_at else 0)
        self._refused_at.append(self.let_in)
        self._in_a_row = 1 if let_in else self._in_a_row + 1
        if not names_its_wait:
            return self._in_a_row < MANY_IN_A_ROW and self.let_in > 0
        if self.is_active:
            return False
        are_many = len(self._refused_at) == MANY_REFUSED
        return not are_many or self.let_in - self._refused_at[0] >= MANY_REFUSED

    def refused(self, now_s: float, wait_s: float) -> None:
        """A request was refused, and none is welcome for that long."""
        self.is_active = True
        if now_s >= self._opens_at_s:
            # The first since the gate was opened; those that follow it tell nothing new.
            self._set_pace(now_s, max(wait_s, LARGEST_BURST_S))
            self._barren_openings = 0 if self.accepted_since_open else self._barren_openings + 1
            self._let_in_at_opening = self.let_in
        self._opens_at_s = max(self._opens_at_s, now_s + wait_s)

    def _set_pace(self, now_s: float, wait_s: float) -> None:
        self._paced_at_s = now_s + wait_s
        self._next_at_s = -math.inf
        if not self.accepted_since_open:
            # Nothing is known but that this was too much.
            self._pace = self._pace and max(SLOWEST_PACE, self._pace / 2)
            return
        sending_s = max(now_s - self._opens_at_s, LARGEST_BURST_S)
        sustained = self.accepted_since_open / (sending_s + wait_s)
        tried = self.accepted_since_open / sending_s
        if self._pace is not None:
            tried = min(tried, self._pace)
        self._pace = max(SLOWEST_PACE, math.sqrt(sustained * tried))

    def _grow(self, now_s: float) -> None:
        assert self._pace is not None
        if now_s > self._paced_at_s:
            self._pace *= GROWTH_A_SECOND ** (now_s - self._paced_at_s)
            self._paced_at_s = now_s
