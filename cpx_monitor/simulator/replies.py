"""What goes out on a connection for a request, step by step."""

import socket
import struct
from collections.abc import Callable, Iterable
from enum import Enum, auto
from http import HTTPStatus
from typing import NamedTuple


class Answer(NamedTuple):
    status: int
    body: bytes
    headers: tuple[str, ...] = ()

    def message(self, version: str = "HTTP/1.1", keep: bool = True) -> bytes:
        """The whole answer as it goes over the wire."""
        return self.head(version, keep, f"Content-Length: {len(self.body)}") + self.body

    def head(self, version: str, keep: bool, *headers: str) -> bytes:
        lines = [
            f"{version} {self.status} {_phrase(self.status)}",
            "Content-Type: application/json",
            *headers,
            *self.headers,
            f"Connection: {'keep-alive' if keep else 'close'}",
        ]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


class Pause(NamedTuple):
    seconds: float


class Ending(Enum):
    """How a connection ends. One that hangs is open until the client has gone."""

    CLOSE = auto()
    RESET = auto()
    HANG = auto()


Step = bytes | Pause | Ending


def perform(
    steps: Iterable[Step], connection: socket.socket, sleep: Callable[[float], object]
) -> bool:
    """Take the steps; whether the connection is still there for another request."""
    for step in steps:
        match step:
            case bytes():
                connection.sendall(step)
            case Pause():
                sleep(step.seconds)
            case Ending():
                _end(step, connection)
                return False
    return True


def _end(how: Ending, connection: socket.socket) -> None:
    if how is Ending.HANG:
        while connection.recv(65_536):
            pass
    elif how is Ending.RESET:
        # With nothing to linger for, closing sends a reset.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Simulated"
