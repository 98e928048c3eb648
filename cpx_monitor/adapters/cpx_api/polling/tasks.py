"""The tasks of one collection: which is next, and which comes again, and when; pure."""

import heapq
import itertools
from collections import deque
from collections.abc import Iterable
from typing import Generic, TypeVar

Task = TypeVar("Task")


class Tasks(Generic[Task]):
    """``waiting`` go next, the first one first. Apart are those that come again at a time, and
    those that come again once nothing else waits. Times are of one monotonic clock.
    """

    def __init__(self, tasks: Iterable[Task], *, are_last_attempts: bool = False) -> None:
        self.waiting = deque(tasks)
        self._later: list[tuple[float, int, Task]] = []
        self._at_the_end: list[Task] = []
        self._last_attempts = set(self.waiting) if are_last_attempts else set()
        self._refused: set[Task] = set()
        self._turns = itertools.count()

    def is_last_attempt(self, task: Task) -> bool:
        return task in self._last_attempts

    def again_later(self, task: Task, due_s: float, *, is_last_attempt: bool) -> None:
        if is_last_attempt:
            self._last_attempts.add(task)
        heapq.heappush(self._later, (due_s, next(self._turns), task))

    def again_at_the_end(self, task: Task) -> None:
        """It is its last attempt."""
        self._last_attempts.add(task)
        self._at_the_end.append(task)

    def again_with_all(self, task: Task) -> None:
        """It was refused, and waits with all the others until they are let in."""
        self._refused.add(task)
        self.waiting.append(task)

    def drop_refused(self) -> None:
        """Those that were refused with the others are not asked for again."""
        kept = [task for task in self.waiting if task not in self._refused]
        self.waiting.clear()
        self.waiting.extend(kept)

    def turn_to_due(self, now_s: float) -> None:
        """What was to come again by now goes next."""
        due = []
        while self._later and self._later[0][0] <= now_s:
            due.append(heapq.heappop(self._later)[2])
        self.waiting.extendleft(reversed(due))

    @property
    def is_only_the_end_left(self) -> bool:
        """Whether nothing waits but what comes again at the end."""
        return bool(self._at_the_end) and not self.waiting

    def turn_to_the_end(self) -> None:
        self.waiting.extend(self._at_the_end)
        self._at_the_end.clear()

    def are_left(self, ends_at_s: float) -> bool:
        """Whether any may still be asked for before that time."""
        is_one_due = bool(self._later) and self._later[0][0] < ends_at_s
        return bool(self.waiting or self._at_the_end) or is_one_due

    def left(self) -> list[Task]:
        """All that were not asked for, or not again."""
        return [*self.waiting, *self._at_the_end, *(task for _, _, task in self._later)]
