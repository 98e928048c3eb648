"""When to poll again."""

import math
from collections.abc import Iterator

from cpx_monitor.app.ports import Clock


def every(clock: Clock, every_s: float, within_s: float = math.inf) -> Iterator[int]:
    """Comes back when the next round is due, at once for the first.

    Rounds are due at whole multiples of ``every_s`` after the first began, so that they do not
    drift; those that fall due while an earlier one still runs are left out, and their number is
    what is yielded. The last one is due ``within_s`` after the first began.
    """
    started_s = clock.monotonic_s()
    tick = 0
    yield 0
    while (passed_s := clock.monotonic_s() - started_s) < within_s:
        due = max(tick + 1, math.ceil(passed_s / every_s))
        missed, tick = due - tick - 1, due
        clock.sleep(min(tick * every_s, within_s) - passed_s)
        yield missed
