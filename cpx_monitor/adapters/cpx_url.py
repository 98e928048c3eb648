"""Where a CPX API is: what people type, made whole and checked."""

import re
from typing import NamedTuple

_HOST_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?", re.ASCII)


class CpxUrl(NamedTuple):
    """``address`` is for fetching and may hold credentials; ``shown`` never does."""

    address: str
    shown: str

    def __repr__(self) -> str:
        return f"CpxUrl({self.shown!r})"


def parse_url(text: str) -> CpxUrl:
    """``localhost:9000`` means ``http://localhost:9000``; a path prefix is kept.

    Raises:
        ValueError: it is not an http or https URL; the message says what is wrong.
    """
    from urllib.parse import urlsplit

    whole = text if "://" in text else f"http://{text}"
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
        _ = parts.port
    except ValueError:
        raise ValueError("the port is not a number from 0 to 65535") from None
    if not parts.hostname:
        raise ValueError("it names no host")
    if not _is_host(parts.hostname) or ("[" in parts.netloc and ":" not in parts.hostname):
        raise ValueError("its host is neither a name nor an address")
    place = parts.netloc.rpartition("@")[2]
    path = parts.path.rstrip("/")
    return CpxUrl(
        address=f"{parts.scheme}://{parts.netloc}{path}",
        shown=f"{parts.scheme}://{place}{path}",
    )


def _is_host(text: str) -> bool:
    if ":" in text:
        return True  # urlsplit has looked at what stands in brackets
    try:
        name = text if text.isascii() else text.encode("idna").decode("ascii")
    except UnicodeError:
        return False
    return _HOST_NAME.fullmatch(name) is not None
