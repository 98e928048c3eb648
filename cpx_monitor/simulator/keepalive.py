"""A server for many instances: HTTP/1.1 with keep-alive, every connection its own greenlet."""

import contextlib
import socket
import ssl

import gevent
from gevent.server import StreamServer

from cpx_monitor.simulator.replies import Answer, perform
from cpx_monitor.simulator.simulation import LIST, Simulation, steps_of

MAX_REQUEST_BYTES = 65_536
BACKLOG = 4096


class KeepAliveServer(StreamServer):
    def __init__(
        self,
        host: str,
        port: int,
        simulation: Simulation,
        latency_s: float,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__(self.get_listener((host, port), BACKLOG, family), self._serve)
        self._tls = tls
        self._simulation = simulation
        self._latency_s = latency_s

    def serve_forever(self, stop_timeout: float | None = None) -> None:
        # Not the inherited one, which waits for its greenlets when it is told to stop, and does not
        # go on where the listener has been closed.
        self.start()
        while True:
            gevent.sleep(3600)

    def _serve(self, connection: gevent.socket.socket, client: object) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._simulation.connections += 1
        with contextlib.suppress(OSError):  # a client that has gone, or distrusts us, is no news
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            self._answer_requests(connection)

    def _answer_requests(self, connection: gevent.socket.socket) -> None:
        waiting = b""
        while True:
            head, end, waiting = waiting.partition(b"\r\n\r\n")
            while not end:
                received = connection.recv(65_536)
                if not received or len(head) > MAX_REQUEST_BYTES:
                    return
                head, end, waiting = (head + received).partition(b"\r\n\r\n")
            if not self._answer(head, connection):
                return

    def _answer(self, head: bytes, connection: gevent.socket.socket) -> bool:
        """Answer a request; whether the connection is kept for another."""
        request, *headers = head.decode("latin-1").split("\r\n")
        words = request.split(" ")
        wrong = None
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            wrong = Answer(400, b'{"error":"Bad request"}')
        elif words[0] != "GET":
            wrong = Answer(501, b'{"error":"Unsupported method"}')
        if wrong is not None:
            connection.sendall(wrong.message(keep=False))
            return False
        _, path, version = words
        keep = version == "HTTP/1.1" and not any(
            header.lower().replace(" ", "") == "connection:close" for header in headers
        )
        refuses = self._simulation.refuses_after_list and path == LIST
        with self._simulation.request(path) as (answer, fault):
            if refuses:
                self.stop_accepting()
                self.socket.close()
            if self._latency_s:
                gevent.sleep(self._latency_s)
            message = answer.message(keep=keep and not refuses)
            still_there = perform(steps_of(answer, fault, message), connection, gevent.sleep)
        return still_there and keep and not refuses
