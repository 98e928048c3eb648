"""Which requests are stuck, and what follows: pure, from what fifty looks a second see.

A server that is busy answers late but in order: what was sent first is answered first. So a request
is *late* when it takes much longer than others do and one that was sent after it has been answered:
then it is stuck by itself, and takes no place from the others. A server that serves one at a time
is never late in this sense, and its short queue is never overrun.

Where nothing is answered at all, either everything is stuck that was polled so far, or one that is
holds up a server that serves one at a time. More are tried, one a look, as long as connecting does
not stall.

A request that is late, or that everything else seems to wait for, is given up after a second where
that helps the others; its instance is polled again at the end, with the whole time-out.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from cpx_monitor.adapters.cpx_api.polling.concurrency import Answers
from cpx_monitor.adapters.cpx_api.polling.opening import upper

LATE_S = 0.02
LATE_TIMES_TYPICAL = 4
OUT_OF_ORDER_S = 0.01  # threads that begin together do not connect in that order
SILENT_S = 0.25
GIVEN_UP_AFTER_S = 1.0
GIVEN_UP_TIMES_LOWEST = 10
MANY_IN_VAIN = 5
MANY_NOT_ACCEPTED = 4
ENOUGH_ANSWERED = 20
MANY_OUT_OF_ORDER = 3
MAX_SPREAD = 20.0
FADING = 0.95
CALM_S = 0.003
CALM_TIMES_LOWEST = 1.35


class Request(Protocol):
    """The one that a worker has in flight: when it began, and whether it is still connecting;
    ``took_s`` is how long the worker's last answer took, 0 where it had none, and ``is_served``
    says that its connection has carried an answer.
    """

    began_s: float
    took_s: float
    is_served: bool

    @property
    def is_connecting(self) -> bool: ...


R = TypeVar("R", bound=Request)


class Traffic:
    """``late`` is how many requests are late, ``extra`` how many more are tried in a silence, and
    ``spread`` how many have to be sent for one that is answered. ``typical_s`` is how long an
    answer takes, ``upper_s`` what four fifths are under, and ``is_calm`` whether answers come
    without delay, so that the server has time to accept more connections. All times are of one
    monotonic clock.

    ``is_serial`` is whether the server may serve one at a time, as far as is known.
    ``answered_at_s`` is when the last answer came, ``newest_answered_s`` when the latest request
    began that has been answered, and ``out_of_order`` how many were answered after one that began
    clearly later.
    """

    def __init__(self, now_s: float) -> None:
        self.answered_at_s = now_s  # no answer yet
        self.newest_answered_s = -math.inf
        self.late = self.extra = 0
        self.spread = 1.0
        self.out_of_order = 0
        self.typical_s = self.upper_s = 0.0
        self.is_calm = True
        self._lowest_s = math.inf
        self._acted_at_s = -math.inf
        self._in_vain = 0  # how many were given up since the last answer, and nothing came of it
        self._is_silent = False
        self.is_serial = True
        self._late_requests: Sequence[Request] = ()
        self._was_late_when_kept = False
        self._stuck = -math.inf, -math.inf
        self._answered = 0
        self._recently_answered = self._recently_late = 0.0

    def on_answered(self, began_s: float, ended_s: float) -> None:
        """A request that began then was answered."""
        self.answered_at_s = ended_s
        if began_s > self.newest_answered_s:
            self.newest_answered_s = began_s
        elif began_s < self.newest_answered_s - OUT_OF_ORDER_S:
            self.out_of_order += 1

    @property
    def answers(self) -> Answers:
        has_answered = self.newest_answered_s > -math.inf
        return Answers(
            self.answered_at_s if has_answered else -math.inf,
            self.newest_answered_s,
            self.typical_s,
            self.serves_many,
        )

    def hear(self, answers: Answers) -> None:
        """What has been seen of the server by all."""
        self.answered_at_s = max(self.answered_at_s, answers.answered_at_s)
        self.newest_answered_s, self.typical_s = answers.newest_answered_s, answers.typical_s
        self.is_serial = self.is_serial and not answers.serves_many

    def look(
        self,
        now_s: float,
        in_flight: Sequence[Request],
        workers: Iterable[Request],
        answered: int,
        is_full: bool,
    ) -> bool:
        """Take in what is in flight, the oldest first, how many were answered so far, and whether
        there is no room for more; whether a silence has ended in which more were tried.
        """
        self._measure([worker.took_s for worker in workers if worker.took_s])
        late_after_s = max(LATE_S, LATE_TIMES_TYPICAL * self.typical_s)
        self._late_requests = [
            each
            for each in in_flight
            if each.began_s < self.newest_answered_s - OUT_OF_ORDER_S
            and now_s - each.began_s > late_after_s
        ]
        self._was_late_when_kept |= any(each.is_served for each in self._late_requests)
        self._measure_spread(answered)
        self.is_serial = self.is_serial and not (self.late or self.serves_many)
        self._is_silent = bool(in_flight) and self._silence_s(now_s, in_flight) > SILENT_S
        if self.answered_at_s > self._acted_at_s:
            self._in_vain = 0
        if not self._is_silent:
            was_extra, self.extra = self.extra, 0
            return was_extra > 0
        # One that has answered, and in order, is not helped by a longer queue.
        may_be_stuck_itself = self.is_serial and self.newest_answered_s > -math.inf
        is_connecting = any(each.is_connecting for each in in_flight)
        if is_full and not may_be_stuck_itself and not is_connecting:
            self.extra += 1
        return False

    def to_give_up(
        self, now_s: float, firsts: Sequence[R], waiting: int, is_at_most: bool
    ) -> Sequence[R]:
        """Those of the requests in flight, the oldest first, whose place others need.

        Cases: there is no room for more, and some are late; the server seems to serve one at a
        time, and the others wait behind the oldest; none.
        """
        if is_at_most and waiting:
            late = {id(each) for each in self._late_requests}
            old = [
                each
                for each in firsts
                if id(each) in late and now_s - each.began_s > GIVEN_UP_AFTER_S
            ]
            if old:
                return old[:waiting]
        if not (self._is_silent and self.is_serial and firsts and (waiting or firsts[1:])):
            return ()
        # Not the typical time, for those that waited behind others took long. Where the next one is
        # not answered at once, it is stuck as well.
        times = SILENT_S if self._in_vain else GIVEN_UP_AFTER_S
        patience_s = max(times, GIVEN_UP_TIMES_LOWEST * self._lowest_s)
        if self.newest_answered_s == -math.inf or (
            now_s - max(self._acted_at_s, self.answered_at_s, firsts[0].began_s) < patience_s
        ):
            return ()
        self._acted_at_s = now_s
        self._in_vain += 1
        # No server that serves one at a time has so many in a row that are stuck.
        self.is_serial = self._in_vain < MANY_IN_VAIN
        return firsts[:1]

    def _measure_spread(self, answered: int) -> None:
        newly_late = max(0, len(self._late_requests) - self.late)
        self.late = len(self._late_requests)
        self._recently_late = FADING * self._recently_late + newly_late
        self._recently_answered = FADING * self._recently_answered + answered - self._answered
        self._answered = answered
        sent = 1 + self._recently_answered + self._recently_late
        self.spread = min(MAX_SPREAD, sent / (1 + self._recently_answered))

    @property
    def serves_many(self) -> bool:
        """Whether the server certainly serves several at once."""
        return self.out_of_order >= MANY_OUT_OF_ORDER

    @property
    def is_not_accepting(self) -> bool:
        """Whether a server that keeps connections serves no more of them: the first request over
        several is late, many others were answered, and none was ever late over one that had
        answered before.
        """
        return (
            self.late >= MANY_NOT_ACCEPTED
            and self._answered >= ENOUGH_ANSWERED
            and not self._was_late_when_kept
        )

    def on_stuck(self, began_s: float, ended_s: float) -> bool:
        """A request has timed out or was given up; whether it had been waiting behind another that
        was, on a server that serves one at a time.
        """
        first_began_s, last_ended_s = self._stuck
        if began_s > last_ended_s:  # the server has got past those
            self._stuck = began_s, ended_s
            return False
        self._stuck = min(first_began_s, began_s), max(last_ended_s, ended_s)
        is_answered = self.newest_answered_s > began_s
        return self.is_serial and began_s > first_began_s and not is_answered

    def _silence_s(self, now_s: float, in_flight: Sequence[Request]) -> float:
        return now_s - max(self.answered_at_s, in_flight[0].began_s)

    def _measure(self, took_s: Sequence[float]) -> None:
        if not took_s:
            return
        self.typical_s = sorted(took_s)[len(took_s) // 2]
        self.upper_s = upper(took_s)
        self._lowest_s = min(self._lowest_s, *took_s)
        self.is_calm = self.typical_s <= max(CALM_S, CALM_TIMES_LOWEST * self._lowest_s)
