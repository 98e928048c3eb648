"""Writes down what is seen of a fleet; ``format`` says how."""

import contextlib
import json
import os
import stat
from collections.abc import Iterator
from datetime import datetime
from typing import Any, BinaryIO

from cpx_monitor.adapters.recordings.format import (
    HEADER,
    MAX_LINE_BYTES,
    UNUSABLE,
    Tell,
    check_header,
    parsed,
)
from cpx_monitor.app.ports import (
    Clock,
    FileUnusable,
    Fleet,
    FleetUnavailable,
    Selection,
)
from cpx_monitor.domain.fleet import (
    Snapshot,
)

_BLOCK_BYTES = 64 * 1024

MAX_ROUNDS = 1 << 53


class RecordingFleet:
    """Another fleet, whose snapshots are written down before they are returned.

    ``tracked`` is the service for whose sake this is done, where it is for one; with
    ``is_begun_anew`` the first round names those that were not polled in it. A file that is moved
    away, removed or cut off meanwhile, as logrotate does, is begun anew.

    Raises:
        FileUnusable: at once where the file cannot be appended to; later where it is full.
    """

    def __init__(
        self,
        fleet: Fleet,
        path: str,
        clock: Clock,
        warn: Tell,
        tracked: str | None = None,
        *,
        is_begun_anew: bool = False,
    ) -> None:
        self._fleet = fleet
        self._tracked = tracked
        self._clock = clock
        self._path = path
        self._warn = warn
        self._listed: set[str] = set()
        self._size = 0
        self._is_begun_anew = is_begun_anew
        try:
            self._file, self._round = _opened_to_append(path, warn)
            self._size = _size_of(self._file)
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
            # A file that was begun anew knows nothing of those who are not polled now.
            snapshot = self._fleet.snapshot(None if self._is_begun_anew else select)
        except FleetUnavailable as error:
            self._look_after_file()
            self._write([self._failure(error, observed_at)])
            raise
        self._is_begun_anew = False
        self._look_after_file()
        self._write([*self._observations(snapshot), self._mark(snapshot)])
        return snapshot

    def _observations(self, snapshot: Snapshot) -> Iterator[dict[str, Any]]:
        when = self._when(snapshot.observed_at)
        for seen in snapshot.observations:
            yield {**when, **seen._asdict()}

    def _mark(self, snapshot: Snapshot) -> dict[str, Any]:
        listed = {seen.ip for seen in snapshot.observations}.union(snapshot.not_polled)
        left = sorted(self._listed - listed)
        self._listed = listed
        stale = snapshot.stale_list
        return {
            **self._when(snapshot.observed_at),
            "complete": True,
            "observations": len(snapshot.observations),
            "everybody_asked": not snapshot.not_polled,
            "left": left,
            "unseen": list(snapshot.not_polled) if self._is_begun_anew else [],
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
        text = "".join(json.dumps(line, allow_nan=False) + "\n" for line in lines)
        try:
            self._file.write(text.encode())
            self._file.flush()
            self._size = _size_of(self._file)
        except OSError as error:
            raise self._failed(error) from None

    def _look_after_file(self) -> None:
        """
        Raises:
            FileUnusable: the file that is there now cannot be appended to.
        """
        try:
            self._begin_anew_where_needed()
        except OSError as error:
            raise self._failed(error) from None

    def _begin_anew_where_needed(self) -> None:
        """Cases: it is no file; another one is in its place, or none; it was cut off; all well."""
        here = os.fstat(self._file.fileno())
        if not stat.S_ISREG(here.st_mode):
            return
        try:
            named = os.stat(self._path)
        except FileNotFoundError:
            named = None
        if named is None or (named.st_dev, named.st_ino) != (here.st_dev, here.st_ino):
            self._warn(f"{self._path} was moved or removed: recording continues in a new file")
            self._file.close()
            self._file, _ = _opened_to_append(self._path, self._warn)
        elif here.st_size < self._size:
            self._warn(f"{self._path} was truncated by another process: recording continues")
            _prepared(self._file, self._path, self._warn)
        else:
            return
        self._is_begun_anew = True

    def _failed(self, error: OSError) -> FileUnusable:
        why = (error.strerror or str(error)).lower()
        return FileUnusable(f"cannot write {self._path}: {why}")


def _opened_to_append(path: str, warn: Tell) -> tuple[BinaryIO, int]:
    """The file, and the number of its last round."""
    import fcntl

    is_file = not os.path.exists(path) or stat.S_ISREG(os.stat(path).st_mode)
    with contextlib.ExitStack() as stack:
        # A pipe without a reader is an error, and not waited for.
        opener = None if is_file else _not_waiting
        file: BinaryIO = stack.enter_context(open(path, "ab+" if is_file else "ab", opener=opener))
        last_round = 0
        if is_file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise FileUnusable(f"another cpx-monitor is recording to {path}") from None
            last_round = _prepared(file, path, warn)
        else:
            file.write(HEADER)
        file.flush()
        stack.pop_all()
    return file, last_round


def _not_waiting(path: str, flags: int) -> int:
    descriptor = os.open(path, flags | os.O_NONBLOCK)
    os.set_blocking(descriptor, True)
    return descriptor


def _size_of(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _prepared(file: BinaryIO, path: str, warn: Tell) -> int:
    """Makes the file one that rounds can be appended to; the number of its last round."""
    size = _size_of(file)
    if size:
        file.seek(0)
        first_line = file.readline(MAX_LINE_BYTES)
        if size > len(first_line) or not HEADER.startswith(first_line):  # cut off within it
            check_header(first_line, path)
    last_line, cut_off = _last_line(file, size)
    if cut_off:
        # What follows must begin on a line of its own, and half a line is of no use to anybody.
        warn(f"{path} ended in the middle of a line, which was dropped")
        size -= cut_off
        file.truncate(size)
    if not size:
        file.write(HEADER)
        return 0
    try:
        number = parsed(last_line)["round"]
    except UNUSABLE:
        return 0
    return number if isinstance(number, int) and 0 < number < MAX_ROUNDS else 0


def _last_line(file: BinaryIO, size: int) -> tuple[bytes, int]:
    """The last whole line, and how many bytes follow it; empty where it is too long to be one of
    ours.
    """
    end = _line_end_before(file, size)
    begin = _line_end_before(file, max(0, end - 1))
    file.seek(begin)
    line = file.read(end - begin) if end - begin <= MAX_LINE_BYTES else b""
    return line, size - end


def _line_end_before(file: BinaryIO, position: int) -> int:
    """Where the last line that ends before it ends; 0 where none does."""
    while position:
        read = min(position, _BLOCK_BYTES)
        file.seek(position - read)
        found = file.read(read).rfind(b"\n")
        if found >= 0:
            return position - read + found + 1
        position -= read
    return 0
