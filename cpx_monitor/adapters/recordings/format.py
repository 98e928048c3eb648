"""What was seen of a fleet, in a file: a line of json for each observation.

The first line names the format and its version. Observations tell their round and its time, and
the last line of a round marks it as complete, or says why it failed. A round holds those who were
asked; of the others the last observation stands, until the mark of a round says that they left.
"""

import json
from collections.abc import Callable
from typing import Any

from cpx_monitor.app.ports import FileUnusable

FORMAT = "cpx-monitor-recording"
VERSION = 1
HEADER = json.dumps({"format": FORMAT, "version": VERSION}).encode() + b"\n"
HOW_TO_MAKE_ONE = "`cpx-monitor track <service> --record=<file>` makes a recording"
# The longest line there can be says that 200,000 instances left; what is longer, or nested so
# deeply, was not written by this program, and would take many times its size in memory.
MAX_LINE_BYTES = 16 * 1024 * 1024
MAX_BRACKETS = 300_000
# What parsing a line, or using what it holds, may raise: it is not as this program writes it.
UNUSABLE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
Tell = Callable[[str], None]


def parsed(line: bytes) -> dict[str, Any]:
    """
    Raises:
        UNUSABLE: the line holds no json object, or NaN, which is no json, or more than any of ours.
    """
    if line.count(b"[") + line.count(b"{") > MAX_BRACKETS:
        raise ValueError("nested too often")
    entry = json.loads(line, parse_constant=_refuse, object_pairs_hook=_without_contradiction)
    if not isinstance(entry, dict):
        raise ValueError("no object")
    return entry


def _without_contradiction(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name appears twice")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no json")


def check_header(line: bytes, path: str) -> None:
    """
    Raises:
        FileUnusable: the line does not begin a recording of this version.
    """
    try:
        header = parsed(line)
        is_ours = header["format"] == FORMAT
        version = header["version"]
    except UNUSABLE:
        is_ours, version = False, None
    if not is_ours:
        raise FileUnusable(f"{path} is not a cpx-monitor recording", HOW_TO_MAKE_ONE)
    if version != VERSION:
        raise FileUnusable(
            f"{path} is a recording of version {str(version)[:40]}; this program reads {VERSION}"
        )
