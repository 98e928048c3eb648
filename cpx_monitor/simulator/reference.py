"""The server that every user of CPX starts from, with its quirks.

One thread, HTTP/1.0, no Content-Length, the connection closed after every answer, and a listen
backlog of 5: a seventh connection that waits is dropped, and its client's kernel tries again a
second later.
"""

import socket
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import TCPServer
from typing import Any

from cpx_monitor.simulator.replies import Answer, perform
from cpx_monitor.simulator.simulation import LIST, Simulation, steps_of


class ReferenceServer(HTTPServer):
    request_queue_size = 5

    def __init__(
        self,
        host: str,
        port: int,
        simulation: Simulation,
        latency_s: float,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.simulation = simulation
        self.latency_s = latency_s
        self.has_listed = False
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Handler)
        if tls is not None:
            # The handshake is left to the first read, or a client that is silent would hold it up.
            self.socket = tls.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    def serve_forever(self, poll_interval: float = 0.5) -> None:
        if not self.simulation.refuses_after_list:
            super().serve_forever(poll_interval)
            return
        while not self.has_listed:
            self.handle_request()
        self.server_close()
        threading.Event().wait()

    def server_bind(self) -> None:
        # Not HTTPServer's own, which looks up the host's full name and may wait for DNS.
        TCPServer.server_bind(self)
        self.server_port = int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        self.simulation.connections += 1
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # a client that has gone is no news
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: ReferenceServer

    def do_GET(self) -> None:
        with self.server.simulation.request(self.path) as (answer, fault):
            time.sleep(self.server.latency_s)
            if fault is None:
                self._send(answer)
            else:
                message = answer.message("HTTP/1.0", keep=False)
                perform(steps_of(answer, fault, message), self.connection, time.sleep)
        self.server.has_listed |= self.path == LIST

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-type", "application/json")
        for header in answer.headers:
            self.send_header(*header.split(": ", 1))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *args: object) -> None:
        pass
