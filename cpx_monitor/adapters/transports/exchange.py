"""What urllib3 does on a thread, watched: which socket it is on, and what came unrequested.

A thread serves one exchange at a time, which the connections of urllib3 find through the thread.
"""

import contextlib
import http.client
import math
import socket
import ssl
import threading
import time
from typing import Any

import urllib3
import urllib3.connection
from requests.adapters import HTTPAdapter
from urllib3.poolmanager import ProxyManager

from cpx_monitor.adapters.transports.addresses import first_that_connects, places_of
from cpx_monitor.adapters.transports.port import QUIET_S, TimedOut


class Exchange:
    """One request under way on a thread.

    ``sock`` is the socket it is on as soon as it has one, ``was_open`` whether that had carried a
    request before, ``is_reading`` whether its answer is being read, ``has_more`` whether more came
    than that, and ``is_over`` whether the greenlet waits for it no more. ``preferred`` holds the
    address that is to be tried first, where another one did not take connections.
    """

    def __init__(self) -> None:
        self.sock: socket.socket | None = None
        self.was_open = self.is_reading = self.has_more = self.is_over = False
        self.listens_first = False
        self.connect_s = 0.0
        self.ends_at_s = math.inf
        self.preferred: list[Any] = []

    def take(self, sock: socket.socket | None) -> None:
        """It is on this socket now.

        Raises:
            TimeoutError: the greenlet waits no more, so nothing may be sent.
        """
        self.sock = sock
        if self.is_over:
            raise TimeoutError

    def abort(self) -> None:
        self.is_over = True
        if self.sock is not None:
            with contextlib.suppress(OSError):
                # Not SSLSocket's own shutdown, which takes the TLS state away from the thread
                # that is using it.
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


class _ThreadState(threading.local):
    exchange = Exchange()


this_thread = _ThreadState()


class _Response(http.client.HTTPResponse):
    """Skips every interim answer, not only 100, and notices what comes after the answer."""

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if status < 100 or status >= 200:
                return version, status, reason
            http.client.parse_headers(self.fp)

    def _close_conn(self) -> None:
        exchange = this_thread.exchange
        if exchange.is_reading and exchange.sock is not None and not self.will_close:
            exchange.has_more |= has_more(self.fp, exchange.sock)
        super()._close_conn()  # type: ignore[misc]


class _Watched:
    """A connection that tells the exchange it serves which socket it is on."""

    sock: socket.socket | None

    def _new_conn(self) -> socket.socket:
        """urllib3 itself would give the first of several addresses all the time there is."""
        host, port = self._dns_host.strip("[]"), self.port  # type: ignore[attr-defined]
        exchange = this_thread.exchange
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = places_of(host, port, found)
        addresses.sort(key=lambda each: each not in exchange.preferred)
        address, sock = first_that_connects(addresses, exchange.ends_at_s, _connected)
        if address != addresses[0]:
            exchange.preferred.clear()
            exchange.preferred.append(address)
        sock.settimeout(max(0.001, exchange.ends_at_s - time.monotonic()))
        return sock

    def connect(self) -> None:
        exchange = this_thread.exchange
        began_s = time.monotonic()
        super().connect()  # type: ignore[misc]
        exchange.connect_s = time.monotonic() - began_s
        exchange.take(self.sock)
        if exchange.listens_first:
            time.sleep(QUIET_S)
            if self.sock is not None and what_came(self.sock) is not None:
                raise ConnectionAbortedError

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        exchange = this_thread.exchange
        exchange.was_open = self.sock is not None and self.sock is not exchange.sock
        exchange.take(self.sock)
        super().putrequest(*args, **kwargs)  # type: ignore[misc]


def _connected(address: Any, within_s: float) -> socket.socket:
    family, place = address
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(within_s)
        sock.connect(place)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except TimeoutError:
        sock.close()
        raise TimedOut from None
    except BaseException:
        sock.close()
        raise
    return sock


class _HttpConnection(_Watched, urllib3.connection.HTTPConnection):
    response_class = _Response


class _HttpsConnection(_Watched, urllib3.connection.HTTPSConnection):
    response_class = _Response


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


_POOLS = {"http": _HttpPool, "https": _HttpsPool}


class WatchingAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> ProxyManager:
        manager: ProxyManager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


def has_more(reader: Any, sock: socket.socket) -> bool:
    """Whether something has come that is not of the answer just read."""
    timeout_s = sock.gettimeout()
    sock.settimeout(0)
    try:
        return bool(reader.peek(1))
    except (OSError, ValueError):  # nothing has
        return False
    finally:
        sock.settimeout(timeout_s)


def what_came(sock: socket.socket) -> bytes | None:
    """Over a connection that is not in use; nothing at all where the server has closed it, None
    where nothing has come.
    """
    timeout_s = sock.gettimeout()
    try:
        sock.settimeout(0)
        return sock.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        sock.settimeout(timeout_s)
        return None
    except OSError:
        return b""
