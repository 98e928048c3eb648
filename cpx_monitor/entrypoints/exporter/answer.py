"""What a path answers, before it is HTTP."""

import json
from typing import Any, NamedTuple

JSON = "application/json"
PLAIN = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"


class Answer(NamedTuple):
    """``headers`` are those beside the type and the length of the body."""

    status: str
    content_type: str
    body: str
    headers: tuple[tuple[str, str], ...] = ()


class Refused(Exception):
    """The request cannot be answered as it is; the message says why."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status


BAD_REQUEST = "400 Bad Request"
NOT_FOUND = "404 Not Found"
UNAVAILABLE = "503 Service Unavailable"


def plain(text: str, status: str = "200 OK", *headers: tuple[str, str]) -> Answer:
    return Answer(status, PLAIN, f"{text}\n", headers)


def as_json(document: Any, status: str = "200 OK") -> Answer:
    return Answer(status, JSON, json.dumps(document) + "\n")
