"""Requests to CPX through requests, on native threads: slow, but it goes everywhere.

requests blocks, and nothing is patched here, so every call runs on a thread of gevent's pool while
the greenlet that asked for it waits. requests has no time-out for a whole exchange, only one for
each wait on the socket; the greenlet keeps the whole one, and shuts the socket when it is over, so
that the thread comes back.
"""

import contextlib
import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import gevent
import requests
import urllib3
import urllib3.connection
from gevent.threadpool import ThreadPool
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.poolmanager import ProxyManager

from cpx_monitor import __version__
from cpx_monitor.adapters.transport import (
    Access,
    BrokenOff,
    Keeping,
    NotUsable,
    Response,
    TimedOut,
    TransportError,
    authorization,
    closed_unanswered,
    explained,
    too_large,
)

MOST_QUOTED_CHARACTERS = 200

_CHUNK_BYTES = 65_536
_ANYBODY = Access()


@dataclass(slots=True)
class _Exchange:
    """One request under way on a thread.

    ``sock`` is the socket it is on as soon as it has one, ``is_kept`` whether that was kept from a
    request before, ``is_over`` whether nobody waits for it any more.
    """

    sock: socket.socket | None = None
    is_kept: bool = False
    is_over: bool = False

    def take(self, sock: socket.socket | None) -> None:
        """It is on this socket now.

        Raises:
            TimeoutError: nobody waits for it any more, so nothing may be sent.
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
    exchange = _Exchange()


# An error may quote the address of a proxy.
_WITH_CREDENTIALS = re.compile(r"//[^/\s]*@")

# requests' own errors are OSErrors; an unusable URL or header is a ValueError.
_FAILURES = (OSError, ValueError, urllib3.exceptions.HTTPError, http.client.HTTPException)

# Our own URL has been looked at, so it is the proxy's that these complain of; what they quote may
# hold its password. Without a host in it, requests ends in a TypeError.
_BAD_PROXY = (
    requests.exceptions.InvalidURL,
    urllib3.exceptions.LocationValueError,
    urllib3.exceptions.ProxySchemeUnknown,
    TypeError,
)


_this_thread = _ThreadState()


class _Watched:
    """A connection that tells the exchange it serves which socket it is on."""

    sock: socket.socket | None

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        _this_thread.exchange.take(self.sock)

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        exchange = _this_thread.exchange
        exchange.is_kept = self.sock is not None and self.sock is not exchange.sock
        exchange.take(self.sock)
        super().putrequest(*args, **kwargs)  # type: ignore[misc]


class _HttpConnection(_Watched, urllib3.connection.HTTPConnection):
    pass


class _HttpsConnection(_Watched, urllib3.connection.HTTPSConnection):
    pass


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


_POOLS = {"http": _HttpPool, "https": _HttpsPool}


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> ProxyManager:
        manager: ProxyManager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


class _Credentials(AuthBase):
    """A header as requests' own kind of credentials, because a plain one would lose to netrc."""

    def __init__(self, header: str) -> None:
        self._header = header

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._header
        return request


