"""How one request gets to CPX and back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class TransportError(Exception):
    """No whole answer came; the message says why, for people: ``connection refused``."""


class Transport(Protocol):
    def get(self, path: str, timeout_s: float, most_bytes: int) -> Response:
        """Ask for a path below the API's URL.

        ``timeout_s`` is for all of it, from connecting to the last byte. Redirects are answers
        like any other. Several greenlets may call at once.

        Raises:
            TransportError: no answer, not a whole one, or one of more than ``most_bytes``.
        """

    def close(self) -> None:
        """Let go of every connection."""
