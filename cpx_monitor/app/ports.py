"""What the application asks of the world; adapters provide it."""

from collections.abc import Callable, Container, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from enum import Enum, auto
from typing import NamedTuple, Protocol

from cpx_monitor.domain.fleet import Snapshot


class Trouble(Enum):
    """Why a fleet cannot be listed, where it decides what the user can do about it.

    ``UNREACHABLE`` takes no connection; ``NO_ANSWER`` took one, or might have.
    """

    UNREACHABLE = auto()
    NO_ANSWER = auto()
    NO_SUCH_HOST = auto()
    TLS_FAILED = auto()
    OTHER_SCHEME = auto()
    REFUSED = auto()
    UNWELL = auto()
    BROKEN_OFF = auto()
    BUSY = auto()
    EXHAUSTED = auto()
    NOT_CPX = auto()
    LISTS_NOTHING = auto()
    NOTHING_ANSWERED = auto()

    @property
    def keeps_last_list(self) -> bool:
        """Whether a fleet that cannot be listed is polled by its last list.

        A server that cannot list its instances may still answer for them. One that takes no
        connection, refuses us, or has named a time to come again is left alone.
        """
        return self not in (Trouble.UNREACHABLE, Trouble.REFUSED, Trouble.BUSY)


class FleetUnavailable(Exception):
    """Nothing is known of the fleet. The message says why, for people."""

    def __init__(self, message: str, trouble: Trouble) -> None:
        super().__init__(message)
        self.trouble = trouble


class FileUnusable(Exception):
    """A file cannot be read or written, or is not what it should be. The message says why, for
    people, and ``hint`` what to do, if there is something.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


Selection = Callable[[Sequence[str]], Container[str]]
"""From the addresses listed, in address order, those to ask."""


class Fleet(Protocol):
    def snapshot(self, select: Selection | None = None) -> Snapshot:
        """Poll every listed instance once; one that fails is an ``Unknown`` in the result.

        With ``select`` only those that it picks are polled; a recording, which polls nothing, may
        hold others. Where the list of servers cannot be had, the last one has to do if the trouble
        ``keeps_last_list``, and the result says so.

        Raises:
            FleetUnavailable: there is no list of servers.
        """


class Part(NamedTuple):
    """What of a fleet is asked for: one of so many buckets, or one address, or all of it."""

    bucket: int | None = None
    buckets: int = 1
    address: str | None = None


class Collected(NamedTuple):
    """A part of a fleet, and how its list of servers is.

    ``snapshot`` is None where there never was a list. ``listed`` are all addresses, which iterate
    in address order, and ``list_number`` counts the lists there were. ``list_age_s`` is how long
    ago the latest request for the list that succeeded was sent, and ``failure`` why the latest one
    did not, for people.
    """

    snapshot: Snapshot | None
    listed: AbstractSet[str] = frozenset()
    list_number: int = 0
    list_age_s: float | None = None
    failure: str | None = None

    @property
    def is_listing(self) -> bool:
        """Whether the latest request for the list succeeded."""
        return self.list_age_s is not None and self.failure is None


class FleetInParts(Protocol):
    """A fleet that many ask for parts of, at once and again and again."""

    def collect(self, part: Part, within_s: float) -> Collected:
        """Poll that part. Those who ask for the same while it is polled share the collection, and
        each gets what is known by the time that it has.
        """

    def listing(self, within_s: float) -> Collected:
        """How the list is; nothing is polled, so there is no snapshot."""


class Clock(Protocol):
    def now(self) -> datetime:
        """The time of day, in UTC."""

    def monotonic_s(self) -> float:
        """Seconds since some moment; never jumps."""

    def sleep(self, seconds: float) -> None:
        """Let that much time pass; none where it is zero or less."""