class RequestsTransport:
    """Up to ``concurrency`` requests at once; what requests takes from its surroundings (proxies,
    netrc, a CA bundle) is looked up once.
    """

    def __init__(self, address: str, concurrency: int, access: Access = _ANYBODY) -> None:
        self._address = address
        self._threads = ThreadPool(concurrency)
        self._adapter = _Adapter(pool_maxsize=concurrency)
        session = requests.Session()
        parts = urlsplit(address)
        credentials = authorization(access, parts.username, parts.password)
        headers = {"Accept": "application/json", "User-Agent": f"cpx-monitor/{__version__}"}
        self._template = session.prepare_request(
            requests.Request(
                "GET",
                f"{address}/",
                headers={**headers, "Accept-Encoding": None},
                auth=None if credentials is None else _Credentials(credentials),
            )
        )
        verify = access.checks_certificate and (access.ca_file or True)
        self._surroundings: dict[str, Any] = dict(
            session.merge_environment_settings(f"{address}/", {}, True, verify, None)
        )
        if self._surroundings["verify"] is True:
            # The system's authorities, like the other transport, rather than those of requests.
            system = ssl.get_default_verify_paths()
            self._surroundings["verify"] = system.cafile or system.capath or True
        if not access.checks_certificate:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # it was asked for
        self._keeping = Keeping()

    def get(self, path: str, timeout_s: float, most_bytes: int) -> Response:
        exchange = _Exchange()
        ends_at_s = time.monotonic() + timeout_s
        try:
            with gevent.Timeout(timeout_s, TimedOut):
                outcome: Response | Exception = self._threads.apply(
                    self._on_thread, (exchange, path, ends_at_s, most_bytes)
                )
        finally:
            exchange.abort()
        if isinstance(outcome, Exception):
            failure = outcome
            if isinstance(outcome, _BAD_PROXY):
                failure = TransportError("the proxy's address cannot be used")
            elif isinstance(outcome, _FAILURES):
                failure = _explained(outcome)
            if exchange.is_kept and isinstance(failure, BrokenOff):
                self._on_kept_one_broken()
            raise failure from None
        self._keeping.answered += 1
        return outcome

    def close_idle(self) -> None:
        # The adapter's own close forgets its pools, and leaves their connections to the collector.
        for manager in (self._adapter.poolmanager, *self._adapter.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118, it is no dict
                manager.pools[key].close()
        self._adapter.close()

    def _on_kept_one_broken(self) -> None:
        self._keeping.broken += 1
        if not self._keeping.can_be_relied_on:
            # Without the connections that this one has kept; requests under way still have it.
            self._adapter = _Adapter(pool_maxsize=self._threads.maxsize)

    def _on_thread(
        self, exchange: _Exchange, path: str, ends_at_s: float, most_bytes: int
    ) -> Response | Exception:
        # gevent prints what a thread raises, so errors are returned.
        _this_thread.exchange = exchange
        request = self._template.copy()
        request.url = self._address + path
        if not self._keeping.can_be_relied_on:
            request.headers["Connection"] = "close"
        try:
            return self._exchange(request, exchange, ends_at_s, most_bytes)
        except Exception as error:
            return error

    def _exchange(
        self,
        request: requests.PreparedRequest,
        exchange: _Exchange,
        ends_at_s: float,
        most_bytes: int,
    ) -> Response:
        left_s = max(0.001, ends_at_s - time.monotonic())
        with self._adapter.send(request, timeout=left_s, **self._surroundings) as answer:
            if not answer.headers.get("Content-Length", "0").isdecimal():
                raise NotUsable("the answer is not HTTP")
            body = b"".join(_chunks(answer.raw, ends_at_s, most_bytes))
            head = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
            exchange.sock = None
            return Response(answer.status_code, head.encode("latin-1"), body, _keeps(answer))


def _chunks(raw: urllib3.HTTPResponse, ends_at_s: float, most_bytes: int) -> Iterator[bytes]:
    received = 0
    while chunk := raw.read1(_CHUNK_BYTES, decode_content=True):
        received += len(chunk)
        if received > most_bytes:
            raise too_large(most_bytes)
        if time.monotonic() > ends_at_s:
            raise TimeoutError
        yield chunk


def _keeps(answer: requests.Response) -> bool:
    """Whether the connection can be used again, by RFC 9112, sections 6.3 and 9.3."""
    headers = answer.headers
    wants = headers.get("Connection", "").lower()
    is_framed = "Content-Length" in headers or "Transfer-Encoding" in headers
    return is_framed and "close" not in wants and (answer.raw.version > 10 or "keep" in wants)


def _explained(error: Exception) -> TransportError:
    """Why a request failed, in a few words, out of the layers that requests wraps it in."""
    layers = list(_layers(error))
    behind = "the proxy: " if isinstance(error, requests.exceptions.ProxyError) else ""
    for layer in reversed(layers):
        match layer:
            case http.client.RemoteDisconnected():
                return closed_unanswered()
            case ssl.SSLError() | socket.gaierror() | OSError(errno=int()):
                return explained(layer, behind)
            case TimeoutError() | urllib3.exceptions.TimeoutError():
                return TimedOut()
            case http.client.IncompleteRead(__context__=ValueError()):  # no chunk's length
                return NotUsable("the answer is not HTTP")
            case http.client.IncompleteRead() | urllib3.exceptions.IncompleteRead():
                return BrokenOff("the answer was cut off")
            case urllib3.exceptions.DecodeError():
                return NotUsable("the answer cannot be decompressed")
            case http.client.HTTPException():
                return NotUsable("the answer is not HTTP")
    said = _WITH_CREDENTIALS.sub("//", str(layers[-1]))[:MOST_QUOTED_CHARACTERS]
    return TransportError(behind + (said or type(error).__name__))


def _layers(error: BaseException) -> Iterator[BaseException]:
    """The error and those that it wraps, as cause, context, argument or ``reason``, inwards."""
    waiting, seen = [error], set[int]()
    while waiting:
        layer = waiting.pop(0)
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        yield layer
        inner = (layer.__cause__, layer.__context__, getattr(layer, "reason", None), *layer.args)
        waiting.extend(each for each in inner if isinstance(each, BaseException))
