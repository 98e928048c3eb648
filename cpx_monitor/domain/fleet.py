"""A fleet as it was seen at one moment."""

import re
from _socket import (
    AF_INET,
    AF_INET6,
    inet_ntop,
    inet_pton,
)  # not socket, which takes long to import
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}", re.ASCII)

_MAPPED_IPV4 = bytes(10) + b"\xff\xff"


class Instance(NamedTuple):
    """A listed server that gave a usable answer.

    ``cpu_percent`` and ``memory_percent`` run from 0 to 100; an int where CPX sent a whole number.
    """

    ip: str
    service: str
    cpu_percent: float
    memory_percent: float


class Unknown(NamedTuple):
    """A listed server that gave no usable answer, and why.

    ``service`` is its own name for itself, where the answer held a valid one, or the one it is
    remembered by; otherwise None.
    """

    ip: str
    reason: str
    service: str | None = None


Observation = Instance | Unknown


class Service(NamedTuple):
    """All instances that go by one service name, in address order."""

    name: str
    answered: tuple[Instance, ...]
    unknown: tuple[Unknown, ...]

    @property
    def size(self) -> int:
        return len(self.answered) + len(self.unknown)


class StaleList(NamedTuple):
    """The list of servers that had to do, because there was no newer one, and why."""

    age_s: float
    reason: str


class Snapshot(NamedTuple):
    """One poll of a fleet: an observation of every distinct address that was listed.

    ``observations`` are in address order; ``rejected`` holds what the list named that is no
    address; ``not_polled`` are the addresses listed that were left out of this round, so
    they have no observation; ``observed_at`` is when the look began, in UTC; ``took_s`` is how
    long it took; ``stale_list`` tells of a list from before this look, None where it is new.
    """

    source: str
    observed_at: datetime
    took_s: float
    observations: tuple[Observation, ...]
    rejected: tuple[str, ...] = ()
    not_polled: tuple[str, ...] = ()
    stale_list: StaleList | None = None

    @property
    def answered(self) -> tuple[Instance, ...]:
        return tuple([seen for seen in self.observations if isinstance(seen, Instance)])

    @property
    def unknown(self) -> tuple[Unknown, ...]:
        return tuple([seen for seen in self.observations if isinstance(seen, Unknown)])

    @property
    def services(self) -> tuple[Service, ...]:
        """Every service that at least one instance named, by name."""
        answered: dict[str, list[Instance]] = {}
        unknown: dict[str, list[Unknown]] = {}
        for seen in self.observations:
            if isinstance(seen, Instance):
                answered.setdefault(seen.service, []).append(seen)
            elif seen.service is not None:
                unknown.setdefault(seen.service, []).append(seen)
        return tuple(
            Service(name, tuple(answered.get(name, ())), tuple(unknown.get(name, ())))
            for name in sorted(answered.keys() | unknown.keys())
        )

    @property
    def unattributed(self) -> int:
        """How many instances are unknown to the point that they may belong to any service."""
        return sum(seen.service is None for seen in self.unknown)


def canonical_address(text: str) -> str:
    """The one spelling of an IPv4 or IPv6 address: ``2001:DB8::0:1`` is ``2001:db8::1``, and
    ``::ffff:10.0.0.1``, by which IPv6 sockets know an IPv4 address, is ``10.0.0.1`` (RFC 4291,
    2.5.5.2).

    Raises:
        ValueError: the text is no address, or has a zone, which means something on one host only.
    """
    if _IPV4.fullmatch(text):
        return text
    try:
        packed = inet_pton(AF_INET6, text)
    except (OSError, ValueError):
        raise ValueError(f"{text!r} is neither an IPv4 nor an IPv6 address") from None
    if packed.startswith(_MAPPED_IPV4):
        return ".".join(map(str, packed[len(_MAPPED_IPV4) :]))
    # Not ipaddress for all of them: it takes ten times as long, and there may be 200,000.
    shown = inet_ntop(AF_INET6, packed)
    if "." not in shown:
        return shown
    from ipaddress import IPv6Address

    return str(IPv6Address(packed))


def address_order(ip: str) -> tuple[int, bytes]:
    """A sort key that puts 10.0.0.9 before 10.0.0.10, and IPv4 before IPv6."""
    if ":" in ip:
        return 6, inet_pton(AF_INET6, ip)
    return 4, inet_pton(AF_INET, ip)


def in_address_order(observations: Iterable[Observation]) -> tuple[Observation, ...]:
    """Sorted by address; of several observations of one address the first counts."""
    distinct: dict[str, Observation] = {}
    for seen in observations:
        distinct.setdefault(seen.ip, seen)
    return tuple(distinct[ip] for ip in sorted(distinct, key=address_order))
