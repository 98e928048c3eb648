"""How one request gets to CPX and back."""

import base64
import errno
import os
import re
import socket
import sys
from typing import NamedTuple, Protocol
from urllib.parse import unquote

_OURS = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EAGAIN}
)


class Access(NamedTuple):
    """How to show a server who asks, and how to know that it is the right one.

    ``token`` is sent as a bearer token, to the origin of the API's URL and nobody else; ``ca_file``
    holds the authorities to trust in place of the system's; without ``checks_certificate`` any
    certificate will do.
    """

    token: str | None = None
    ca_file: str | None = None
    checks_certificate: bool = True

    def __repr__(self) -> str:
        return f"Access(token={'set' if self.token else None}, ca_file={self.ca_file!r})"


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
    # No white space in the pattern: it would be tried again from every place within.
    line = re.search(rb"(?im)^" + re.escape(name.encode("ascii")) + rb":([^\r\n]*)", head)
    return None if line is None else line[1].decode("latin-1").strip(" \t")


def authorization(access: Access, user: str | None, password: str | None) -> str | None:
    """The header's value: the token, else the name and password of the URL, else None."""
    if access.token is not None:
        return f"Bearer {access.token}"
    if user is None:
        return None
    pair = f"{unquote(user)}:{unquote(password or '')}".encode()
    return f"Basic {base64.b64encode(pair).decode('ascii')}"


class TransportError(Exception):
    """No whole answer came; the message says why, for people: ``connection refused``."""


class TimedOut(TransportError):
    """No whole answer came within the time for it; whoever set that time words the message."""


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


class Keeping:
    """Whether connections that a server says it keeps can be used again.

    It may close one just as it is used, and then that request is lost. While that happens to more
    than every tenth request, ``answered`` or ``broken``, none is kept.
    """

    def __init__(self) -> None:
        self.answered = 0
        self.broken = 0

    @property
    def can_be_relied_on(self) -> bool:
        return 10 * self.broken <= self.answered


class Transport(Protocol):
    def get(self, path: str, timeout_s: float, most_bytes: int) -> Response:
        """Ask for a path below the API's URL.

        ``timeout_s`` is for all of it, from connecting to the last byte. Redirects are answers
        like any other. Several greenlets may call at once.

        Raises:
            TransportError: no answer, not a whole one in time, or one of more than ``most_bytes``;
                its class says what that means for another try.
        """

    def close_idle(self) -> None:
        """Let go of the connections that nobody is using."""


def too_large(most_bytes: int) -> NotUsable:
    return NotUsable(f"an answer of more than {most_bytes // 1024} KiB")


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
