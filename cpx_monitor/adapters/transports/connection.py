"""A connection of the direct transport: a request out and its answer in, as fast as Python can.

A connection has one standing read watcher, started when it is opened and not for each read. One
timer, twenty times a second, looks after the time-outs of all connections. The greenlet that asks
waits in one switch to the loop, and is switched back to with the answer or with what went wrong.

Most answers of a server have the same header lines to the byte, but for a date that changes once a
second. Header lines that came before need not be taken apart again, so its length is
enough to tell that it is complete.
"""

import contextlib
import math
import socket
from time import monotonic
from typing import Any, Protocol

import gevent

from cpx_monitor.adapters.transports.answer import Answer
from cpx_monitor.adapters.transports.kept_connections import KeptConnections
from cpx_monitor.adapters.transports.port import (
    QUIET_S,
    BrokenOff,
    Doubtful,
    OtherStatus,
    TimedOut,
    closed_unanswered,
    explained,
)

READABLE, WRITABLE = 1, 2

_CHUNK_BYTES = 65_536
_MAX_HEADS = 64


class PlainHeads(dict[bytes, int]):
    """Header lines that came before, and the length of the body that follows them.

    All are of answers with status 200, neither encoded nor chunked, that leave the connection open.
    """

    def learn(self, answer: Answer) -> None:
        length = answer.plain_length()
        if length is not None:
            if len(self) >= _MAX_HEADS:
                self.clear()
            self[answer.head] = length


class Server(Protocol):
    """What a connection knows of the server and of the other connections to it.

    ``not_yet`` are the errors that say that nothing can be read or written yet.
    """

    is_tls: bool
    not_yet: tuple[type[OSError], ...]
    kept: "KeptConnections[DirectConnection]"
    plain_heads: PlainHeads

    def connect(self, ends_at_s: float) -> tuple[socket.socket, float]:
        """A connected socket, and how long that took."""

    def take_back(self, connection: "DirectConnection") -> None:
        """The connection is released."""


