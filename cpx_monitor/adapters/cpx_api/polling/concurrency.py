"""How many requests to have under way at once: samples in, a number out; no clock, no gevent.

No fixed number is right. A server with one thread and a short queue loses connections beyond a
handful; one that is far away answers hundreds in the time of one. So the number is found by trying,
round by round. A round counts only requests begun after the number last changed, and ends with a
decision; trouble ends it early, and so counts once, however many requests it hits.
"""

import math
from collections.abc import Callable
from enum import Enum, auto
from typing import NamedTuple, Protocol

MIN_ROUND_S = 0.005


class Failure(Enum):
    """Refused: the server said that it is too much, or its listen queue was full. Broken: the
    connection broke. Timed out says nothing of the server, and exhausted neither: this machine
    could not even ask.
    """

    REFUSED = auto()
    BROKEN = auto()
    TIMED_OUT = auto()
    EXHAUSTED = auto()


class Answers(NamedTuple):
    """What is known of a server from when it answered, of one monotonic clock: the last time, when
    the latest request began that has been answered, and how long an answer takes typically, 0
    where that is not known. Both times are -inf where there was no answer yet. ``serves_many`` is
    whether it certainly serves several at once.
    """

    answered_at_s: float
    newest_answered_s: float
    typical_s: float
    serves_many: bool


class Limit(Protocol):
    @property
    def value(self) -> int:
        """How many requests may be under way now, those that are stuck apart."""

    @property
    def most(self) -> int:
        """How many may be under way in all, whatever becomes of them."""

    def begin_collection(self, keeps: bool) -> None:
        """Another fleet is about to be asked; ``keeps``: its server keeps connections open."""

    def occupy(self, workers: int, stuck: int, waiting: int) -> None:
        """So many connections are in use now, of which so many are stuck, and so many tasks wait;
        it matters where the limit is shared.
        """

    def when_there_is_room(self, act: Callable[[], None]) -> None:
        """To be done when others who share the limit have given a place back."""

    @property
    def waiting_elsewhere(self) -> int:
        """How many tasks wait of those who share the limit."""

    def exchange(self, answers: Answers, now_s: float) -> Answers:
        """What all those have seen who share the limit, for what this one has."""

    @property
    def round(self) -> int:
        """To be kept when a request begins, for its end is told with it."""

    def end(
        self, begun_in: int, began_s: float, ended_s: float, failure: Failure | None = None
    ) -> bool:
        """A request has ended, well or in trouble; whether ``value`` may have changed."""

    def raise_to(self, value: int) -> None:
        """So many in flight did no harm."""

    def serves_many(self) -> None:
        """The server answers out of order, so that it certainly serves several at once."""

    @property
    def limited_by(self) -> str:
        """What keeps ``value`` from being more, for people."""


class _OfOne:
    """What a limit has to say of others who share it where there are none."""

    waiting_elsewhere = 0

    def occupy(self, workers: int, stuck: int, waiting: int) -> None:
        pass

    def when_there_is_room(self, act: Callable[[], None]) -> None:
        pass

    def exchange(self, answers: Answers, now_s: float) -> Answers:
        return answers


class FixedLimit(_OfOne):
    """Just so many."""

    round = 0

    def __init__(self, value: int) -> None:
        self.value = self.most = value

    def begin_collection(self, keeps: bool) -> None:
        pass

    def end(
        self, begun_in: int, began_s: float, ended_s: float, failure: Failure | None = None
    ) -> bool:
        return False

    def raise_to(self, value: int) -> None:
        pass

    def serves_many(self) -> None:
        pass

    @property
    def limited_by(self) -> str:
        return "--concurrency says so"


