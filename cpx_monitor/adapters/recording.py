"""What was seen of a fleet, in a file: a line of json for each observation.

The first line names the format and its version. Observations tell their round and its time, and
the last line of a round marks it as complete, or says why it failed. A round holds those who were
asked; of the others the last observation stands, until the mark of a round says that they left.
"""

import contextlib
import json
import os
import stat
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, BinaryIO

from cpx_monitor.app.ports import (
    Clock,
    Fleet,
    FleetUnavailable,
    RecordingUnusable,
    Selection,
)
from cpx_monitor.domain.fleet import (
    Snapshot,
)

FORMAT = "cpx-monitor-recording"
VERSION = 1
_HEADER = json.dumps({"format": FORMAT, "version": VERSION}).encode() + b"\n"
HOW_TO_MAKE_ONE = "`cpx-monitor track <service> --record=<file>` makes a recording"
_USUAL_LINE_BYTES = 64 * 1024
MOST_LINE_BYTES = 64 * 1024 * 1024

Tell = Callable[[str], None]


class RecordingFleet:
    """Looks at another fleet, and writes down what it saw before anybody else hears of it.

    ``tracked`` is the service for whose sake this is done, where it is for one.

    Raises:
        RecordingUnusable: at once where the file cannot be appended to; later where it is full.
    """

    def __init__(
        self, fleet: Fleet, path: str, clock: Clock, warn: Tell, tracked: str | None = None
    ) -> None:
        self._fleet = fleet
        self._tracked = tracked
        self._clock = clock
        self._path = path
        self._listed: set[str] = set()
        try:
            self._file, self._round = _opened_to_append(path, warn)
        except OSError as error:
            raise self._failed(error) from None

    def close(self) -> None:
        """What could not be written was told when it was to be."""
        with contextlib.suppress(OSError):
            self._file.close()

    def snapshot(self, select: Selection | None = None) -> Snapshot:
        observed_at = self._clock.now()
        self._round += 1
        try:
            snapshot = self._fleet.snapshot(select)
        except FleetUnavailable as error:
            self._write([self._failure(error, observed_at)])
            raise
        self._write([*self._observations(snapshot), self._mark(snapshot)])
        return snapshot

    def _observations(self, snapshot: Snapshot) -> Iterator[dict[str, Any]]:
        when = self._when(snapshot.observed_at)
        for seen in snapshot.observations:
            yield {**when, **seen._asdict()}

    def _mark(self, snapshot: Snapshot) -> dict[str, Any]:
        listed = {seen.ip for seen in snapshot.observations}.union(snapshot.not_asked)
        left = sorted(self._listed - listed)
        self._listed = listed
        stale = snapshot.stale_list
        return {
            **self._when(snapshot.observed_at),
            "complete": True,
            "observations": len(snapshot.observations),
            "everybody_asked": not snapshot.not_asked,
            "left": left,
            "rejected": list(snapshot.rejected),
            "tracked": self._tracked,
            "source": snapshot.source,
            "took_seconds": round(snapshot.took_s, 6),
            "stale_list": None if stale is None else stale._asdict(),
        }

    def _failure(self, error: FleetUnavailable, observed_at: datetime) -> dict[str, Any]:
        return {
            **self._when(observed_at),
            "complete": False,
            "failure": str(error),
            "trouble": error.trouble.name,
        }

    def _when(self, observed_at: datetime) -> dict[str, Any]:
        return {"round": self._round, "observed_at": observed_at.isoformat()}

    def _write(self, lines: list[dict[str, Any]]) -> None:
        try:
            self._file.write("".join(json.dumps(line) + "\n" for line in lines).encode())
            self._file.flush()
        except OSError as error:
            raise self._failed(error) from None

    def _failed(self, error: OSError) -> RecordingUnusable:
        why = (error.strerror or str(error)).lower()
        return RecordingUnusable(f"cannot write {self._path}: {why}")


def _opened_to_append(path: str, warn: Tell) -> tuple[BinaryIO, int]:
    """The file, and the number of its last round."""
    import fcntl

    is_file = not os.path.exists(path) or stat.S_ISREG(os.stat(path).st_mode)
    with contextlib.ExitStack() as stack:
        file: BinaryIO = stack.enter_context(open(path, "ab+" if is_file else "ab"))
        last_round = 0
        if is_file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RecordingUnusable(f"another cpx-monitor is recording to {path}") from None
            last_round = _prepared(file, path, warn)
        else:
            file.write(_HEADER)
        file.flush()
        stack.pop_all()
    return file, last_round


def _prepared(file: BinaryIO, path: str, warn: Tell) -> int:
    """Makes the file one that rounds can be appended to; the number of its last round."""
    size = os.fstat(file.fileno()).st_size
    if size:
        file.seek(0)
        check_header(file.readline(MOST_LINE_BYTES), path)
    last_line, cut_off = _last_line(file, size)
    if cut_off:
        # What follows must begin on a line of its own, and half a line is of no use to anybody.
        warn(f"{path} was cut off in mid-line: that line is dropped")
        size -= cut_off
        file.truncate(size)
    if not size:
        file.write(_HEADER)
        return 0
    try:
        return int(json.loads(last_line).get("round", 0))
    except (ValueError, TypeError, AttributeError):
        return 0


def _last_line(file: BinaryIO, size: int) -> tuple[bytes, int]:
    """The last whole line, and how many bytes follow it."""
    read = min(size, _USUAL_LINE_BYTES)
    while True:
        file.seek(size - read)
        *before, last, rest = [b"", *file.read(read).split(b"\n")]
        # With a line's end before it, the last line is all there.
        if len(before) > 1 or read == size:
            return last, len(rest)
        read = min(size, 2 * read)


def check_header(line: bytes, path: str) -> None:
    """
    Raises:
        RecordingUnusable: the line does not begin a recording of this version.
    """
    try:
        header = json.loads(line)
        is_ours = header["format"] == FORMAT
        version = header["version"]
    except (ValueError, TypeError, KeyError, RecursionError):
        is_ours, version = False, None
    if not is_ours:
        raise RecordingUnusable(f"{path} is no recording of cpx-monitor", HOW_TO_MAKE_ONE)
    if version != VERSION:
        raise RecordingUnusable(
            f"{path} is a recording of version {version!r}, and this program reads {VERSION}"
        )
