"""How one request gets to CPX and back."""

import os
import re
import socket
import sys
from typing import NamedTuple, Protocol


class Response(NamedTuple):
    """A whole answer.

    ``head`` holds its header lines as they came: hardly anybody reads one, and taking them apart
    would cost as much as all the rest. ``keeps`` says that the server keeps the connection for
    further requests.
    """

    status: int
    head: bytes
    body: bytes
    keeps: bool

    def header(self, name: str) -> str | None:
        """The first header of that name, in any case; None where there is none."""
        return find_header(self.head, name)


def find_header(head: bytes, name: str) -> str | None:
    line = re.search(
        rb"(?im)^" + re.escape(name.encode("ascii")) + rb":[ \t]*(.*?)[ \t]*\r?$", head
    )
    return None if line is None else line[1].decode("latin-1")


class TransportError(Exception):
    """No whole answer came; the message says why, for people: ``connection refused``."""


class TimedOut(TransportError):
    """No whole answer came within the time for it; whoever set that time words the message."""


class Transport(Protocol):
    def get(self, path: str, timeout_s: float, most_bytes: int) -> Response:
        """Ask for a path below the API's URL.

        ``timeout_s`` is for all of it, from connecting to the last byte. Redirects are answers
        like any other. Several greenlets may call at once.

        Raises:
            TimedOut: the answer was not whole in time.
            TransportError: no answer, not a whole one, or one of more than ``most_bytes``.
        """


def too_large(most_bytes: int) -> TransportError:
    return TransportError(f"an answer of more than {most_bytes // 1024} KiB")


def explain_os_error(error: OSError) -> str:
    """What the system says went wrong, in a few words."""
    if _is_tls_error(error):
        why = getattr(error, "verify_message", None) or getattr(error, "reason", None)
        return f"TLS failed: {why or error}"
    if isinstance(error, socket.gaierror):
        return "no such host"
    if error.errno is not None:
        return os.strerror(error.errno).lower()
    return str(error) or type(error).__name__


def _is_tls_error(error: OSError) -> bool:
    # ssl takes long to import; where it was not, this is no error of its own.
    ssl = sys.modules.get("ssl")
    return ssl is not None and isinstance(error, ssl.SSLError)
