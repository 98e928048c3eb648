"""How one request gets to CPX and back."""

import errno
import os
import re
import socket
import sys
from typing import Protocol

_OURS = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EAGAIN}
)


# How long a new connection is listened to before it is used, where a server has sent too much.
QUIET_S = 0.01


def find_header(head: bytes, name: str) -> str | None:
    """All headers of that name, in any case, as one (RFC 9110, 5.3); None where there is none."""
    # No white space in the pattern: it would be tried again from every place within.
    lines = re.findall(rb"(?im)^" + re.escape(name.encode("ascii")) + rb":([^\r\n]*)", head)
    values = [line.decode("latin-1").strip(" \t") for line in lines]
    return ", ".join(values) if values else None


class TransportError(Exception):
    """No whole answer came; the message says why, for people: ``connection refused``."""


def timed_out_after(timeout_s: float) -> str:
    """The reason, for people."""
    return f"timed out after {timeout_s:g} s"


class TimedOut(TransportError):
    """No whole answer came within the time for it; the caller set that and words the message."""


class BrokenOff(TransportError):
    """The connection broke before the answer was whole. Another try may have more luck."""


class Exhausted(TransportError):
    """This machine has no descriptor or port left for it, and the server was not asked."""


class NotUsable(TransportError):
    """Something came, but it is not HTTP, or more than is allowed."""


class NoSuchHost(TransportError):
    """The host's name leads nowhere."""


class TlsFailed(TransportError):
    """There is no safe connection to this server."""


class OtherScheme(TransportError):
    """The port speaks http where https was tried, or the other way round."""


class OtherStatus(TransportError):
    """A whole answer came, but with another status than 200; ``head`` holds its header lines."""

    def __init__(self, status: int, head: bytes) -> None:
        super().__init__(f"answered {status}")
        self.status = status
        self._head = head

    def header(self, name: str) -> str | None:
        """See ``find_header``."""
        return find_header(self._head, name)


class Doubtful(TransportError):
    """More came over a kept connection than was requested, so an earlier answer may have been taken
    for this one. ``Transport.doubtful`` names all that are in doubt.
    """

    def __init__(self) -> None:
        super().__init__("its answer cannot be told apart from another's")


class Connection(Protocol):
    """One request after another; it is opened by the first, and anew where it was closed.

    ``keeps`` says whether the latest answer left it open, ``is_connecting`` whether it is being
    opened, and ``connect_s`` how long that took for the latest request, 0 for one on a connection
    that was open.
    """

    @property
    def keeps(self) -> bool: ...

    @property
    def connect_s(self) -> float: ...

    @property
    def is_connecting(self) -> bool: ...

    def get(self, path: str, ends_at_s: float, max_bytes: int) -> bytes:
        """The body of the answer to GET for a path below the API's URL.

        ``ends_at_s``, of the monotonic clock, is for all of it, from connecting to the last byte.
        Redirects are answers like any other. Every failure but ``OtherStatus`` closes the
        connection, and so does whatever is thrown into the greenlet that waits here.

        Raises:
            OtherStatus: the answer's status is not 200.
            Doubtful: this answer may be that to an earlier request.
            TransportError: no answer, not a whole one in time, or one of more than ``max_bytes``;
                its class says what that means for another attempt.
        """

    def close(self) -> None:
        """The next request opens it anew."""

    def release(self) -> None:
        """No more requests from here; the transport may use it again in the next collection."""


class Transport(Protocol):
    def connection(self) -> Connection:
        """One that was released and is still open, or one that is yet to be opened."""

    def doubtful(self) -> list[str]:
        """The end of a collection: look once more at the released connections for bytes that came
        late. Returns the paths of this collection whose answers are in doubt.

        Once a server has sent more than was requested, these are all that were answered over a
        connection that was closed since, but for the first request that a connection ever carried,
        whose answer can be no other's.
        """

    def close_idle(self) -> None:
        """Close the connections that are released."""


def too_large(max_bytes: int) -> NotUsable:
    return NotUsable(f"an answer of more than {max_bytes // 1024} KiB")


# What OpenSSL says of an answer in plain http, by its version.
_SAID_OF_HTTP = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "PACKET_LENGTH_TOO_LONG",
    "RECORD_LAYER_FAILURE",
)
# How an alert of TLS begins, which is what it answers to plain http.
TLS_ALERT = b"\x15\x03"


def speaks_tls() -> OtherScheme:
    return OtherScheme("that port speaks https, not http")


def closed_unanswered() -> BrokenOff:
    return BrokenOff("the connection was closed without an answer")


def explained(error: OSError, before: str = "") -> TransportError:
    """What the system says went wrong, in a few words, after those of ``before``."""
    # ssl takes long to import; where it was not, this is no error of its own.
    ssl = sys.modules.get("ssl")
    if ssl is not None and isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return closed_unanswered()
    if ssl is not None and isinstance(error, ssl.SSLError):
        why = getattr(error, "verify_message", None) or getattr(error, "reason", None)
        if why in _SAID_OF_HTTP:
            return OtherScheme(f"{before}that port speaks http, not https")
        return TlsFailed(f"{before}TLS failed: {why or error}")
    if isinstance(error, socket.gaierror):
        for_now = error.errno == socket.EAI_AGAIN
        said = "the host's name cannot be looked up now" if for_now else "no such host"
        return NoSuchHost(f"{before}{said}")
    said = os.strerror(error.errno).lower() if error.errno else str(error) or type(error).__name__
    if error.errno in _OURS:
        return Exhausted(f"{before}{said} on this machine")
    if isinstance(error, ConnectionResetError | BrokenPipeError | ConnectionAbortedError):
        return BrokenOff(f"{before}{said}")
    return TransportError(f"{before}{said}")
