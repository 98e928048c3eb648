"""What the application asks of the world; adapters provide it."""

from collections.abc import Callable, Container, Sequence
from datetime import datetime
from enum import Enum, auto
from typing import Protocol

from cpx_monitor.domain.fleet import Snapshot


class Trouble(Enum):
    """Why a fleet cannot be listed, as far as it decides what the user can do about it."""

    UNREACHABLE = auto()
    NO_SUCH_HOST = auto()
    TLS_FAILED = auto()
    OTHER_SCHEME = auto()
    REFUSED = auto()
    UNWELL = auto()
    BUSY = auto()
    EXHAUSTED = auto()
    NOT_CPX = auto()
    LISTS_NOTHING = auto()
    NOTHING_ANSWERED = auto()


class FleetUnavailable(Exception):
    """Nothing is known of the fleet. The message says why, for people."""

    def __init__(self, message: str, trouble: Trouble) -> None:
        super().__init__(message)
        self.trouble = trouble


class RecordingUnusable(Exception):
    """A file cannot be read or written, or is no recording. The message says why, for people, and
    ``hint`` what to do, where there is something.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


Selection = Callable[[Sequence[str]], Container[str]]
"""From the addresses listed, in address order, those to ask."""


class Fleet(Protocol):
    def snapshot(self, select: Selection | None = None) -> Snapshot:
        """Look at every listed instance once; one that fails is an ``Unknown`` in the result.

        With ``select`` only those that it picks are asked. Where the list of servers cannot be had,
        the last one has to do, and the result says so.

        Raises:
            FleetUnavailable: there is no list of servers, or the server refuses us.
        """


class Clock(Protocol):
    def now(self) -> datetime:
        """The time of day, in UTC."""

    def monotonic_s(self) -> float:
        """Seconds since some moment; never jumps."""

    def sleep(self, seconds: float) -> None:
        """Let that much time pass; none where it is zero or less."""
