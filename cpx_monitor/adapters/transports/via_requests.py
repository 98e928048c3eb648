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
import time
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import gevent
import requests
import urllib3
import urllib3.connection
from gevent.threadpool import ThreadPool
from requests.auth import AuthBase

from cpx_monitor import __version__
from cpx_monitor.adapters.transports.access import Access, authorization
from cpx_monitor.adapters.transports.encoding import decoded
from cpx_monitor.adapters.transports.exchange import (
    Exchange,
    WatchingAdapter,
    this_thread,
    what_came,
)
from cpx_monitor.adapters.transports.kept_connections import KeptConnections
from cpx_monitor.adapters.transports.port import (
    TLS_ALERT,
    BrokenOff,
    Doubtful,
    Exhausted,
    NotUsable,
    OtherStatus,
    TimedOut,
    TransportError,
    closed_unanswered,
    explained,
    find_header,
    speaks_tls,
    too_large,
)

MAX_QUOTED_CHARACTERS = 200

# A timer that is so late shows that this process was stopped, by SIGSTOP say.
STOPPED_S = 0.5
READ_WITHIN_S = 0.1

_CHUNK_BYTES = 65_536
_ANYBODY = Access()


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

    def __init__(
        self, address: str, concurrency: int, access: Access = _ANYBODY, remembered: int = 0
    ) -> None:
        self._address = address
        self.threads = ThreadPool(concurrency)
        self.kept: KeptConnections[RequestsConnection] = KeptConnections(remembered)
        self.preferred: list[Any] = []
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
        self.surroundings: dict[str, Any] = dict(
            session.merge_environment_settings(f"{address}/", {}, True, verify, None)
        )
        if self.surroundings["verify"] is True:
            # The system's authorities, like the other transport, rather than those of requests.
            system = ssl.get_default_verify_paths()
            self.surroundings["verify"] = system.cafile or system.capath or True
        if not access.checks_certificate:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # it was asked for

    def connection(self) -> "RequestsConnection":
        return self.kept.take() or RequestsConnection(self)

    def doubtful(self) -> list[str]:
        return self.kept.doubtful()

    def close_idle(self) -> None:
        self.kept.close_idle()

    def have_no_more_threads(self) -> None:
        if self.threads.size:
            self.threads.maxsize = self.threads.size

    def request(self, path: str) -> requests.PreparedRequest:
        request = self._template.copy()
        request.url = f"{self._address}/{path}"
        if not self.kept.is_reliable:
            request.headers["Connection"] = "close"
        return request


