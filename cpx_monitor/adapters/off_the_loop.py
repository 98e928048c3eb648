"""Long calculations in a thread, so that what waits for the network is not kept waiting."""

from collections.abc import Callable
from typing import TypeVar

import gevent

T = TypeVar("T")

# Instances for which a report is a matter of milliseconds.
FEW = 1000


def off_the_loop(size: int, calculate: Callable[[], T]) -> T:
    """What ``calculate`` returns. It must touch nothing but values, and may not wait.

    Args:
        size: in about as much work as an instance is.
    """
    if size <= FEW:
        return calculate()
    result: T = gevent.get_hub().threadpool.apply(calculate)
    return result
