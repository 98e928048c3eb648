"""Where a CPX API is: what people type, made whole and checked."""

import re
from typing import TYPE_CHECKING, NamedTuple

from cpx_monitor.domain.fleet import canonical_address

if TYPE_CHECKING:
    from urllib.parse import SplitResult

_HOST_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?", re.ASCII)

_SAFE_IN_PATH = "/%!$&'()*+,;=:@~"


# What the C library takes for an IPv4 address, though people do not write it so: 18101, 127.1.
_NUMBERS = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+))*\.?", re.ASCII | re.I)
# A colon, a slash or two: http:/x, http//x, http;//x; a host that is called http may have a port.
_NEARLY_A_SCHEME = re.compile(r"https?(?!://)(?:[;/\\]|:(?![0-9]+(?:/|$)))", re.ASCII | re.I)
_PORT_ALONE = re.compile(r":?([0-9]{1,5})/?", re.ASCII)


class CpxUrl(NamedTuple):
    """``address`` is for fetching and may hold credentials; ``shown`` never does. ``port_meant`` is
    that of the scheme where none is written, else None.
    """

    address: str
    shown: str
    port_meant: int | None = None

    def __repr__(self) -> str:
        return f"CpxUrl({self.shown!r})"


def parse_url(text: str) -> CpxUrl:
    """``localhost:9000`` means ``http://localhost:9000``, and so do ``9000`` and ``:9000``; a path
    prefix is kept.

    Raises:
        ValueError: it is not an http or https URL; the message says what is wrong.
    """
    from urllib.parse import quote, urlsplit

    whole = _with_scheme(text)
    if any(character.isspace() or not character.isprintable() for character in whole):
        raise ValueError("it has a space or a control character in it")
    if "\\" in whole:  # which some take for a slash, and some for a part of a password
        raise ValueError("it has a backslash in it")
    try:
        parts = urlsplit(whole)
    except ValueError:
        raise ValueError("it is not a URL") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"{parts.scheme}:// is neither http:// nor https://")
    _check_path(parts)
    user, at, place = parts.netloc.rpartition("@")
    host, port = _host_and_port(parts, place)
    path = parts.path.rstrip("/")
    return CpxUrl(
        address=f"{parts.scheme}://{user}{at}{host}{port}{quote(path, safe=_SAFE_IN_PATH)}",
        shown=f"{parts.scheme}://{place}{path}",
        port_meant=None if port else {"http": 80, "https": 443}[parts.scheme],
    )


def _with_scheme(text: str) -> str:
    if _NEARLY_A_SCHEME.match(text):
        raise ValueError("it must start with http:// or https://")
    if port := _PORT_ALONE.fullmatch(text):
        return f"http://localhost:{port[1]}"
    return text if "://" in text else f"http://{text}"


def _check_path(parts: "SplitResult") -> None:
    if parts.query or parts.fragment:
        raise ValueError("it must not have a query or fragment")
    if "@" in parts.path:
        raise ValueError("it has an @ after the host")
    if parts.path.rstrip("/").endswith("/servers"):
        raise ValueError("leave out /servers, which is added automatically")


def _host_and_port(parts: "SplitResult", place: str) -> tuple[str, str]:
    """As they stand in an address: an IPv6 address in brackets, a colon before the port."""
    if place.count(":") > 1 and "[" not in place:
        raise ValueError("an IPv6 address stands in brackets, as in http://[::1]:8080")
    try:
        number = parts.port
    except ValueError:
        number = 0
    if number == 0:
        raise ValueError("the port is not a number from 1 to 65535")
    if not parts.hostname:
        raise ValueError("it names no host")
    host = _ascii_host(parts.hostname)
    if host is None or ("[" in place) != (":" in host):
        raise ValueError("its host is neither a name nor an address")
    return f"[{host}]" if ":" in host else host, "" if number is None else f":{number}"


def _ascii_host(text: str) -> str | None:
    """The host as the network knows it; None where it is none."""
    if ":" in text:
        return text  # urlsplit has looked at what stands in brackets
    try:
        name = text if text.isascii() else text.encode("idna").decode("ascii")
        if _NUMBERS.fullmatch(name):
            return canonical_address(name)
    except ValueError:  # UnicodeError is one, too
        return None
    return name if _HOST_NAME.fullmatch(name) else None
