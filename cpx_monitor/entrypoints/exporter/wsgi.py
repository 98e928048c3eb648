"""From HTTP to a path's answer, and back."""

import time
import zlib
from collections.abc import Callable, Iterable
from typing import Any

from cpx_monitor.adapters.off_the_loop import off_the_loop
from cpx_monitor.entrypoints.exporter.access import WebAccess
from cpx_monitor.entrypoints.exporter.answer import (
    BAD_REQUEST,
    NOT_YET,
    Answer,
    Refused,
    plain,
)
from cpx_monitor.entrypoints.exporter.own_metrics import OwnMetrics
from cpx_monitor.entrypoints.exporter.routes import Request, Routes

MAX_URL_CHARACTERS = 2000
SMALL_BYTES = 1000
# A level higher takes eight times as long, and saves a third.
GZIP_LEVEL = 1
_GZIP_WINDOW = 16 + zlib.MAX_WBITS

StartResponse = Callable[..., Any]


class Application:
    """
    Args:
        max_requests: under way at once; more are told to come again.
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
        self._left = max_requests
        self._warn = warn
        self._tell = tell

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        began_s = time.monotonic()
        request = _request(environ)
        method = environ["REQUEST_METHOD"]
        self._left -= 1
        try:
            answer = self._answer(method, request)
        finally:
            self._left += 1
        headers = [("Content-Type", answer.content_type), *answer.headers, *_ALWAYS]
        body = answer.body.encode("utf-8", "backslashreplace")
        if len(body) > SMALL_BYTES and "gzip" in request.headers.get("accept-encoding", ""):
            body = off_the_loop(len(body) // 100, lambda: _zipped(body))
            headers.append(("Content-Encoding", "gzip"))
        headers += [("Vary", "Accept, Accept-Encoding"), ("Content-Length", str(len(body)))]
        start_response(answer.status, headers)
        took_s, query = time.monotonic() - began_s, f"?{request.query}" if request.query else ""
        self._own.on_answered(self._routes.known(request.path), answer.status[:3], took_s)
        self._tell(f"{method} {request.path}{query}: {answer.status[:3]} in {took_s:.3f} s")
        return [] if method == "HEAD" else [body]

    def _answer(self, method: str, request: Request) -> Answer:
        """Cases: not one of ours; another method; too many at once; an answer, or why not."""
        if not self._access.admits(request.headers.get("authorization", "")):
            challenge = ("WWW-Authenticate", self._access.challenge)
            return plain("credentials are needed", "401 Unauthorized")._replace(
                headers=(challenge,)
            )
        if method not in ("GET", "HEAD"):
            return plain("only GET and HEAD", "405 Method Not Allowed")._replace(
                headers=(("Allow", "GET, HEAD"),)
            )
        if self._left < 0:
            return plain("too many requests at once", NOT_YET)._replace(
                headers=(("Retry-After", "1"),)
            )
        if len(request.path) + len(request.query) > MAX_URL_CHARACTERS:
            return plain("the URL is too long", BAD_REQUEST)
        try:
            return self._routes.answer(request)
        except Refused as refusal:
            return plain(str(refusal), refusal.status)
        except Exception as error:
            self._warn(f"internal error at {request.path}: {type(error).__name__}: {error}")
            return plain("internal error", "500 Internal Server Error")


_ALWAYS = (("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store"))


def _request(environ: dict[str, Any]) -> Request:
    headers = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
    return Request(path, environ["QUERY_STRING"], headers)


def _zipped(body: bytes) -> bytes:
    packer = zlib.compressobj(GZIP_LEVEL, wbits=_GZIP_WINDOW)
    return packer.compress(body) + packer.flush()
