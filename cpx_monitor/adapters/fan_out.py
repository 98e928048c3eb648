"""Many requests at once: a bounded pool of workers, as many as the limit allows at the moment."""

import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Generic, NamedTuple, TypeVar

import gevent
from gevent.event import Event

from cpx_monitor.adapters.concurrency import Failure, Limit
from cpx_monitor.adapters.throttle import Throttle
from cpx_monitor.app.ports import Clock

STUCK_AFTER_S = 0.25
SHORTEST_WAIT_S = 0.1
_LOOK_EVERY_S = 0.1

Task = TypeVar("Task")


class Outcome(NamedTuple):
    """What became of a request.

    ``wait_s`` is the time that a refusal named, in which nobody is to be asked; ``again_after_s``
    says that the task is to be asked for once more, and how much later at the earliest.
    """

    failure: Failure | None = None
    wait_s: float | None = None
    again_after_s: float | None = None


DONE = Outcome()


class FanOut(Generic[Task]):
    """Asks for each task until all are done or the time is up."""

    def __init__(
        self,
        limit: Limit,
        throttle: Throttle,
        clock: Clock,
        ask: Callable[[Task], Outcome],
    ) -> None:
        """``ask`` gets its task's answer and keeps it, and tells here what became of it."""
        self._limit = limit
        self._throttle = throttle
        self._clock = clock
        self._ask = ask
        self._waiting: deque[Task] = deque()
        self._later: list[tuple[float, int, Task]] = []
        self._workers: set[Any] = set()
        self._began_s: dict[Any, float] = {}
        self._nobody_works = Event()
        self._ceiling: float = math.inf
        self._answered_at_s = -math.inf
        self._stuck = 0
        self._running = 0
        self._turn: Any = None
        self._ends_at_s = 0.0
        self._is_time_up = False
        self._fault: Exception | None = None
        self._turns = itertools.count()
        self._refused: set[Task] = set()
        self._is_somebody_let_in = False  # since the last refusal

    def run(self, tasks: Iterable[Task], ends_at_s: float) -> list[Task]:
        """Those that there was no time for.

        Raises:
            Exception: whatever ``ask`` raised.
        """
        self._waiting.extend(tasks)
        self._ends_at_s = ends_at_s
        try:
            self._spawn()
            while self._running or self._is_one_due_in_time:
                self._pause()
                self._put_back_those_due()
                self._make_up_for_stuck_ones()
        finally:
            gevent.killall(list(self._workers))
        if self._fault is not None:
            raise self._fault
        return [*self._waiting, *(task for _, _, task in self._later)]

    @property
    def _is_one_due_in_time(self) -> bool:
        if self._is_time_up or not self._later:
            return False
        return self._later[0][0] < self._ends_at_s

    def _pause(self) -> None:
        """Until there may be something to do."""
        due_in_s = _LOOK_EVERY_S
        if self._later:
            due_in_s = min(due_in_s, self._later[0][0] - self._clock.monotonic_s())
        if self._running:
            self._nobody_works.wait(max(0.0, due_in_s))
        else:
            self._clock.sleep(due_in_s)

    def _put_back_those_due(self) -> None:
        now_s = self._clock.monotonic_s()
        while self._later and self._later[0][0] <= now_s:
            self._waiting.append(heapq.heappop(self._later)[2])
            self._spawn()

    def _make_up_for_stuck_ones(self) -> None:
        """A request that is stuck takes no place from the others, as long as those are answered.

        A server that answers nobody is not asked for more: then nothing is made up for.
        """
        now_s = self._clock.monotonic_s()
        if self._answered_at_s > now_s - 2 * STUCK_AFTER_S:
            began = self._began_s.values()
            self._stuck = sum(now_s - began_s > STUCK_AFTER_S for began_s in began)
            self._spawn()

    @property
    def _allowed(self) -> int:
        return int(min(self._limit.value + self._stuck, self._limit.most, self._ceiling))

    def _spawn(self) -> None:
        if self._is_time_up:
            return
        for _ in range(min(self._allowed - self._running, len(self._waiting))):
            self._running += 1
            self._nobody_works.clear()
            worker = gevent.Greenlet(self._work)
            self._workers.add(worker)
            worker.start()

    def _work(self) -> None:
        worker = gevent.getcurrent()
        try:
            while self._waiting and self._running <= self._allowed:
                if self._throttle.is_active and not self._may_send():
                    break
                began_s = self._clock.monotonic_s()
                if began_s >= self._ends_at_s:
                    self._is_time_up = True
                    break
                self._began_s[worker] = began_s
                self._do(self._waiting.popleft(), began_s)
        except Exception as error:
            self._fault = error
            self._waiting.clear()
            self._later.clear()
        finally:
            self._began_s.pop(worker, None)
            self._workers.discard(worker)
            self._running -= 1
            if not self._running:
                self._nobody_works.set()

    def _may_send(self) -> bool:
        """Wait for the throttle; whether there is still something to do, and time to do it."""
        if self._turn is None:
            from gevent.lock import BoundedSemaphore  # long to import, and hardly ever needed

            self._turn = BoundedSemaphore()
        with self._turn:  # one waits for the throttle, the others for that one
            while delay_s := self._throttle.delay_s(self._clock.monotonic_s()):
                if self._clock.monotonic_s() + delay_s >= self._ends_at_s:
                    self._is_time_up = True
                    return False
                self._clock.sleep(delay_s)
        return bool(self._waiting)

    def _do(self, task: Task, began_s: float) -> None:
        begun_in = self._limit.begin()
        outcome = self._ask(task)
        ended_s = self._clock.monotonic_s()
        if outcome.failure is None:
            self._answered_at_s = ended_s
            self._throttle.accepted()
            self._is_somebody_let_in = True
            self._limit.end(begun_in, began_s, ended_s)
            if self._running < self._allowed and self._waiting:
                self._spawn()
        elif outcome.failure is Failure.REFUSED:
            self._slow_down(outcome.wait_s, begun_in, began_s, ended_s)
        elif outcome.failure is Failure.EXHAUSTED:
            self._ceiling = max(1, self._running - 1)
        else:
            self._limit.end(begun_in, began_s, ended_s, Failure.SLOW)
        if outcome.again_after_s == 0:
            self._refused.add(task)
            self._waiting.append(task)
            self._give_up_on_refusers()
        elif outcome.again_after_s is not None:
            heapq.heappush(self._later, (ended_s + outcome.again_after_s, next(self._turns), task))

    def _give_up_on_refusers(self) -> None:
        """Where nobody is let in, those who have been refused are not asked again; others may fare
        better.
        """
        if self._throttle.lets_nobody_in:
            self._waiting = deque(task for task in self._waiting if task not in self._refused)

    def _slow_down(
        self, wait_s: float | None, begun_in: int, began_s: float, ended_s: float
    ) -> None:
        is_its_own_trouble = wait_s is None and self._is_somebody_let_in
        self._is_somebody_let_in = False
        if is_its_own_trouble:
            return
        # So few were let in that it may be their number at once, and not their rate, that is too
        # much; a refusal that names no time means that anyway.
        if wait_s is None or self._throttle.accepted_since_open < self._limit.value:
            self._limit.end(begun_in, began_s, ended_s, Failure.REFUSED)
        if wait_s is None and self._limit.value == 1:
            wait_s = SHORTEST_WAIT_S  # one at a time is too much as well: then slower
        if wait_s is not None:
            self._throttle.refused(ended_s, max(wait_s, SHORTEST_WAIT_S))
