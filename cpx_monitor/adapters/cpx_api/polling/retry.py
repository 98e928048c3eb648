"""Which instances to retry, and when; no clock here.

Another try is for what may pass: a connection that broke, a gateway or server that is busy. It
must not make a sick server sicker, so each instance gets two tries at the most, those apart after
which it named a time to come again, and a fleet that fails as a whole is given up on: retries in
all are bounded by its size.
"""

import os
from collections import Counter

MAX_LIST_ATTEMPTS = 3
MAX_ATTEMPTS = 2
# Retries in all: the larger of these many and of one for every so many instances.
MIN_RETRIES = 10
INSTANCES_A_RETRY = 5
# The same for refusals that named their wait.
INSTANCES_A_NAMED_WAIT = 2
# One that names a time to come again, again and again, is not waited for until the deadline.
MAX_REFUSALS_OF_ONE = 5
# What this machine lacks may come back, but is not waited for until the deadline either.
MAX_EXHAUSTIONS_OF_ONE = 5

FIRST_BACKOFF_S = 0.1


class RetryBudget:
    """What one collection may spend on asking again; a method that says yes has spent it."""

    def __init__(self, instances: int) -> None:
        self.left = max(MIN_RETRIES, instances // INSTANCES_A_RETRY)
        self.named_waits_left = max(MIN_RETRIES, instances // INSTANCES_A_NAMED_WAIT)
        self._failures: Counter[str] = Counter()
        self._refusals: Counter[str] = Counter()
        self._exhaustions: Counter[str] = Counter()

    def after_failure(self, ip: str) -> bool:
        """The instance was asked, and what went wrong may pass."""
        self._failures[ip] += 1
        if self._failures[ip] >= MAX_ATTEMPTS or not self.left:
            return False
        self.left -= 1
        return True

    def after_doubt(self, ip: str) -> bool:
        """Its answer may be another's, which is no failure of the fleet: only attempts count."""
        self._failures[ip] += 1
        return self._failures[ip] < MAX_ATTEMPTS

    def after_broken_when_kept(self, ip: str) -> bool:
        """A connection that had carried answers broke; while many do, none is used again."""
        return self.after_doubt(ip)

    def after_named_wait(self, ip: str) -> bool:
        """It refused and named a time to come again, which is no attempt, within reason."""
        self._refusals[ip] += 1
        if self._refusals[ip] >= MAX_REFUSALS_OF_ONE or not self.named_waits_left:
            return False
        self.named_waits_left -= 1
        return True

    def after_exhaustion(self, ip: str) -> bool:
        """It was not asked at all, for want of something on this machine."""
        self._exhaustions[ip] += 1
        return self._exhaustions[ip] < MAX_EXHAUSTIONS_OF_ONE


def backoff_s(failures: int, chance: float) -> float:
    """How long to wait after so many failures: twice as long each time, give or take a half.

    Args:
        chance: from 0 to 1, by which those that failed together come back one by one.
    """
    return FIRST_BACKOFF_S * (1 << failures - 1) * (0.5 + chance)


def chance() -> float:
    """From 0 to 1; not by the random module, which can't be imported without a descriptor."""
    return os.urandom(1)[0] / 255