class RequestsConnection:
    """See ``transport.Connection``. The adapter is its own, so that it knows which connection of
    urllib3 carries its requests.
    """

    def __init__(self, transport: RequestsTransport) -> None:
        self._transport = transport
        self._kept = transport.kept
        self._adapter = WatchingAdapter(pool_connections=1, pool_maxsize=1)
        self._exchange = Exchange()
        self._is_in_flight = False
        self._sock: socket.socket | None = None
        self.taken: list[str] = []
        self.keeps = False
        self.connect_s = 0.0

    @property
    def is_open(self) -> bool:
        return self._sock is not None

    @property
    def is_connecting(self) -> bool:
        return self._is_in_flight and self._exchange.sock is None

    def get(self, path: str, ends_at_s: float, max_bytes: int) -> bytes:
        self.look_once_more()
        if self._sock is not None and not self._kept.is_reliable:
            self.close()
        self._exchange = exchange = Exchange()
        exchange.listens_first = not self._kept.is_reliable
        exchange.ends_at_s, exchange.preferred = ends_at_s, self._transport.preferred
        self._is_in_flight = True
        try:
            outcome = self._result(exchange, path, ends_at_s, max_bytes)
        except BaseException as error:
            exchange.abort()
            self.close()
            if isinstance(error, RuntimeError):  # the system lets us have no further thread
                self._transport.have_no_more_threads()
                raise Exhausted("no more threads can be started on this machine") from None
            raise
        finally:
            self._is_in_flight = False
            self.connect_s = exchange.connect_s
        if isinstance(outcome, Exception):
            raise self._failure(outcome, exchange)
        body = self._judged(outcome, exchange, path)
        encoding = find_header(outcome.head, "content-encoding") or ""
        return decoded(body, encoding, max_bytes)

    def _result(self, exchange: Exchange, path: str, ends_at_s: float, max_bytes: int) -> Any:
        """What a thread comes back with: a ``_Whole`` or an exception.

        Where this process was stopped past the time for it, the answer may have come meanwhile, and
        the thread has a moment to read it.
        """
        result = None
        try:
            with gevent.Timeout(max(0.001, ends_at_s - time.monotonic()), TimedOut):
                result = self._transport.threads.spawn(
                    self._on_thread, exchange, path, ends_at_s, max_bytes
                )
                outcome: Any = result.get()
        except TimedOut:
            if result is None or time.monotonic() - ends_at_s < STOPPED_S:
                raise
            with gevent.Timeout(READ_WITHIN_S, TimedOut):
                outcome = result.get()
        return outcome

    def release(self) -> None:
        self._kept.put(self)

    def look_once_more(self) -> None:
        came = None if self._sock is None else what_came(self._sock)
        if came:
            self._kept.on_too_much()
        if came is not None:
            self.close()

    def close(self) -> None:
        self._kept.unverified += self.taken
        self.taken = []
        self._sock = None
        self.keeps = False
        # The adapter's own close forgets its pools, and leaves their connections to the collector.
        for manager in (self._adapter.poolmanager, *self._adapter.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118, it is no dict
                manager.pools[key].close()
        self._adapter.close()

    def _failure(self, error: Exception, exchange: Exchange) -> Exception:
        self.close()
        failure = error
        if isinstance(error, _BAD_PROXY):
            failure = TransportError("the proxy's address cannot be used")
        elif isinstance(error, _FAILURES):
            failure = _explained(error)
        if exchange.was_open and isinstance(failure, BrokenOff):
            self._kept.on_broken()
        return failure

    def _judged(self, whole: "_Whole", exchange: Exchange, path: str) -> bytes:
        """Cases: more came than was requested; another status; all well."""
        self._kept.answered += 1
        if exchange.was_open:
            self.taken.append(path)
        if exchange.has_more:
            self._kept.on_too_much()
        keeps = whole.keeps and not exchange.has_more and self._kept.is_reliable
        self._sock = exchange.sock
        if not keeps:
            self.close()
        self.keeps = keeps
        if exchange.has_more and exchange.was_open:
            raise Doubtful
        if whole.status != http.client.OK:
            raise OtherStatus(whole.status, whole.head)
        return whole.body

    def _on_thread(
        self, exchange: Exchange, path: str, ends_at_s: float, max_bytes: int
    ) -> "_Whole | Exception":
        # gevent prints what a thread raises, so errors are returned.
        this_thread.exchange = exchange
        try:
            return self._send(self._transport.request(path), exchange, ends_at_s, max_bytes)
        except Exception as error:
            return error

    def _send(
        self,
        request: requests.PreparedRequest,
        exchange: Exchange,
        ends_at_s: float,
        max_bytes: int,
    ) -> "_Whole":
        left_s = max(0.001, ends_at_s - time.monotonic())
        surroundings = self._transport.surroundings
        with self._adapter.send(request, timeout=left_s, **surroundings) as answer:
            exchange.is_reading = True
            _check_framing(answer)
            body = b"".join(_chunks(answer.raw, exchange, ends_at_s, max_bytes))
            exchange.is_reading = False
            head = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
            return _Whole(answer.status_code, head.encode("latin-1"), body, _keeps(answer))


class _Whole(NamedTuple):
    """A whole answer, its body encoded as it came; ``keeps`` says that the server keeps the
    connection for further requests.
    """

    status: int
    head: bytes
    body: bytes
    keeps: bool


def _check_framing(answer: requests.Response) -> None:
    """What http.client lets pass, and the other transport does not: another version, or a length
    that is no number, said in two ways, or not to be known (RFC 9112, 6.3).
    """
    length = answer.headers.get("Content-Length")
    encoding = answer.headers.get("Transfer-Encoding")
    is_plain = answer.raw.version in (10, 11) and (
        encoding is None if length is not None else encoding in (None, "chunked")
    )
    if not is_plain or not (length is None or length.strip(" \t").isdecimal()):
        raise NotUsable("the answer is not HTTP")


def _chunks(
    raw: urllib3.HTTPResponse, exchange: Exchange, ends_at_s: float, max_bytes: int
) -> Iterator[bytes]:
    """Past its time only what has come already is read."""
    received = 0
    while chunk := raw.read1(_CHUNK_BYTES, decode_content=False):
        received += len(chunk)
        if received > max_bytes:
            raise too_large(max_bytes)
        if time.monotonic() > ends_at_s and exchange.sock is not None:
            with contextlib.suppress(OSError):  # it is closed once all is read
                exchange.sock.settimeout(0.001)
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
            case http.client.BadStatusLine() if str(layer).encode("latin-1").startswith(TLS_ALERT):
                return speaks_tls()
            case http.client.HTTPException():
                return NotUsable("the answer is not HTTP")
    said = _WITH_CREDENTIALS.sub("//", str(layers[-1]))[:MAX_QUOTED_CHARACTERS]
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
