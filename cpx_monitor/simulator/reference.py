"""The server that every user of CPX starts from, with its quirks.

One thread, HTTP/1.0, no Content-Length, the connection closed after every answer, and a listen
backlog of 5: a seventh connection that waits is dropped, and its client's kernel tries again a
second later.
"""

import socket
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import TCPServer
from typing import Any

from cpx_monitor.simulator.stats import SimulatedFleet


class ReferenceServer(HTTPServer):
    request_queue_size = 5

    def __init__(self, host: str, port: int, fleet: SimulatedFleet, latency_s: float) -> None:
        self.fleet = fleet
        self.latency_s = latency_s
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        # Not HTTPServer's own, which looks up the host's full name and may wait for DNS.
        TCPServer.server_bind(self)
        self.server_port = int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # a client that has gone is no news
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: ReferenceServer

    def do_GET(self) -> None:
        time.sleep(self.server.latency_s)
        status, body = self.server.fleet.answer(self.path)
        self.send_response(status)
        self.send_header("Content-type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass
