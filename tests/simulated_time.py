"""Greenlets in simulated time: a clock that goes on only when all of them wait."""

import heapq
import itertools
from datetime import UTC, datetime, timedelta

import gevent
from gevent.event import Event

START_S = 1000.0


class SimulatedTime:
    """A Clock. ``run`` calls a function in a greenlet and winds the clock until it returns; to ask
    for the time takes a microsecond, so that no two moments are the same.
    """

    def __init__(self):
        self._now_s = START_S
        self._sleepers = []
        self._numbers = itertools.count()

    def now(self):
        return datetime(2026, 11, 22, tzinfo=UTC) + timedelta(seconds=self.passed_s)

    def monotonic_s(self):
        self._now_s += 1e-6
        return self._now_s

    def sleep(self, seconds):
        awake = Event()
        heapq.heappush(
            self._sleepers, (self._now_s + max(0.0, seconds), next(self._numbers), awake)
        )
        awake.wait()

    @property
    def passed_s(self):
        return self._now_s - START_S

    def run(self, function, *args):
        running = gevent.spawn(function, *args)
        running.exception_stream = None
        while not running.ready():
            gevent.idle()
            if running.ready():
                break
            assert self._sleepers, "all wait, and nothing will wake them"
            due_s, _, awake = heapq.heappop(self._sleepers)
            self._now_s = max(self._now_s, due_s)
            awake.set()
        return running.get()
