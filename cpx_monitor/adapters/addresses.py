"""A host that has several addresses, of which some may refuse or swallow packets."""

from collections.abc import Callable, Sequence
from time import monotonic
from typing import TypeVar

from cpx_monitor.adapters.transport import TimedOut

# What an address gets at first where there are others (RFC 8305 has 250 ms).
QUICK_S = 0.25

Address = TypeVar("Address")
T = TypeVar("T")


def first_that_connects(
    addresses: Sequence[Address], ends_at_s: float, connect: Callable[[Address, float], T]
) -> tuple[Address, T]:
    """The first address that takes a connection, and the connection.

    Where there are several, each is tried for a moment first, so that one that swallows packets
    does not hold up the others; then those that did not refuse, for an equal share of the time
    that is left.

    Args:
        connect: takes an address and how many seconds it has.

    Raises:
        OSError, TimedOut: what the last one came to.
    """
    waiting = list(addresses)
    error: OSError | TimedOut = TimedOut()
    for is_quick in (True, False) if len(addresses) > 1 else (False,):
        for position, address in enumerate(tried := list(waiting)):
            within_s = max(0.001, ends_at_s - monotonic()) / (len(tried) - position)
            try:
                return address, connect(address, min(within_s, QUICK_S) if is_quick else within_s)
            except TimedOut as timed_out:
                error = timed_out
            except OSError as refused:
                error = refused
                waiting.remove(address)
    raise error
