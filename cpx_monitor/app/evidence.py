"""What ``doctor`` finds out about a CPX API, before it is judged."""

from datetime import datetime
from typing import NamedTuple

from cpx_monitor.app.ports import FleetUnavailable
from cpx_monitor.domain.fleet import Snapshot

LIST = "servers"


class Request(NamedTuple):
    """``path`` is ``servers`` or an address as the list spells it. Where it failed, ``kind`` is a
    few words that requests of one kind share, and ``failure`` says why; otherwise both are None.
    """

    path: str
    took_s: float
    kind: str | None = None
    failure: str | None = None


class Certificate(NamedTuple):
    """``ends_at`` is None where it was not verified, so nothing is known of it."""

    protocol: str
    ends_at: datetime | None


class Reach(NamedTuple):
    """The way to the API's host, step by step; what comes after a step that failed is None.

    ``clock_ahead_s`` is how far the server's clock is ahead of ours, to the second; None where it
    does not tell.
    """

    addresses: tuple[str, ...] = ()
    looked_up_s: float | None = None
    connect_s: float | None = None
    certificate: Certificate | None = None
    clock_ahead_s: float | None = None
    failure: str | None = None


class Settings(NamedTuple):
    """What is in force: ``token`` says where it comes from, never what it is."""

    transport: str
    proxy: str | None
    token: str | None
    is_tls: bool
    verifies: bool


class Concurrency(NamedTuple):
    """How many requests were in flight in the end, and what kept it from being more."""

    value: int
    limited_by: str


class Evidence(NamedTuple):
    """``reach`` is None where a proxy is in between, ``settings`` and ``concurrency`` where there
    is no API. Of ``snapshot`` and ``failure`` one is None. ``entries`` and ``list_bytes`` are of
    the list as it came, None where none did.
    """

    source: str
    snapshot: Snapshot | None
    failure: FleetUnavailable | None
    requests: tuple[Request, ...] = ()
    entries: int | None = None
    list_bytes: int | None = None
    reach: Reach | None = None
    settings: Settings | None = None
    concurrency: Concurrency | None = None
