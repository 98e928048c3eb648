"""What CPX sends, turned into values or into a reason; a string like "61%" gets no further.

Parsing is total: any bytes give a value or a reason that a person understands.
"""

import json
import re
from _socket import AF_INET, inet_pton
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from cpx_monitor.domain.fleet import (
    Instance,
    Observation,
    Unknown,
    address_order,
    canonical_address,
)

MAX_LISTED = 200_000
MAX_SERVICE_NAME_CHARACTERS = 256
MAX_QUOTED_CHARACTERS = 40

# Nearly every percentage is one of these, and finding it here is faster than reading it.
_WHOLE_PERCENTAGES = {f"{number}%": number for number in range(101)}
_PERCENTAGE = re.compile(r"(?:100(?:\.0+)?|[0-9]{1,2}(?:\.[0-9]+)?)%", re.ASCII)


_MISSING = object()

# json.loads would look for the encoding, though JSON on the wire is UTF-8 (RFC 8259, 8.1), and for
# white space around the value, which is hardly ever there.
_DECODER = json.JSONDecoder()
_scan_json: Callable[[str, int], tuple[Any, int]] = _DECODER.scan_once  # type: ignore[attr-defined]


class BadAnswer(Exception):
    """An answer that is not what CPX promises; the message says what is wrong with it."""


class Listing(NamedTuple):
    """The list of servers: canonical address to its spelling in the list, in address order."""

    spelling_of: Mapping[str, str]
    rejected: tuple[str, ...]


def parse_listing(body: bytes) -> Listing:
    """The answer to ``GET /servers``. What is in the list but is no address is rejected.

    Raises:
        BadAnswer: it is not a JSON list, or one of more than ``MAX_LISTED`` entries.
    """
    # Before it is read: what takes a few bytes in JSON takes many in memory.
    if body.count(b",") >= MAX_LISTED:
        raise BadAnswer(f"more than {MAX_LISTED:,} servers are listed")
    entries = _json(body)
    if not isinstance(entries, list):
        raise BadAnswer(f"expected a JSON list, not {_quoted(entries)}")
    packed_of: dict[str, bytes] = {}  # IPv4, by which it is ordered
    others: dict[str, str] = {}
    rejected: list[str] = []
    for entry in entries:
        try:
            packed_of[entry] = inet_pton(AF_INET, entry)
        except (TypeError, ValueError, OSError):
            try:
                others.setdefault(canonical_address(entry), entry)
            except (TypeError, ValueError):
                rejected.append(_quoted(entry))
    mapped = {ip: others.pop(ip) for ip in list(others) if ":" not in ip}  # IPv4 as IPv6
    for ip in mapped.keys() & packed_of.keys():
        del mapped[ip]
    packed_of.update({ip: inet_pton(AF_INET, ip) for ip in mapped})
    ipv4 = sorted(packed_of, key=packed_of.__getitem__)
    spelling_of = {ip: ip for ip in ipv4} | mapped
    for ip in sorted(others, key=address_order):
        spelling_of[ip] = others[ip]
    return Listing(spelling_of, tuple(rejected))


def parse_instance(ip: str, body: bytes) -> Observation:
    """The answer to ``GET /<ip>``: the instance, or why it is unknown."""
    try:
        answer = _json(body)
        if not isinstance(answer, dict):
            raise BadAnswer(f"expected a JSON object, not {_quoted(answer)}")
        # A colon follows each name, so there may be one name twice where there are more colons.
        if body.count(b":") > len(answer):
            json.loads(body, object_pairs_hook=_check_for_contradiction)
        service = _service_name(answer)
    except BadAnswer as error:
        return Unknown(ip, str(error))
    try:
        return Instance(ip, service, _percentage(answer, "cpu"), _percentage(answer, "memory"))
    except BadAnswer as error:
        return Unknown(ip, str(error), service)


def _json(body: bytes) -> Any:
    try:
        text = body.decode()
        try:
            value, end = _scan_json(text, 0)
        except StopIteration:
            return _DECODER.decode(text)
        return value if end == len(text) else _DECODER.decode(text)
    except (ValueError, RecursionError):
        raise BadAnswer("not valid JSON" if body else "an empty answer") from None


def _check_for_contradiction(pairs: list[tuple[str, Any]]) -> None:
    """
    Raises:
        BadAnswer: a name appears twice, so which of its values is meant is not known.
    """
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise BadAnswer(f"{_quoted(name)} appears twice")
        seen.add(name)


def _service_name(answer: Mapping[str, Any]) -> str:
    name = answer.get("service", _MISSING)
    if isinstance(name, str) and len(name) <= MAX_SERVICE_NAME_CHARACTERS and name.strip():
        return name
    if isinstance(name, str) and name.strip():
        raise BadAnswer(f"the service name is longer than {MAX_SERVICE_NAME_CHARACTERS}")
    raise _not_usable("service", name)


def _percentage(answer: Mapping[str, Any], key: str) -> float:
    text = answer.get(key, _MISSING)
    if isinstance(text, str):
        whole = _WHOLE_PERCENTAGES.get(text)
        if whole is not None:
            return whole
        if _PERCENTAGE.fullmatch(text):
            number = text[:-1]
            return float(number) if "." in number else int(number)
    raise _not_usable(key, text)


def _not_usable(key: str, value: object) -> BadAnswer:
    return BadAnswer(f"{key} is {'missing' if value is _MISSING else _quoted(value)}")


def _quoted(value: Any) -> str:
    """The value, cut to a length that fits into a sentence."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    is_text = isinstance(value, str)
    text = repr(value[: MAX_QUOTED_CHARACTERS + 1]) if is_text else json.dumps(value)
    if len(text) <= MAX_QUOTED_CHARACTERS:
        return text
    return text[:MAX_QUOTED_CHARACTERS] + "…"
