"""An HTTP server that limits slow, idle, excess and malformed clients.

gevent's pywsgi has no limits of its own. Here a request has little time and room for its head, a
body is not read, and of too many connections those that have been idle for the longest are closed.
"""

from collections.abc import Callable, Iterable
from http.client import HTTPException
from typing import Any

import gevent
from gevent import pywsgi
from gevent.pywsgi import WSGIHandler, WSGIServer

IDLE_S = 120.0
HEAD_WITHIN_S = 5.0
SEND_WITHIN_S = 30.0
MAX_HEAD_BYTES = 16 * 1024
MAX_LINE_BYTES = pywsgi.MAX_REQUEST_LINE  # type: ignore[attr-defined]
MAX_IDLE_CONNECTIONS = 200

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class _TooSlow(ValueError):
    """No request came, or not all of it; to pywsgi a bad request."""


class _Handler(WSGIHandler):
    """One connection."""

    server: "Server"

    def handle(self) -> None:
        try:
            super().handle()
        except _TooSlow:
            pass  # pywsgi has closed it
        finally:
            self.server.gone_is(gevent.getcurrent())

    def read_requestline(self) -> str:
        """Empty where the server ends, which ends the connection."""
        self.server.idle_is(gevent.getcurrent())
        if self.server.is_ending:
            return ""
        self.socket.settimeout(None)
        with gevent.Timeout(IDLE_S, _TooSlow):
            line: str = super().read_requestline()
        is_cut = not line.endswith("\n") and len(line) < MAX_LINE_BYTES
        return "" if is_cut else line

    def read_request(self, raw_requestline: str) -> Any:
        """What has a body is answered without it, for no request here needs one."""
        try:
            with gevent.Timeout(HEAD_WITHIN_S, _TooSlow):
                is_read = super().read_request(raw_requestline)
        except HTTPException as error:  # which pywsgi takes for a fault of its own
            raise ValueError(str(error)) from None
        if self.content_length or self.headers.get("transfer-encoding"):
            del self.headers["transfer-encoding"]
            self.content_length, self.close_connection = 0, True
        self.server.busy_is(gevent.getcurrent())
        self.socket.settimeout(SEND_WITHIN_S)
        return is_read

    def MessageClass(self, *args: Any) -> Any:  # noqa: N802
        lines: Any = _Head(self.rfile)
        return super().MessageClass(lines, *args[1:])

    def log_request(self) -> None:
        pass


class _Head:
    """The lines of a request's head, as many as there is room for."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._left = MAX_HEAD_BYTES

    def readline(self, limit: int = -1) -> bytes:
        """
        Raises:
            ValueError: there are more.
        """
        line: bytes = self._file.readline(self._left + 1)
        self._left -= len(line)
        if self._left < 0:
            raise ValueError("the head of the request is too long")
        return line


class Server(WSGIServer):
    """Connections are idle while no whole request has been read from them."""

    def __init__(self, listener: Any, application: WsgiApp) -> None:
        super().__init__(
            listener,
            application,
            log=None,
            error_log=None,
            handler_class=_Handler,
            environ={"SERVER_NAME": "cpx-monitor"},  # not by asking a name server
        )
        self._idle: dict[Any, None] = {}  # the one that has been idle for the longest first
        self._busy: set[Any] = set()
        self.is_ending = False

    def idle_is(self, connection: Any) -> None:
        """No request is under way over it. Of too many that are idle the oldest have to go."""
        self._busy.discard(connection)
        self._idle.pop(connection, None)
        self._idle[connection] = None
        while len(self._idle) > MAX_IDLE_CONNECTIONS:
            oldest = next(iter(self._idle))
            del self._idle[oldest]
            oldest.kill(block=False)

    def busy_is(self, connection: Any) -> None:
        self._idle.pop(connection, None)
        self._busy.add(connection)

    def gone_is(self, connection: Any) -> None:
        self._idle.pop(connection, None)
        self._busy.discard(connection)

    def end(self, within_s: float) -> None:
        """Answer the requests that are under way, and take no more."""
        self.is_ending = True
        self.stop_accepting()
        self.close()
        gevent.killall(list(self._idle), block=False)
        gevent.joinall(list(self._busy), timeout=within_s)
