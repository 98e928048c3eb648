"""Reads recordings; ``format`` describes them."""

import math
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from cpx_monitor.adapters.files import opened_to_read
from cpx_monitor.adapters.recordings.format import (
    HOW_TO_MAKE_ONE,
    MAX_LINE_BYTES,
    UNUSABLE,
    Tell,
    check_header,
    parsed,
)
from cpx_monitor.app.ports import FileUnusable, FleetUnavailable, Trouble
from cpx_monitor.domain.fleet import (
    Instance,
    Observation,
    Snapshot,
    StaleList,
    Unknown,
    canonical_address,
    in_address_order,
)

# At the rim of the calendar neither zones nor pictures work.
YEARS = range(1970, 9000)
_MAX_TOLD = 5


_Known = dict[str, tuple[datetime, Observation]]
"""What was last seen of each address, and when."""


class _PartMissing(Exception):
    """A round has fewer observations than its mark says."""


class RecordedRound(NamedTuple):
    """``tracked`` is the service for whose sake it was recorded, where it was for one."""

    observed_at: datetime
    outcome: Snapshot | FleetUnavailable
    tracked: str | None = None


class Recording:
    """A recording to read. What is damaged is left out, and told with the number of its line."""

    def __init__(self, path: str, warn: Tell) -> None:
        self._path = path
        self._warn = warn
        self._known: _Known = {}
        self._damaged = 0

    def rounds(self) -> Iterator[RecordedRound]:
        """From the beginning; a round that is not complete is left out.

        Raises:
            FileUnusable: there is no such file, or it is no recording.
        """
        asked: dict[str, Observation] = {}
        under_way: Any = None
        for number, line in self._lines():
            try:
                entry = parsed(line)
                if "format" in entry:  # recordings put one behind the other
                    check_header(line, self._path)
                    under_way = None
                    continue
                if entry["round"] != under_way:
                    self._tell_unfinished(asked)
                    under_way, asked = entry["round"], {}
                if "ip" in entry:
                    seen = _observation(entry)
                    asked[seen.ip] = seen
                    continue
                whole, asked = asked, {}
                yield self._round(entry, whole)
            except _PartMissing:
                self._tell_damaged(f": the round that ends in line {number} is incomplete")
            except UNUSABLE:
                self._tell_damaged(f", line {number}: ignored, it cannot be read")
        self._tell_unfinished(asked)
        if self._damaged > _MAX_TOLD:
            self._warn(f"{self._path}: {self._damaged - _MAX_TOLD} more lines are damaged")

    def _tell_damaged(self, what: str) -> None:
        self._damaged += 1
        if self._damaged <= _MAX_TOLD:
            self._warn(self._path + what)

    def _tell_unfinished(self, asked: Mapping[str, Observation]) -> None:
        if asked:
            self._warn(f"{self._path}: an unfinished round was ignored")

    def check(self) -> None:
        """Whether it can be read; of a pipe that cannot be known before.

        Raises:
            FileUnusable: there is no such file, or it is no recording.
        """
        if not os.path.exists(self._path) or os.path.isfile(self._path):
            next(self._lines(), None)

    def last(self) -> Snapshot:
        """The last complete round, filled up with what was last seen of those it did not poll.

        Raises:
            FileUnusable: there is none, or no such file, or it is no recording.
        """
        last, known, failed = self._closest(lambda recorded, before: True)
        if failed:
            rounds = "round" if len(failed) == 1 else f"{len(failed)} rounds"
            self._warn(
                f"{self._path}: the last {rounds} failed, from {failed[0].observed_at:%H:%M:%S}:"
                f" {failed[-1].outcome}"
            )
        return self._filled_up(last, known, "the last round")

    def nearest(self, moment: datetime) -> Snapshot:
        """The complete round that began nearest to that moment, of several the later one; filled
        up as the last one is.

        Raises:
            FileUnusable: there is none, or no such file, or it is no recording.
        """

        def is_closer(recorded: RecordedRound, before: Snapshot) -> bool:
            return abs(recorded.observed_at - moment) <= abs(before.observed_at - moment)

        chosen, known, _ = self._closest(is_closer)
        return self._filled_up(chosen, known, "that round")

    def _closest(
        self, is_closer: Callable[[RecordedRound, Snapshot], bool]
    ) -> tuple[Snapshot, _Known, list[RecordedRound]]:
        """The round chosen, what was known in it, and the rounds after it that failed."""
        chosen: tuple[Snapshot, _Known] | None = None
        failed: list[RecordedRound] = []
        for recorded in self.rounds():
            if not isinstance(recorded.outcome, Snapshot):
                failed.append(recorded)
            elif chosen is None or is_closer(recorded, chosen[0]):
                # Every round makes a dict of its own.
                chosen, failed = (recorded.outcome, self._known), []
        if chosen is None:
            raise FileUnusable(f"{self._path} holds no complete round")
        return *chosen, failed

    def _filled_up(self, snapshot: Snapshot, known: _Known, which: str) -> Snapshot:
        if snapshot.not_polled:
            oldest = min(seen_at for seen_at, _ in known.values())
            age_s = (snapshot.observed_at - oldest).total_seconds()
            self._warn(
                f"{len(snapshot.not_polled)} of {len(known)} instances were not polled in {which}:"
                f" what is shown of them is up to {age_s:.0f} s older"
            )
        all_seen = in_address_order(seen for _, seen in known.values())
        return snapshot._replace(observations=all_seen, not_polled=())

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        try:
            with opened_to_read(self._path) as file:
                check_header(file.readline(MAX_LINE_BYTES), self._path)
                number = 1
                while line := file.readline(MAX_LINE_BYTES):
                    number += 1
                    if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
                        while not line.endswith(b"\n") and line:
                            line = file.readline(MAX_LINE_BYTES)
                        yield number, b"too long"
                    elif not line.endswith(b"\n"):
                        self._warn(f"{self._path} ends in the middle of a line: read up to there")
                        return
                    elif line.strip():
                        yield number, line
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise FileUnusable(f"cannot read {self._path}: {why}", HOW_TO_MAKE_ONE) from None

    def _round(self, mark: dict[str, Any], asked: dict[str, Observation]) -> RecordedRound:
        observed_at = datetime.fromisoformat(mark["observed_at"])
        if observed_at.tzinfo is None:
            raise ValueError("a time of no zone")
        observed_at = observed_at.astimezone(UTC)
        if observed_at.year not in YEARS:
            raise ValueError("a time in no such year")
        if not _flag(mark["complete"]):
            failure = FleetUnavailable(_text(mark["failure"]), Trouble[mark["trouble"]])
            return RecordedRound(observed_at, failure)
        if _whole(mark["observations"]) != len(asked):
            raise _PartMissing
        stale = mark["stale_list"]
        snapshot = Snapshot(
            source=_text(mark["source"]),
            observed_at=observed_at,
            took_s=_seconds(mark["took_seconds"]),
            observations=in_address_order(asked.values()),
            rejected=tuple(_text(entry) for entry in mark["rejected"]),
            stale_list=stale and StaleList(_seconds(stale["age_s"]), _text(stale["reason"])),
        )
        left = {_text(ip) for ip in mark["left"]}
        before = {} if _flag(mark["everybody_asked"]) else self._known
        self._known = {ip: seen for ip, seen in before.items() if ip not in left}
        for ip in mark.get("unseen", ()):
            unseen = Unknown(canonical_address(_text(ip)), "not polled since this file began")
            self._known.setdefault(unseen.ip, (observed_at, unseen))
        self._known.update((ip, (observed_at, seen)) for ip, seen in asked.items())
        not_polled = tuple(ip for ip in self._known if ip not in asked)
        return RecordedRound(
            observed_at,
            snapshot._replace(not_polled=not_polled),
            _text(mark["tracked"]) if mark.get("tracked") else None,
        )


def _observation(entry: dict[str, Any]) -> Observation:
    """
    Raises:
        ValueError, KeyError: it is none.
    """
    ip = canonical_address(_text(entry["ip"]))
    service = entry["service"]
    if "reason" in entry:
        return Unknown(ip, _text(entry["reason"]), None if service is None else _text(service))
    return Instance(
        ip, _text(service), _percent(entry["cpu_percent"]), _percent(entry["memory_percent"])
    )


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("no text")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("neither true nor false")
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("no whole number")
    return value


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise ValueError("no time")
    return float(value)


def _percent(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 100:
        raise ValueError("no percentage")
    return value
