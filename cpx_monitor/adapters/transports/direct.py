"""Requests to CPX on gevent's own loop: no threads, no patching, little between the loop and C."""

import contextlib
import errno
import os
import socket
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import gevent

from cpx_monitor import __version__
from cpx_monitor.adapters.transports.access import Access, authorization
from cpx_monitor.adapters.transports.addresses import first_that_connects, places_of
from cpx_monitor.adapters.transports.connection import (
    READABLE,
    WRITABLE,
    DirectConnection,
    PlainHeads,
    left_s,
    wait_until,
)
from cpx_monitor.adapters.transports.kept_connections import KeptConnections
from cpx_monitor.adapters.transports.port import (
    Exhausted,
    TimedOut,
    explained,
)

if TYPE_CHECKING:
    from ssl import SSLContext, SSLSocket

_LOOK_UP_AGAIN_AFTER_S = 60.0
_SWEEP_S = 0.05
_ANYBODY = Access()

_Address = tuple[int, Any]


class DirectTransport:
    """Connections are kept where the server keeps them, and used again, the latest first.

    Args:
        remembered: see ``KeptConnections``.
    """

    def __init__(self, address: str, access: Access = _ANYBODY, remembered: int = 0) -> None:
        parts = urlsplit(address)
        self.is_tls = parts.scheme == "https"
        self.not_yet: tuple[type[OSError], ...] = (BlockingIOError,)
        if self.is_tls:
            self.not_yet = _not_yet_over_tls()
        self.kept: KeptConnections[DirectConnection] = KeptConnections(remembered)
        self.plain_heads = PlainHeads()
        self._tls = tls_context(access) if self.is_tls else None
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self.is_tls else 80)
        self._before_path = f"GET {parts.path}/".encode("ascii")
        self._after_path = _request_head(
            parts.netloc.rpartition("@")[2], authorization(access, parts.username, parts.password)
        )
        self._in_use: set[DirectConnection] = set()
        self._sweep = gevent.get_hub().loop.timer(_SWEEP_S, _SWEEP_S)
        self._addresses: list[_Address] = []
        self._looked_up_s = 0.0

    def connection(self) -> DirectConnection:
        connection = self.kept.take() or DirectConnection(self, self._before_path, self._after_path)
        if not self._in_use:
            self._sweep.start(self._time_out_those_due)
        self._in_use.add(connection)
        return connection

    def take_back(self, connection: DirectConnection) -> None:
        """The connection is released."""
        self._in_use.discard(connection)
        if not self._in_use:
            self._sweep.stop()
        self.kept.put(connection)

    def doubtful(self) -> list[str]:
        return self.kept.doubtful()

    def close_idle(self) -> None:
        self.kept.close_idle()

    def connect(self, ends_at_s: float) -> tuple[socket.socket, float]:
        """A connection to the first of the host's addresses that takes one, and how long that took.
        That address is the first to be tried from then on.
        """
        addresses = self._look_up(ends_at_s)
        try:
            address, (sock, connect_s) = first_that_connects(addresses, ends_at_s, self._connect_to)
        except (OSError, TimedOut) as error:
            # A machine without descriptors could not look the name up again either.
            if not isinstance(error, OSError) or not isinstance(explained(error), Exhausted):
                self._addresses = []
            raise
        if address != addresses[0]:
            self._addresses = [address, *(each for each in addresses if each != address)]
        return sock, connect_s

    def _connect_to(self, address: _Address, within_s: float) -> tuple[socket.socket, float]:
        with gevent.Timeout(within_s, TimedOut):
            began_s = monotonic()
            sock = connected(address)
            connect_s = monotonic() - began_s
            if self._tls is not None:
                sock = secured(sock, self._tls, self._host)
        return sock, connect_s

    def _time_out_those_due(self) -> None:
        now_s = monotonic()
        due = [each for each in self._in_use if now_s >= each.ends_at_s]
        for connection in sorted(due, key=lambda each: each.ends_at_s):
            connection.time_out()

    def _look_up(self, ends_at_s: float) -> list[_Address]:
        now_s = monotonic()
        if not self._addresses or now_s - self._looked_up_s > _LOOK_UP_AGAIN_AFTER_S:
            with gevent.Timeout(left_s(ends_at_s), TimedOut):
                found = addresses_of(self._host, self._port)
            self._addresses = places_of(self._host, self._port, found)
            self._looked_up_s = now_s
        return self._addresses


def _request_head(host: str, credentials: str | None) -> bytes:
    lines = [
        " HTTP/1.1",
        f"Host: {host}",
        "Accept: application/json",
        "Accept-Encoding: identity",
        f"User-Agent: cpx-monitor/{__version__}",
    ]
    if credentials is not None:
        lines.append(f"Authorization: {credentials}")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def addresses_of(host: str, port: int) -> list[Any]:
    """As getaddrinfo has them, without blocking the loop."""
    # No name server is asked for these, and a thread for it takes long to start. As bytes,
    # for a text would be encoded by IDNA, which takes long to import.
    name = host.encode()
    if host == "localhost":
        return socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    with contextlib.suppress(socket.gaierror):
        return socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    import gevent.socket

    try:
        return gevent.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except RuntimeError:  # the system lets us have no thread for it, so everything waits
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def _is_ready_to_write(sock: socket.socket) -> bool:
    import select

    waiting = select.poll()
    waiting.register(sock, select.POLLOUT)
    return bool(waiting.poll(0))


def connected(address: _Address) -> socket.socket:
    """A socket that does not block."""
    family, place = address
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        code = sock.connect_ex(place)
        if code == errno.EINPROGRESS:
            try:
                wait_until(sock, WRITABLE)
            except TimedOut:
                # This process may have been stopped, and the connection be there.
                if not _is_ready_to_write(sock):
                    raise
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        sock.close()
        raise
    return sock


# ssl takes long to import, and plain http needs none of it.


def tls_context(access: Access) -> "SSLContext":
    """
    Raises:
        OSError: the file of authorities cannot be read, or holds none.
    """
    import ssl

    context = ssl.create_default_context(cafile=access.ca_file)
    if not access.checks_certificate:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _not_yet_over_tls() -> tuple[type[OSError], ...]:
    import ssl

    return (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


def secured(sock: socket.socket, tls: "SSLContext", host: str) -> "SSLSocket":
    """The same once the handshake is done; ``sock`` is closed where that fails."""
    import ssl

    secure = tls.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    try:
        while True:
            try:
                secure.do_handshake()
                return secure
            except ssl.SSLWantReadError:
                wait_until(secure, READABLE)
            except ssl.SSLWantWriteError:
                wait_until(secure, WRITABLE)
    except BaseException:
        secure.close()
        raise
