"""The clock of the machine."""

import time
from collections.abc import Callable
from datetime import UTC, datetime


class SystemClock:
    """Real time; ``sleep`` is the one to wait with where greenlets must go on meanwhile."""

    def __init__(self, sleep: Callable[[float], object] = time.sleep) -> None:
        self._sleep = sleep

    def now(self) -> datetime:
        return datetime.now(UTC)

    # Not a method of ours around it: it is asked several times for each instance.
    monotonic_s = staticmethod(time.monotonic)

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self._sleep(seconds)