class DirectConnection:
    """See ``transport.Connection``. The loop calls ``_on_readable`` outside the greenlet that
    waits.
    """

    __slots__ = (
        "_after_path",
        "_answer",
        "_before_path",
        "_hub",
        "_is_used",
        "_kept",
        "_max_bytes",
        "_plain_heads",
        "_recv",
        "_send",
        "_server",
        "_socket",
        "_waiter",
        "_watcher",
        "connect_s",
        "ends_at_s",
        "head",
        "is_connecting",
        "keeps",
        "taken",
    )

    def __init__(self, server: Server, before_path: bytes, after_path: bytes) -> None:
        self._hub = gevent.get_hub()
        self._server = server
        self._before_path, self._after_path = before_path, after_path
        self._plain_heads = server.plain_heads
        self._kept = server.kept
        self._socket: socket.socket | None = None
        self._waiter: Any = None
        self._answer: Answer | None = None
        self.taken: list[str] = []
        self._is_used = False
        self.ends_at_s = math.inf
        self.keeps = self.is_connecting = False
        self.connect_s = 0.0
        self.head = b""  # of the latest answer that was not known by its head

    @property
    def is_open(self) -> bool:
        return self._socket is not None

    def get(self, path: str, ends_at_s: float, max_bytes: int) -> bytes:
        if not self._kept.is_reliable:
            self.close()
        was_open = self._socket is not None
        self._max_bytes = max_bytes
        try:
            if was_open:
                self.connect_s = 0.0
            else:
                self._open(ends_at_s)
            self.ends_at_s = ends_at_s
            request = self._before_path + path.encode("ascii") + self._after_path
            try:
                sent = self._send(request)
            except self._server.not_yet:
                sent = 0
            if sent != len(request):
                self._send_rest(request[sent:], ends_at_s)
            self._waiter = gevent.getcurrent()
            answer: bytes | Answer = self._hub.switch()
        except BaseException as error:
            failure = explained(error) if isinstance(error, OSError) else error
            if was_open and isinstance(failure, BrokenOff):
                self._kept.on_broken()
            self.close()
            raise failure from None
        finally:
            self._waiter = None
            self.ends_at_s = math.inf
        kept = self._kept
        kept.answered += 1
        if isinstance(answer, Answer):
            return self._judged(answer, path)
        # A plain one, as nearly all are.
        if self._is_used:
            self.taken.append(path)
        else:
            self._is_used = True
        if not kept.is_reliable:
            self.close()
        return answer

    def release(self) -> None:
        self._server.take_back(self)

    def look_once_more(self) -> None:
        """Read what came unasked, if anything did: then it is closed, and its answers in doubt."""
        if self._socket is not None:
            self._on_readable()

    def close(self) -> None:
        if self._socket is not None:
            self._kept.unverified += self.taken
            self._watcher.stop()
            self._watcher.close()
            self._socket.close()
            self._socket = self._answer = None
        self.keeps = False

    def time_out(self) -> None:
        """From the loop: the time for this request is up. What has come is read first, for this
        process may have been stopped meanwhile.
        """
        waiter, ends_at_s = self._waiter, self.ends_at_s
        while self._waiter is waiter is not None and self.ends_at_s == ends_at_s:
            if not self._on_readable():
                waiter.throw(TimedOut())

    def _open(self, ends_at_s: float) -> None:
        self.is_connecting = True
        try:
            self._socket, self.connect_s = self._server.connect(ends_at_s)
        finally:
            self.is_connecting = False
        sock = self._socket
        self._recv, self._send = sock.recv, sock.send
        self.taken, self._is_used = [], False
        self._watcher = self._hub.loop.io(sock.fileno(), READABLE)
        self._watcher.start(self._on_readable)
        if not self._kept.is_reliable:
            self._expect_nothing()

    def _expect_nothing(self) -> None:
        """From a server that has sent too much, an answer may come before anything is requested."""
        gevent.sleep(QUIET_S)
        if self._socket is None:
            raise BrokenOff("an answer came before anything was requested")

    def _send_rest(self, request: bytes, ends_at_s: float) -> None:
        assert self._socket is not None
        while request:
            with gevent.Timeout(left_s(ends_at_s), TimedOut):
                wait_until(self._socket, WRITABLE)
            with contextlib.suppress(*self._server.not_yet):
                request = request[self._send(request) :]

    def _judged(self, answer: Answer, path: str) -> bytes:
        """The body of an answer that is not known by its head.

        Cases: more came than was requested; another status; a body that cannot be used; all well.
        """
        self.head = answer.head
        self.keeps = answer.keeps and not answer.has_more and self._kept.is_reliable
        was_used, self._is_used = self._is_used, True
        if was_used:
            self.taken.append(path)
        if answer.has_more:
            self._kept.on_too_much()
        keeps = self.keeps
        if not keeps:
            self.close()
        if answer.has_more and was_used:
            raise Doubtful
        if answer.status != 200:
            raise OtherStatus(answer.status, answer.head)
        body = answer.body()
        if keeps:
            self._plain_heads.learn(answer)
        return body

    def _on_readable(self) -> bool:
        """Take in what has come; whether anything has.

        Cases: nothing yet; no request waits for it; a plain answer; a part of another, or its end.
        """
        try:
            data = self._recv(_CHUNK_BYTES)
        except self._server.not_yet:
            return False
        except Exception as error:
            self._settle(error)
            return True
        waiter = self._waiter
        if waiter is None:
            if data:
                self._kept.on_too_much()
            self.close()
            return True
        if self._answer is None:
            head, end, body = data.partition(b"\r\n\r\n")
            if end and self._plain_heads.get(head) == len(body) and not self._has_pending():
                self.keeps = True
                waiter.switch(body)
                return True
            if not data:
                waiter.throw(closed_unanswered())
                return True
            self._answer = Answer(self._max_bytes)
        try:
            self._feed(self._answer, data)
        except Exception as error:
            self._settle(error)
        return True

    def _feed(self, answer: Answer, data: bytes) -> None:
        """TLS may hold more than one read gives, and the watcher knows nothing of that."""
        while True:
            if data:
                answer.feed(data)
            else:
                answer.end()
            if not self._has_pending():
                break
            try:
                data = self._recv(_CHUNK_BYTES)
            except self._server.not_yet:
                break
            if not data and answer.is_whole:
                break
        if answer.is_whole:
            self._answer = None
            self._waiter.switch(answer)

    def _has_pending(self) -> bool:
        return self._server.is_tls and self._socket.pending() > 0  # type: ignore[union-attr]

    def _settle(self, error: Exception) -> None:
        if self._waiter is None:
            self.close()
        else:
            self._waiter.throw(error)


def wait_until(sock: socket.socket, event: int) -> None:
    hub = gevent.get_hub()
    watcher = hub.loop.io(sock.fileno(), event)
    try:
        hub.wait(watcher)
    finally:
        watcher.close()


def left_s(ends_at_s: float) -> float:
    return max(0.001, ends_at_s - monotonic())
