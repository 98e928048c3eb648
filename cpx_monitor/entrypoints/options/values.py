"""From the text of an option to its value; each raises ValueError, saying what is expected."""

import math
import os
import re
from collections.abc import Callable

from cpx_monitor.adapters.cpx_api.url import CpxUrl, parse_url
from cpx_monitor.adapters.files import opened_to_read
from cpx_monitor.entrypoints.options.option import NotOneOf

MAX_DURATION_S = 86_400.0
MAX_AGE_S = 3650 * 86_400.0
MAX_TOKEN_BYTES = 65_536
MAX_CONCURRENCY = 1000
PICTURE_ENDINGS = (".svg", ".png")

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+)(ms|s|m|h)?", re.ASCII)
_SECONDS_IN = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}


def address(text: str) -> tuple[str, int]:
    """A host and a port: ``localhost:9787``, ``:9787`` for every interface, ``[::1]:9787``."""
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]*):([0-9]{1,5})", text, re.ASCII)
    if found is None or int(found[2]) > 65_535:
        raise ValueError("expected a host and a port, such as localhost:9787")
    return found[1].strip("[]"), int(found[2])


def reached_at(text: str) -> str:
    """An address as scrapers reach it."""
    host, port = address(text)
    if not host or not port:
        raise ValueError("expected a host and a port, such as exporter-1:9787")
    return text


def power_of_two(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = int(text) if re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) else 0
        if not least <= value <= most or value & (value - 1):
            raise ValueError(f"expected a power of two from {least} to {most}")
        return value

    return read


def duration_or_0_s(text: str) -> float:
    """Like ``duration_s``, and 0."""
    return 0.0 if text in ("0", "0s") else duration_s(text)


def users_in_file(path: str) -> dict[str, str]:
    """Passwords by name, from lines of ``name:password``; the error does not repeat them."""
    content = _beginning_of(path, MAX_TOKEN_BYTES + 1)
    if len(content) > MAX_TOKEN_BYTES:
        raise ValueError(f"it is longer than {MAX_TOKEN_BYTES // 1024} KiB")
    text = content.decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    users = dict(line.split(":", 1) for line in lines if ":" in line)
    if not lines or len(users) != len(lines) or not all(k and v for k, v in users.items()):
        raise ValueError("expected lines of <name>:<password>, each name once")
    return users


def url(text: str) -> CpxUrl:
    return parse_url(text)


def percentage(text: str) -> float:
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?%?", text, re.ASCII):
        raise ValueError("expected a percentage from 0 to 100")
    value = float(text.removesuffix("%"))
    if value > 100:
        raise ValueError("expected a percentage from 0 to 100")
    return int(value) if value.is_integer() else value


def _seconds(text: str) -> float:
    found = _DURATION.fullmatch(text)
    return float(found[1]) * _SECONDS_IN[found[2]] if found else 0.0


def duration_s(text: str) -> float:
    """Seconds, or with a unit: ``5``, ``0.5``, ``5s``, ``200ms``, ``1m``, ``1h``."""
    seconds = _seconds(text)
    if not 0.001 <= seconds <= MAX_DURATION_S:
        raise ValueError("expected a time such as 5, 0.5, 5s, 200ms or 1m, one day at most")
    return seconds


def age_s(text: str) -> float:
    """Like ``duration_s``, also in days, and up to ``MAX_AGE_S``: ``90s``, ``1h``, ``2d``."""
    is_in_days = re.fullmatch(r"[0-9]{1,5}(\.[0-9]+)?d", text, re.ASCII)
    seconds = float(text[:-1]) * 86_400 if is_in_days else _seconds(text)
    if not 0 < seconds <= MAX_AGE_S:
        raise ValueError("expected a time such as 90s, 5m, 1h or 2d, ten years at most")
    return seconds


def points(text: str) -> float:
    """Percentage points."""
    try:
        return percentage(text)
    except ValueError:
        raise ValueError("expected percentage points from 0 to 100") from None


def whole_number(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,12}", text, re.ASCII) or not least <= int(text) <= most:
            raise ValueError(f"expected a whole number from {least} to {most}")
        return int(text)

    return read


def one_of(*choices: str) -> Callable[[str], str]:
    """One of these words, in any case."""

    def read(text: str) -> str:
        if text.lower() not in choices:
            raise NotOneOf(choices)
        return text.lower()

    return read


def concurrency(text: str) -> int | None:
    """None for ``auto``."""
    if text == "auto":
        return None
    try:
        return whole_number(1, MAX_CONCURRENCY)(text)
    except ValueError as error:
        raise ValueError(str(error).replace("expected", "expected auto or")) from None


def speed(text: str) -> float:
    if text.lower() == "max":
        return math.inf
    if not re.fullmatch(r"[0-9]{0,6}(\.[0-9]{1,6})?x?", text, re.ASCII) or not text.strip("0.x"):
        raise ValueError("expected a factor such as 1, 0.5 or 60, or max")
    return float(text.removesuffix("x"))


def token(text: str) -> str:
    """The message of its error does not repeat the text."""
    stripped = text.strip()
    if not re.fullmatch(r"[!-~]+", stripped, re.ASCII):
        raise ValueError("expected a token of printable ASCII characters without spaces")
    return stripped


def token_in_file(path: str) -> str:
    return token(_beginning_of(path, MAX_TOKEN_BYTES).decode("latin-1"))


def ca_file(path: str) -> str:
    # It is read more than once, which a pipe does not survive.
    if os.path.exists(path) and not os.path.isdir(path) and not os.path.isfile(path):
        raise ValueError("it is not a regular file")
    _beginning_of(path, 1)
    return path


def file(path: str) -> str:
    if not path:
        raise ValueError("expected a file")
    return path


def name(text: str) -> str:
    if not text:
        raise ValueError("expected a name")
    return text


def picture(path: str) -> str:
    if not path.lower().endswith(PICTURE_ENDINGS):
        raise ValueError("expected a file name that ends with .svg or .png")
    return path


def _beginning_of(path: str, max_bytes: int) -> bytes:
    try:
        with opened_to_read(path) as opened:
            return opened.read(max_bytes)
    except OSError as error:
        raise ValueError(f"it cannot be read: {(error.strerror or '').lower()}") from None
