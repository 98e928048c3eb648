"""From HTTP to a path's answer, and back."""

import re
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from cpx_monitor.adapters.off_the_loop import off_the_loop
from cpx_monitor.entrypoints.exporter.access import WebAccess
from cpx_monitor.entrypoints.exporter.answer import (
    BAD_REQUEST,
    UNAVAILABLE,
    Answer,
    Refused,
    plain,
)
from cpx_monitor.entrypoints.exporter.negotiation import weights
from cpx_monitor.entrypoints.exporter.own_metrics import OwnMetrics
from cpx_monitor.entrypoints.exporter.routes import HEALTHY, OWN_METRICS, Request, Routes

MAX_URL_CHARACTERS = 2000
SMALL_BYTES = 1000
MAX_SENDING_BYTES = 256 * 1024 * 1024
# A level higher takes eight times as long, and saves a third.
GZIP_LEVEL = 1
_GZIP_WINDOW = 16 + zlib.MAX_WBITS

StartResponse = Callable[..., Any]


class Application:
    """
    Args:
        max_requests: in flight at once; more are told to come again, and so are those whose
            answers would be more than ``MAX_SENDING_BYTES`` with what others have not read yet.
        warn: takes a sentence on what went wrong in here.
        tell: takes a line for each request.
    """

    def __init__(
        self,
        routes: Routes,
        access: WebAccess,
        own: OwnMetrics,
        max_requests: int,
        warn: Callable[[str], None],
        tell: Callable[[str], None],
    ) -> None:
        self._routes = routes
        self._access = access
        self._own = own
        self._max_requests = max_requests
        self._sending_bytes = 0
        self._warn = warn
        self._tell = tell

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        began_s = time.monotonic()
        request = _request(environ)
        method = environ["REQUEST_METHOD"]
        self._own.in_flight += 1
        try:
            answer = self._answer(method, request)
            body, is_zipped = _body_of(answer, request)
            if self._sending_bytes and self._sending_bytes + len(body) > MAX_SENDING_BYTES:
                answer = _TOO_MANY
                body, is_zipped = _body_of(answer, request)
            headers = [("Content-Type", answer.content_type), *answer.headers, *_ALWAYS]
            if is_zipped:
                headers.append(("Content-Encoding", "gzip"))
            headers.append(("Content-Length", str(len(body))))
            start_response(answer.status, headers)
        except BaseException:
            self._own.in_flight -= 1
            raise
        self._sending_bytes += len(body)
        took_s, query = time.monotonic() - began_s, f"?{request.query}" if request.query else ""
        self._own.on_answered(self._routes.known(request.path), answer.status[:3], took_s)
        self._tell(f"{method} {request.path}{query}: {answer.status[:3]} in {took_s:.3f} s")
        return _Body(b"" if method == "HEAD" else body, partial(self._on_sent, len(body)))

    def _on_sent(self, size: int) -> None:
        self._own.in_flight -= 1
        self._sending_bytes -= size

    def _answer(self, method: str, request: Request) -> Answer:
        """Cases: whether it runs, which may be asked at any time and without credentials; without
        credentials; another method; too many at once, unless it is about the exporter itself; an
        answer, or why not.
        """
        if request.path == HEALTHY:
            return plain("healthy")
        if not self._access.admits(request.headers.get("authorization", "")):
            challenge = ("WWW-Authenticate", self._access.challenge)
            return plain("credentials are needed", "401 Unauthorized", challenge)
        if method not in ("GET", "HEAD"):
            return plain("only GET and HEAD", "405 Method Not Allowed", ("Allow", "GET, HEAD"))
        if self._own.in_flight > self._max_requests and request.path != OWN_METRICS:
            return _TOO_MANY
        if len(request.path) + len(request.query) > MAX_URL_CHARACTERS:
            return plain("the URL is too long", BAD_REQUEST)
        try:
            return self._routes.answer(request)
        except Refused as refusal:
            return plain(str(refusal), refusal.status)
        except Exception as error:
            self._warn(f"internal error at {request.path}: {type(error).__name__}: {error}")
            return plain("internal error", "500 Internal Server Error")


_TOO_MANY = plain("too many requests at once", UNAVAILABLE, ("Retry-After", "1"))


class _Body:
    """An answer that takes the place of a request until it is sent, for it may be long and its
    reader slow.
    """

    def __init__(self, content: bytes, on_sent: Callable[[], None]) -> None:
        self._content = content
        self._on_sent = on_sent

    def __iter__(self) -> Iterator[bytes]:
        return iter([self._content])

    def close(self) -> None:
        """Called by the server, whatever became of it (PEP 3333)."""
        self._on_sent()


_ALWAYS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
    ("Vary", "Accept, Accept-Encoding"),
)


def _request(environ: dict[str, Any]) -> Request:
    headers = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
    # A request to a proxy names the host as well (RFC 9112, 3.2.2).
    path = re.sub("^http://[^/]*", "", path, flags=re.IGNORECASE) or "/"
    return Request(path, environ["QUERY_STRING"], headers)


def _body_of(answer: Answer, request: Request) -> tuple[bytes, bool]:
    """The bytes to send, and whether they are zipped."""
    body = answer.body.encode("utf-8", "backslashreplace")
    wanted = weights(request.headers.get("accept-encoding", ""))
    if len(body) <= SMALL_BYTES or not wanted.get("gzip", wanted.get("*", 0)):
        return body, False
    return off_the_loop(len(body) // 100, lambda: _zipped(body)), True


def _zipped(body: bytes) -> bytes:
    packer = zlib.compressobj(GZIP_LEVEL, wbits=_GZIP_WINDOW)
    return packer.compress(body) + packer.flush()
