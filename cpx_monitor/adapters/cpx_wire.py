"""What CPX sends, turned into values or into a reason; a string like "61%" gets no further.

Parsing is total: any bytes give a value or a reason that a person understands.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cpx_monitor.domain.fleet import (
    Instance,
    Observation,
    Unknown,
    address_order,
    canonical_address,
)

MOST_SERVICE_NAME_CHARACTERS = 256
MOST_QUOTED_CHARACTERS = 40

# Nearly every percentage is one of these, and finding it here is faster than reading it.
_WHOLE_PERCENTAGES: Mapping[object, int] = {f"{number}%": number for number in range(101)}
_PERCENTAGE = re.compile(r"(?:100(?:\.0+)?|[0-9]{1,2}(?:\.[0-9]+)?)%", re.ASCII)


# json.loads would first look for the encoding; JSON on the wire is UTF-8 (RFC 8259, 8.1).
_decode_json = json.JSONDecoder().decode


class BadAnswer(Exception):
    """An answer that is not what CPX promises; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The list of servers: canonical address to its spelling in the list, in address order."""

    spelling_of: Mapping[str, str]
    rejected: tuple[str, ...]


def parse_listing(body: bytes) -> Listing:
    """The answer to ``GET /servers``. What is in the list but is no address is rejected.

    Raises:
        BadAnswer: it is not a JSON list.
    """
    entries = _json(body)
    if not isinstance(entries, list):
        raise BadAnswer(f"a JSON list was expected, not {_quoted(entries)}")
    spelling_of: dict[str, str] = {}
    rejected: list[str] = []
    for entry in entries:
        try:
            ip = canonical_address(entry)
        except (TypeError, ValueError):
            rejected.append(_quoted(entry))
        else:
            spelling_of.setdefault(ip, entry)
    in_order = sorted(spelling_of, key=address_order)
    return Listing({ip: spelling_of[ip] for ip in in_order}, tuple(rejected))


def parse_instance(ip: str, body: bytes) -> Observation:
    """The answer to ``GET /<ip>``: the instance, or why it is unknown."""
    try:
        answer = _json(body)
        if not isinstance(answer, dict):
            raise BadAnswer(f"a JSON object was expected, not {_quoted(answer)}")
        service = _service_name(answer)
    except BadAnswer as error:
        return Unknown(ip, str(error))
    try:
        return Instance(ip, service, _percentage(answer, "cpu"), _percentage(answer, "memory"))
    except BadAnswer as error:
        return Unknown(ip, str(error), service)


def _json(body: bytes) -> Any:
    try:
        return _decode_json(body.decode())
    except (ValueError, RecursionError):
        raise BadAnswer("not valid JSON" if body else "an empty answer") from None


def _service_name(answer: Mapping[str, Any]) -> str:
    name = _field(answer, "service")
    if not isinstance(name, str) or not name.strip():
        raise BadAnswer(f"service is {_quoted(name)}")
    if len(name) > MOST_SERVICE_NAME_CHARACTERS:
        raise BadAnswer(f"the service name is longer than {MOST_SERVICE_NAME_CHARACTERS}")
    return name


def _percentage(answer: Mapping[str, Any], key: str) -> float:
    text = _field(answer, key)
    if isinstance(text, str) and (whole := _WHOLE_PERCENTAGES.get(text)) is not None:
        return whole
    if not isinstance(text, str) or not _PERCENTAGE.fullmatch(text):
        raise BadAnswer(f"{key} is {_quoted(text)}")
    number = text[:-1]
    return float(number) if "." in number else int(number)


def _field(answer: Mapping[str, Any], key: str) -> Any:
    try:
        return answer[key]
    except KeyError:
        raise BadAnswer(f"{key} is missing") from None


def _quoted(value: Any) -> str:
    """The value, cut to a length that fits into a sentence."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    is_text = isinstance(value, str)
    text = repr(value[: MOST_QUOTED_CHARACTERS + 1]) if is_text else json.dumps(value)
    if len(text) <= MOST_QUOTED_CHARACTERS:
        return text
    return text[:MOST_QUOTED_CHARACTERS] + "…"
