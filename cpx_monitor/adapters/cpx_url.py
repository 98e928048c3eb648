"""Where a CPX API is: what people type, made whole and checked."""

import re
from typing import NamedTuple

_HOST_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?", re.ASCII)

_SAFE_IN_PATH = "/%!$&'()*+,;=:@~"


class CpxUrl(NamedTuple):
    """``address`` is for fetching and may hold credentials; ``shown`` never does."""

    address: str
    shown: str

    def __repr__(self) -> str:
        return f"CpxUrl({self.shown!r})"


# A colon, a slash or two: http:/x, http//x, http;//x; a host that is called http may have a port.
_NEARLY_A_SCHEME = re.compile(r"https?(?!://)(?:[;/\\]|:(?![0-9]+(?:/|$)))", re.ASCII)


def parse_url(text: str) -> CpxUrl:
    """``localhost:9000`` means ``http://localhost:9000``; a path prefix is kept.

    Raises:
        ValueError: it is not an http or https URL; the message says what is wrong.
    """
    from urllib.parse import quote, urlsplit

    whole = _with_scheme(text)
    if any(character.isspace() or not character.isprintable() for character in whole):
        raise ValueError("it has a space or a control character in it")
    try:
        parts = urlsplit(whole)
    except ValueError:
        raise ValueError("it is not a URL") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"{parts.scheme}:// is neither http:// nor https://")
    if parts.query or parts.fragment:
        raise ValueError("a query or fragment has no place in it")
    try:
        port_number = parts.port
    except ValueError:
        port_number = 0
    if port_number == 0:
        raise ValueError("the port is not a number from 1 to 65535")
    if not parts.hostname:
        raise ValueError("it names no host")
    if "@" in parts.path:
        raise ValueError("it has an @ behind the host")
    host = _ascii_host(parts.hostname)
    if host is None or ("[" in parts.netloc) != (":" in host):
        raise ValueError("its host is neither a name nor an address")
    user, at, place = parts.netloc.rpartition("@")
    port = "" if parts.port is None else f":{parts.port}"
    path = parts.path.rstrip("/")
    asked = f"[{host}]{port}" if ":" in host else f"{host}{port}"
    return CpxUrl(
        address=f"{parts.scheme}://{user}{at}{asked}{quote(path, safe=_SAFE_IN_PATH)}",
        shown=f"{parts.scheme}://{place}{path}",
    )


def _with_scheme(text: str) -> str:
    if _NEARLY_A_SCHEME.match(text):
        raise ValueError("it is to begin with http:// or https://")
    return text if "://" in text else f"http://{text}"


def _ascii_host(text: str) -> str | None:
    """The host as the network knows it; None where it is none."""
    if ":" in text:
        return text  # urlsplit has looked at what stands in brackets
    try:
        name = text if text.isascii() else text.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    return name if _HOST_NAME.fullmatch(name) else None
