"""A host that has several addresses, of which some may refuse or swallow packets."""

from collections.abc import Callable, Iterable, Sequence
from socket import AF_INET, AF_INET6
from time import monotonic
from typing import Any, TypeVar

from cpx_monitor.adapters.transports.port import TimedOut

# What an address gets at first where there are others (RFC 8305 has 250 ms).
QUICK_S = 0.25

Place = tuple[int, Any]
Address = TypeVar("Address")
T = TypeVar("T")


def places_of(host: str, port: int, found: Iterable[Any]) -> list[Place]:
    """What getaddrinfo found, and of ``localhost`` both addresses, whatever the system makes of it
    (RFC 6761, 6.3): its server may listen on one of them only.
    """
    places: list[Place] = [(family, place) for family, _, _, _, place in found]
    if host == "localhost":
        known = {place[0] for _, place in places}
        both = ((AF_INET, ("127.0.0.1", port)), (AF_INET6, ("::1", port, 0, 0)))
        places += [each for each in both if each[1][0] not in known]
    return places


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
        OSError, TimedOut: of what they came to the one that tells most.
    """
    waiting = list(addresses)
    errors: list[OSError | TimedOut] = []
    for is_quick in (True, False) if len(addresses) > 1 else (False,):
        for position, address in enumerate(tried := list(waiting)):
            within_s = max(0.001, ends_at_s - monotonic()) / (len(tried) - position)
            try:
                return address, connect(address, min(within_s, QUICK_S) if is_quick else within_s)
            except TimedOut as timed_out:
                errors.append(timed_out)
            except OSError as refused:
                errors.append(refused)
                waiting.remove(address)
    raise max(errors, key=_tells, default=TimedOut())


def _tells(error: OSError | TimedOut) -> int:
    """Cases: TLS failed, so somebody is there; nothing came; refused, or no such address here."""
    if type(error).__module__ == "ssl":  # not imported for this, as it takes long
        return 2
    return int(isinstance(error, TimedOut))