class AdaptiveLimit(_OfOne):
    """Finds what a server can take, differently for the two kinds there are.

    One that closes each connection has to accept each anew, from a queue that may hold five. The
    number grows by one while less than two requests seem to wait there: of ``value`` under way,
    those that make the median latency longer than the lowest one (Little's law). Beyond five it
    goes only where latency stays flat, for then nothing queues.

    One that keeps connections has to accept each only once (see ``opening``), and where answers
    come out of order a long latency is no sign of a queue. The number doubles while that makes the
    whole faster, or leaves latency flat, and then holds the best one seen.

    What was learnt stays from one collection to the next.
    """

    FIRST_CLOSING = 2
    MAX_CLOSING_UNLESS_FLAT = 5
    FIRST_KEEPING = 8
    MAX_WAITING = 2.0
    FLAT = 1.35
    FASTER = 1.12
    BACK_OFF = 0.75
    FADING = 1.05

    def __init__(self, most: int) -> None:
        self.most = most
        self.round = 0
        self._round_began_s = math.inf
        self._latencies_s: list[float] = []
        self._begin_anew(keeps=False)

    @property
    def value(self) -> int:
        return self._value

    def begin_collection(self, keeps: bool) -> None:
        if keeps != self._keeps:
            self._begin_anew(keeps)
            return
        self._lowest_s *= self.FADING  # so that what was once does not hold for ever
        self._best_value += 1
        self._start_round()

    def end(
        self, begun_in: int, began_s: float, ended_s: float, failure: Failure | None = None
    ) -> bool:
        if begun_in != self.round:
            return False
        if failure is Failure.BROKEN and self._latencies_s:
            return False  # others are answered, so this is that one instance's trouble
        if failure is not None:
            self._back_off(failure)
            return True
        self._latencies_s.append(ended_s - began_s)
        if began_s < self._round_began_s:
            self._round_began_s = began_s
        if len(self._latencies_s) < self._samples_wanted:
            return False
        round_s = ended_s - self._round_began_s
        # A shorter one could not tell a difference from noise.
        if round_s < MIN_ROUND_S and self._keeps:
            return False
        self._decide(round_s)
        return True

    def raise_to(self, value: int) -> None:
        if value > self._value:
            self._set(value)

    def serves_many(self) -> None:
        self._has_queue = False

    @property
    def limited_by(self) -> str:
        """Cases: this machine; the server refused; its queue; more did not help; nothing yet."""
        if self._value >= self.most:
            return "this machine allows no more sockets or threads"
        if self._was_refused:
            return "the server refused more (429)"
        if self._has_queue:
            return "the server closes each connection, and more would wait in its queue"
        if not self._is_searching:
            return "more were no faster"
        return "all instances were polled before a limit was found"

    def _begin_anew(self, keeps: bool) -> None:
        self._keeps = keeps
        self._has_queue = not keeps
        self._is_searching = True
        self._lowest_s = math.inf
        self._best_rate = 0.0
        self._best_value = 1
        self._has_missed = self._was_refused = False
        self._set(self.FIRST_KEEPING if keeps else self.FIRST_CLOSING)

    def _decide(self, round_s: float) -> None:
        self._lowest_s = min(self._lowest_s, *self._latencies_s)
        median_s = sorted(self._latencies_s)[len(self._latencies_s) // 2]
        is_flat = median_s <= self.FLAT * self._lowest_s
        if not self._has_queue:
            self._decide_keeping(len(self._latencies_s) / round_s, median_s, is_flat)
        else:
            self._decide_closing(median_s, is_flat)

    def _decide_closing(self, median_s: float, is_flat: bool) -> None:
        waiting = self._value * (1 - self._lowest_s / median_s) if median_s else 0.0
        if self._value < self.MAX_CLOSING_UNLESS_FLAT and waiting < self.MAX_WAITING:
            self._set(self._value + 1)
        elif self._value >= self.MAX_CLOSING_UNLESS_FLAT and is_flat and median_s > 0.002:
            self._set(self._value * 2)
        else:
            self._start_round()

    def _decide_keeping(self, rate: float, median_s: float, is_flat: bool) -> None:
        if not self._is_searching:
            self._grow_back()
            return
        is_faster = rate > self.FASTER * self._best_rate
        if rate > self._best_rate:
            self._best_rate, self._best_value = rate, self._value
        if is_faster or is_flat:
            self._has_missed = False
            # Far away, waiting is all there is to it, and nothing is lost by a longer step.
            self._set(self._value * (4 if is_flat and median_s > MIN_ROUND_S else 2))
        elif not self._has_missed:
            self._has_missed = True
            self._start_round()
        else:
            self._is_searching = False
            self._set(self._best_value)

    def _grow_back(self) -> None:
        """After trouble, carefully: by one a round, and never again to where the trouble was."""
        self._set(self._value + 1 if self._value < self._best_value else self._value)

    def _back_off(self, failure: Failure) -> None:
        if failure is Failure.REFUSED:
            self._was_refused = True
            self._is_searching = False
            self._best_value = max(1, self._value - 1)
        self._set(int(self._value * self.BACK_OFF))

    def _set(self, value: int) -> None:
        self._value = max(1, min(value, self.most))
        self._start_round()

    def _start_round(self) -> None:
        self.round += 1
        self._samples_wanted = self._value if self._keeps else max(8, 2 * self._value)
        self._latencies_s = []
        self._round_began_s = math.inf
