"""A server for many instances: HTTP/1.1 with keep-alive, every connection its own greenlet."""

import contextlib
import socket
from http import HTTPStatus

import gevent
from gevent.server import StreamServer

from cpx_monitor.simulator.stats import SimulatedFleet

MOST_REQUEST_BYTES = 65_536
BACKLOG = 4096


class KeepAliveServer(StreamServer):
    def __init__(self, host: str, port: int, fleet: SimulatedFleet, latency_s: float) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__(self.get_listener((host, port), BACKLOG, family), self._serve)
        self._fleet = fleet
        self._latency_s = latency_s

    def _serve(self, connection: gevent.socket.socket, client: object) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):  # a client that has gone is no news
            self._answer_requests(connection)

    def _answer_requests(self, connection: gevent.socket.socket) -> None:
        waiting = b""
        while True:
            head, end, waiting = waiting.partition(b"\r\n\r\n")
            while not end:
                received = connection.recv(65_536)
                if not received or len(head) > MOST_REQUEST_BYTES:
                    return
                head, end, waiting = (head + received).partition(b"\r\n\r\n")
            if self._latency_s:
                gevent.sleep(self._latency_s)
            answer, keep = self._answer(head)
            connection.sendall(answer)
            if not keep:
                return

    def _answer(self, head: bytes) -> tuple[bytes, bool]:
        request, *headers = head.decode("latin-1").split("\r\n")
        words = request.split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return _response(400, b'{"error":"Bad request"}', keep=False), False
        method, path, version = words
        if method != "GET":
            return _response(501, b'{"error":"Unsupported method"}', keep=False), False
        keep = version == "HTTP/1.1" and not any(
            header.lower().replace(" ", "") == "connection:close" for header in headers
        )
        status, body = self._fleet.answer(path)
        return _response(status, body, keep), keep


def _response(status: int, body: bytes, keep: bool) -> bytes:
    return (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"Connection: {'keep-alive' if keep else 'close'}\r\n\r\n"
    ).encode("ascii") + body
