"""Requests to CPX on gevent's own loop: no threads, no patching, little between the loop and C."""

import base64
import errno
import os
import socket
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import gevent

from cpx_monitor import __version__
from cpx_monitor.adapters.http_connection import (
    NOT_YET_WITHOUT_TLS,
    READABLE,
    WRITABLE,
    Connection,
    Sweep,
    left_s,
    wait_until,
)
from cpx_monitor.adapters.transport import Response, TimedOut, TransportError, explain_os_error

if TYPE_CHECKING:
    from ssl import SSLContext, SSLSocket

_LOOK_UP_AGAIN_AFTER_S = 60.0

_Address = tuple[int, Any]


class DirectTransport:
    """Connections are kept where the server keeps them, and used again, the latest first."""

    def __init__(self, address: str, tls: "SSLContext | None" = None) -> None:
        parts = urlsplit(address)
        is_tls = parts.scheme == "https"
        self._tls = (tls or _default_tls()) if is_tls else None
        self._not_yet = _not_yet_over_tls() if is_tls else NOT_YET_WITHOUT_TLS
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if is_tls else 80)
        self._before_path = f"GET {parts.path}".encode("ascii")
        self._after_path = _request_head(
            parts.netloc.rpartition("@")[2], parts.username, parts.password
        )
        self._sweep = Sweep()
        self._idle: list[Connection] = []
        self._addresses: list[_Address] = []
        self._looked_up_s = 0.0

    def get(self, path: str, timeout_s: float, most_bytes: int) -> Response:
        request = self._before_path + path.encode("ascii") + self._after_path
        ends_at_s = monotonic() + timeout_s
        is_kept = bool(self._idle)
        while True:
            try:
                connection = self._idle.pop() if is_kept else self._connect(ends_at_s)
                response = connection.exchange(request, ends_at_s, most_bytes)
            except OSError as error:
                # The server may close a connection just as it is used again; that says nothing of
                # the request, so it gets another, on a fresh one.
                if not is_kept or connection.has_answered:
                    raise TransportError(explain_os_error(error)) from None
                is_kept = False
            else:
                if response.keeps:
                    self._idle.append(connection)
                return response

    def _connect(self, ends_at_s: float) -> Connection:
        """A connection to the first of the host's addresses that takes one.

        Each gets its share of the time that is left, so that one that swallows packets does not
        use up all of it.
        """
        addresses = self._look_up(ends_at_s)
        for position, address in enumerate(addresses):
            try:
                with gevent.Timeout(left_s(ends_at_s) / (len(addresses) - position), TimedOut):
                    sock = _connected(address)
                    if self._tls is not None:
                        sock = _secured(sock, self._tls, self._host)
            except (OSError, TimedOut):
                if position == len(addresses) - 1:
                    self._addresses = []
                    raise
            else:
                if position:
                    self._addresses = [address, *(each for each in addresses if each != address)]
                return Connection(sock, self._sweep, self._not_yet)
        raise AssertionError("a look-up gave nothing")

    def _look_up(self, ends_at_s: float) -> list[_Address]:
        now_s = monotonic()
        if not self._addresses or now_s - self._looked_up_s > _LOOK_UP_AGAIN_AFTER_S:
            with gevent.Timeout(left_s(ends_at_s), TimedOut):
                found = _addresses_of(self._host, self._port)
            self._addresses = [(family, address) for family, _, _, _, address in found]
            self._looked_up_s = now_s
        return self._addresses


def _request_head(host: str, user: str | None, password: str | None) -> bytes:
    lines = [
        " HTTP/1.1",
        f"Host: {host}",
        "Accept: application/json",
        "Accept-Encoding: identity",
        f"User-Agent: cpx-monitor/{__version__}",
    ]
    if user is not None:
        pair = f"{unquote(user)}:{unquote(password or '')}".encode()
        lines.append(f"Authorization: Basic {base64.b64encode(pair).decode('ascii')}")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def _addresses_of(host: str, port: int) -> list[Any]:
    """As getaddrinfo has them, without blocking the loop."""
    if host == "localhost" or ":" in host or host.replace(".", "").isdecimal():
        # Nobody on the network is asked for these, and a thread for it takes long to start.
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    import gevent.socket

    return gevent.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def _connected(address: _Address) -> socket.socket:
    family, place = address
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        code = sock.connect_ex(place)
        if code == errno.EINPROGRESS:
            wait_until(sock, WRITABLE)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        sock.close()
        raise
    return sock


# ssl takes long to import, and plain http needs none of it.


def _default_tls() -> "SSLContext":
    import ssl

    return ssl.create_default_context()


def _not_yet_over_tls() -> tuple[type[OSError], ...]:
    import ssl

    return (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


def _secured(sock: socket.socket, tls: "SSLContext", host: str) -> "SSLSocket":
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
