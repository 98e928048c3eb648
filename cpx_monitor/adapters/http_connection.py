"""One connection: a request out, and the answer in, as fast as Python can.

A connection has one standing read watcher, started once and not for each read; one timer looks
after everybody's time-out; llhttp, in C, reads the answers as they come; and the greenlet that
waits is switched to once, when its answer is whole.
"""

import re
import socket
from time import monotonic
from typing import Any

import gevent
import httptools

from cpx_monitor.adapters.transport import (
    BrokenOff,
    NotUsable,
    Response,
    TimedOut,
    closed_unanswered,
    find_header,
    too_large,
)

MOST_HEADERS = 100
MOST_HEAD_BYTES = 65_536
READABLE, WRITABLE = 1, 2
NOT_YET_WITHOUT_TLS: tuple[type[OSError], ...] = (BlockingIOError,)

_CHUNK_BYTES = 65_536
_SWEEP_S = 0.05
_HAS_LENGTH = re.compile(rb"(?im)^(?:content-length|transfer-encoding):")


class Connection:
    """A connection and the answer that is being read from it.

    The loop calls ``_on_readable``, and httptools the other ``on_…`` methods, outside the greenlet
    that waits; what goes wrong there is kept in ``_error`` for it.
    """

    __slots__ = (
        "_body",
        "_came",
        "_error",
        "_head",
        "_hub",
        "_is_asked",
        "_is_in_body",
        "_is_whole",
        "_keeps",
        "_most_bytes",
        "_most_raw_bytes",
        "_not_yet",
        "_parser",
        "_received",
        "_socket",
        "_status",
        "_sweep",
        "_waiter",
        "_watcher",
        "has_answered",
        "is_open",
    )

    def __init__(
        self, sock: socket.socket, sweep: "Sweep", not_yet: tuple[type[OSError], ...]
    ) -> None:
        """``not_yet`` are the errors with which the socket says that there is nothing to read."""
        self._hub = gevent.get_hub()
        self._socket = sock
        self._sweep = sweep
        self._parser = httptools.HttpResponseParser(self)
        self._not_yet = not_yet
        self._waiter: Any = None
        self._error: Exception | None = None
        self._body: bytes | bytearray = b""
        self._is_asked = self._is_in_body = self._is_whole = self.has_answered = False
        self.is_open = True
        self._watcher = self._hub.loop.io(sock.fileno(), READABLE)
        self._watcher.start(self._on_readable)

    def exchange(self, request: bytes, ends_at_s: float, most_bytes: int) -> Response:
        """Ask, and wait for the whole answer.

        Raises:
            OSError, TransportError: it did not come; the connection is closed.
        """
        self._most_bytes = most_bytes
        self._most_raw_bytes = MOST_HEAD_BYTES + 2 * most_bytes
        self._start_answer()
        try:
            if not self.is_open:
                raise closed_unanswered()
            self._send(request, ends_at_s)
            self._waiter = gevent.getcurrent()
            self._sweep.add(self, ends_at_s)
            while not self._is_whole and self._error is None:
                self._hub.switch()
            if self._error is not None:
                raise self._error
            response = self._response()
        except BaseException:
            self.close()
            raise
        finally:
            self._sweep.remove(self)
            self._waiter = None
        self._is_asked = False
        if not response.keeps:
            self.close()
        return response

    def fail(self, error: Exception) -> None:
        """Whoever waits for the answer gets this instead."""
        self._error = error
        if self._waiter is not None:
            self._waiter.switch()

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            self._watcher.stop()
            self._watcher.close()
            self._socket.close()

    def _send(self, request: bytes, ends_at_s: float) -> None:
        while True:
            try:
                sent = self._socket.send(request)
                if sent == len(request):
                    return
                request = request[sent:]
            except self._not_yet:
                with gevent.Timeout(left_s(ends_at_s), TimedOut):
                    wait_until(self._socket, WRITABLE)

    def _on_readable(self) -> None:
        try:
            # TLS may hold more than one read gives, and the watcher knows nothing of that.
            while self._read() and self._not_yet is not NOT_YET_WITHOUT_TLS:
                pass
        except self._not_yet:
            pass
        except Exception as error:
            self._error = error
        if not self._is_asked:
            self.close()  # by the server, or it says what nobody has asked for
        elif self._waiter is not None and (self._is_whole or self._error is not None):
            self._waiter.switch()

    def _read(self) -> bool:
        """Take in what has come; whether more of the answer is to come."""
        data = self._socket.recv(_CHUNK_BYTES)
        if not data:
            self._end()
            return False
        self.has_answered = True
        self._came += len(data)
        if not self._is_in_body:
            self._head += data
        elif self._came > self._most_raw_bytes:  # by what is around the body: chunks, trailers
            raise too_large(self._most_bytes)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._keeps = False
            if not self._is_whole:
                raise NotUsable("the answer is not HTTP") from None
        if len(self._head) > MOST_HEAD_BYTES and (
            not self._is_in_body or len(self._headers()) > MOST_HEAD_BYTES
        ):
            raise NotUsable(f"more than {MOST_HEAD_BYTES // 1024} KiB of headers")
        return not self._is_whole

    def _end(self) -> None:
        """The server has closed the connection, which ends an answer that has no length."""
        self._keeps = False
        if self._is_in_body and not _HAS_LENGTH.search(self._headers()):
            self._status = self._parser.get_status_code()
            self._is_whole = True
        elif self.has_answered:
            raise BrokenOff("the answer was cut off")
        else:
            raise closed_unanswered()

    def _start_answer(self) -> None:
        self._head = b""
        self._body = b""
        self._came = self._received = 0
        self._status = 0
        self._is_in_body = self._is_whole = self.has_answered = False
        self._error = None
        self._is_asked = True

    def _headers(self) -> bytes:
        """The header lines; ``_head`` may hold the beginning of the body as well."""
        head = self._head
        while True:
            lines, _, rest = head.partition(b"\r\n\r\n")
            if not lines.startswith(b"HTTP/1.1 1"):  # interim answers come before it
                return lines
            head = rest

    def _response(self) -> Response:
        body = bytes(self._body)
        headers = self._headers()
        if headers.count(b"\n") > MOST_HEADERS:
            raise NotUsable(f"more than {MOST_HEADERS} headers")
        if b"content-encoding" in headers.lower():
            encoding = find_header(headers, "content-encoding") or "identity"
            body = _decoded(body, encoding.lower(), self._most_bytes)
        return Response(self._status, headers, body, self._keeps)

    # What httptools calls, for each part of an answer.

    def on_message_begin(self) -> None:
        if self._is_whole:
            self._keeps = False  # one more answer than questions

    def on_headers_complete(self) -> None:
        self._is_in_body = True

    def on_body(self, body: bytes) -> None:
        if self._is_whole:
            return
        self._received += len(body)
        if self._received > self._most_bytes:
            self._error = too_large(self._most_bytes)
        elif not self._body:
            self._body = body
        else:
            # Not a list of pieces: a hostile server makes them as small as it likes.
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += body

    def on_message_complete(self) -> None:
        if self._is_whole:
            return
        status = self._parser.get_status_code()
        if status < 200:  # interim: the answer proper follows
            self._is_in_body = False
            return
        self._status = status
        self._keeps = self._parser.should_keep_alive()
        self._is_whole = True


