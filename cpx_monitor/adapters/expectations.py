"""The file of ``at-risk --expect``: a line for each service, or a recording.

A line is ``<service> [<number of instances>]``; ``#`` starts a comment. A name that would be read
as something else stands in double quotes, as in json.
"""

import json
import re
from collections.abc import Callable, Sequence

from cpx_monitor.adapters.files import opened_to_read
from cpx_monitor.adapters.recordings.format import FORMAT
from cpx_monitor.adapters.recordings.reader import Recording
from cpx_monitor.app.expectation import Expected, expectation_of
from cpx_monitor.app.ports import FileUnusable
from cpx_monitor.app.reports import counted

MAX_BYTES = 16 * 1024 * 1024
_COMMENT = re.compile(r"(?:^|\s)#.*")
_LIKE_A_NUMBER = re.compile(r"[+-]?[0-9][0-9.,]*", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,6}", re.ASCII)


def read_expectation(path: str, warn: Callable[[str], None]) -> tuple[Expected, ...]:
    """
    Raises:
        FileUnusable: it cannot be read, or holds something else.
    """
    try:
        with opened_to_read(path) as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise _unusable(f"cannot read {path}: {why}") from None
    if content.startswith(b'{"format": "' + FORMAT.encode()):
        return _of_recording(path, warn)
    if len(content) > MAX_BYTES:
        raise _unusable(f"{path} has more than {MAX_BYTES // 1024} KiB")
    try:
        return _parsed(content.decode("utf-8-sig"), path)
    except UnicodeDecodeError:
        raise _unusable(f"{path} is not UTF-8") from None


def _of_recording(path: str, warn: Callable[[str], None]) -> tuple[Expected, ...]:
    last = Recording(path, warn).last()
    expected = expectation_of(last)
    if not expected:
        raise _unusable(f"{path} names no service")
    if last.unattributed:
        warn(
            f"{path}: nothing is expected of {counted(last.unattributed, 'instance')}"
            " that did not say of which service"
        )
    return expected


def _unusable(message: str) -> FileUnusable:
    return FileUnusable(message, "`cpx-monitor expect` writes such a file from what runs now")


def _parsed(text: str, path: str) -> tuple[Expected, ...]:
    expected: dict[str, Expected] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        found = _entry(line)
        if found is None:
            continue
        if isinstance(found, str):
            raise _unusable(f"{path}, line {number}: {found}")
        if found.service in expected:
            raise _unusable(f"{path}, line {number}: {found.service} appears twice")
        expected[found.service] = found
    if not expected:
        raise _unusable(f"{path} names no service")
    return tuple(expected.values())


def _entry(line: str) -> Expected | str | None:
    """Cases: nothing but a comment; a name, with a number or without; what is wrong with it."""
    text = line.strip()
    if text.startswith('"'):
        try:
            name, end = json.JSONDecoder().raw_decode(text)
        except ValueError:
            return "the quotes are not closed"
        number = _COMMENT.sub("", text[end:]).strip()
    else:
        words = re.split(r"\s+", _COMMENT.sub("", text).strip())
        has_number = len(words) > 1 and _NUMBER.fullmatch(words[-1])
        if len(words) > 1 and not has_number and _LIKE_A_NUMBER.fullmatch(words[-1]):
            return f"{words[-1]} is not a number of instances"
        number = words.pop() if has_number else ""
        name = " ".join(words)
        if not name:
            return None
    if not name or (number and not _NUMBER.fullmatch(number)):
        return "expected a service, then nothing or a number of instances"
    if number and not int(number):
        return "expected at least 1 instance"
    return Expected(name, int(number) if number else None)


def render_expectation(expected: Sequence[Expected]) -> str:
    """As ``read_expectation`` reads it."""
    return "".join(f"{_written(each.service)} {each.instances}\n" for each in expected)


def _written(name: str) -> str:
    is_plain = name.isprintable() and _entry(f"{name} 1") == Expected(name, 1)
    return name if is_plain else json.dumps(name)
