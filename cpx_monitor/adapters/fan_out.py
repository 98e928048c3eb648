"""Many requests at once: a bounded pool of workers, as many as the limit allows at the moment."""

from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum, auto
from typing import Any, Generic, NamedTuple, TypeVar

import gevent

from cpx_monitor.adapters.concurrency import Limit, Trouble
from cpx_monitor.adapters.throttle import Throttle
from cpx_monitor.app.ports import Clock

Task = TypeVar("Task")


class Outcome(Enum):
    DONE = auto()
    TIMED_OUT = auto()


class Refused(NamedTuple):
    """The server did not want the request now. With ``wait_s`` it named a time to come again;
    ``again`` says whether the task is to be asked for once more without one.
    """

    wait_s: float | None
    again: bool


class FanOut(Generic[Task]):
    """Asks for each task until all are done or the time is up."""

    def __init__(
        self,
        limit: Limit,
        throttle: Throttle,
        clock: Clock,
        ask: Callable[[Task], Outcome | Refused],
    ) -> None:
        """``ask`` gets its task's answer and keeps it, and tells here what became of it."""
        self._limit = limit
        self._throttle = throttle
        self._clock = clock
        self._ask = ask
        self._waiting: deque[Task] = deque()
        self._workers: list[gevent.Greenlet[[], None]] = []
        self._running = 0
        self._turn: Any = None
        self._ends_at_s = 0.0
        self._fault: Exception | None = None

    def run(self, tasks: Iterable[Task], ends_at_s: float) -> list[Task]:
        """Those that there was no time for.

        Raises:
            Exception: whatever ``ask`` raised.
        """
        self._waiting.extend(tasks)
        self._ends_at_s = ends_at_s
        try:
            self._spawn()
            # Not joinall: workers start others.
            for worker in self._workers:
                worker.join()
        finally:
            gevent.killall(self._workers)
        if self._fault is not None:
            raise self._fault
        return list(self._waiting)

    def _spawn(self) -> None:
        for _ in range(min(self._limit.value - self._running, len(self._waiting))):
            self._running += 1
            self._workers.append(gevent.spawn(self._work))

    def _work(self) -> None:
        try:
            while self._waiting and self._running <= self._limit.value:
                if self._throttle.is_active and not self._may_send():
                    break
                began_s = self._clock.monotonic_s()
                if began_s >= self._ends_at_s:
                    break
                self._do(self._waiting.popleft(), began_s)
        except Exception as error:
            self._fault = error
            self._waiting.clear()
        finally:
            self._running -= 1

    def _may_send(self) -> bool:
        """Wait for the throttle; whether there is still something to do, and time to do it."""
        if self._turn is None:
            from gevent.lock import BoundedSemaphore  # long to import, and hardly ever needed

            self._turn = BoundedSemaphore()
        with self._turn:  # one waits for the throttle, the others for that one
            while delay_s := self._throttle.delay_s(self._clock.monotonic_s()):
                if self._clock.monotonic_s() + delay_s >= self._ends_at_s:
                    return False
                self._clock.sleep(delay_s)
        return bool(self._waiting)

    def _do(self, task: Task, began_s: float) -> None:
        begun_in = self._limit.begin()
        outcome = self._ask(task)
        ended_s = self._clock.monotonic_s()
        if outcome is Outcome.DONE:
            self._throttle.accepted()
            self._limit.end(begun_in, began_s, ended_s)
            if self._running < self._limit.value and self._waiting:
                self._spawn()
        elif isinstance(outcome, Refused):
            self._refused(task, outcome, begun_in, began_s, ended_s)
        else:
            self._limit.end(begun_in, began_s, ended_s, Trouble.SLOW)

    def _refused(
        self, task: Task, refused: Refused, begun_in: int, began_s: float, ended_s: float
    ) -> None:
        if refused.wait_s is not None:
            self._throttle.refused(ended_s, refused.wait_s)
            self._waiting.append(task)
        else:
            self._limit.end(begun_in, began_s, ended_s, Trouble.REFUSED)
            if refused.again:
                self._waiting.append(task)
