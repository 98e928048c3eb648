"""The way to the API's host, a step at a time: its name, a connection, TLS, its clock."""

import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import TypeVar
from urllib.parse import urlsplit

import gevent

from cpx_monitor.adapters.cpx_api.server_list import MAX_LISTING_BYTES
from cpx_monitor.adapters.transports.access import Access
from cpx_monitor.adapters.transports.addresses import Place, first_that_connects, places_of
from cpx_monitor.adapters.transports.direct import (
    DirectTransport,
    addresses_of,
    connected,
    secured,
    tls_context,
)
from cpx_monitor.adapters.transports.port import (
    OtherStatus,
    TimedOut,
    TransportError,
    explained,
    find_header,
    timed_out_after,
)
from cpx_monitor.app.evidence import LIST, Certificate, Reach

T = TypeVar("T")


def reach(address: str, access: Access, within_s: float) -> Reach:
    """Try each step in turn, up to the first that fails; ``within_s`` is for each of them."""
    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    found = Reach()
    try:
        places, took_s = _timed(within_s, lambda: places_of(host, port, addresses_of(host, port)))
        shown = tuple(dict.fromkeys(place[0] for _, place in places))
        found = found._replace(addresses=shown, looked_up_s=took_s)
        sock, took_s = _timed(within_s, lambda: _first_of(places, within_s))
        with sock:
            found = found._replace(connect_s=took_s)
            if parts.scheme == "https":
                certificate, _ = _timed(within_s, lambda: _certificate(sock, access, host))
                found = found._replace(certificate=certificate)
    except (OSError, TimedOut) as error:
        if isinstance(error, TimedOut):
            return found._replace(failure=timed_out_after(within_s))
        return found._replace(failure=str(explained(error)))
    return found._replace(clock_ahead_s=_clock_ahead_s(address, access, within_s))


def _timed(within_s: float, step: Callable[[], T]) -> tuple[T, float]:
    began_s = monotonic()
    with gevent.Timeout(within_s, TimedOut):
        return step(), monotonic() - began_s


def _first_of(places: list[Place], within_s: float) -> socket.socket:
    def connect(place: Place, within_s: float) -> socket.socket:
        with gevent.Timeout(within_s, TimedOut):
            return connected(place)

    return first_that_connects(places, monotonic() + within_s, connect)[1]


def _certificate(sock: socket.socket, access: Access, host: str) -> Certificate:
    with secured(sock, tls_context(access), host) as secure:
        ends = (secure.getpeercert() or {}).get("notAfter")
        ends_at = None
        if isinstance(ends, str):
            ends_at = datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC)
        return Certificate(secure.version() or "TLS", ends_at)


def _clock_ahead_s(address: str, access: Access, within_s: float) -> float | None:
    """By the Date header of the list, whatever its status; 0 where it lies between the request and
    the answer, for it has whole seconds.
    """
    # The first answer over a transport is read with its head.
    connection = DirectTransport(address, access).connection()
    sent_at = datetime.now(UTC)
    try:
        connection.get(LIST, monotonic() + within_s, MAX_LISTING_BYTES)
        date = find_header(connection.head, "date")
    except OtherStatus as answer:
        date = answer.header("date")
    except TransportError:
        return None
    finally:
        connection.close()
        connection.release()
    if date is None:
        return None
    try:
        told = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return None
    told = told if told.tzinfo else told.replace(tzinfo=UTC)
    earliest, latest = sent_at - timedelta(seconds=1), datetime.now(UTC)
    nearest = min(max(told, earliest), latest)
    return (told - nearest).total_seconds()