class Sweep:
    """One timer for the time-outs of all: exact to a twentieth of a second, and free for each."""

    def __init__(self) -> None:
        self._ends_at_s: dict[Connection, float] = {}
        self._timer = gevent.get_hub().loop.timer(_SWEEP_S, _SWEEP_S)
        self._is_running = False

    def add(self, connection: Connection, ends_at_s: float) -> None:
        if not self._is_running:
            self._is_running = True
            self._timer.start(self._look)
        self._ends_at_s[connection] = ends_at_s

    def remove(self, connection: Connection) -> None:
        self._ends_at_s.pop(connection, None)

    def _look(self) -> None:
        now_s = monotonic()
        for connection, ends_at_s in list(self._ends_at_s.items()):
            if now_s >= ends_at_s:
                connection.fail(TimedOut())
        if not self._ends_at_s:
            self._is_running = False
            self._timer.stop()


def wait_until(sock: socket.socket, event: int) -> None:
    hub = gevent.get_hub()
    watcher = hub.loop.io(sock.fileno(), event)
    try:
        hub.wait(watcher)
    finally:
        watcher.close()


def left_s(ends_at_s: float) -> float:
    return max(0.001, ends_at_s - monotonic())


def _decoded(body: bytes, encoding: str, most_bytes: int) -> bytes:
    """The body of a server that compresses unasked, but no more of it than is allowed."""
    import zlib

    if encoding == "identity":
        return body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise NotUsable(f"the answer is encoded as {encoding[:40]!r}")
    try:
        decompressor = zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)
        content = decompressor.decompress(body, most_bytes + 1)
    except zlib.error:
        raise NotUsable("the answer cannot be decompressed") from None
    if len(content) > most_bytes:
        raise too_large(most_bytes)
    return content
