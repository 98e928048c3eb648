"""The pool that polls a fleet: greenlets, each with one connection for the whole collection.

A worker takes the next task, asks, and goes straight on to the one after it, for as long as the
concurrency limit leaves room for it, and a server that keeps connections keeps this one. Everything
else is done fifty times a second, in one pass over all workers.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import gevent
from gevent.event import Event
from gevent.pool import Pool

from cpx_monitor.adapters.cpx_api.polling.concurrency import Failure, Limit
from cpx_monitor.adapters.cpx_api.polling.opening import ACCEPTED_AFTER_S, MAX_UNPROVEN, Opening
from cpx_monitor.adapters.cpx_api.polling.stuck import Traffic
from cpx_monitor.adapters.cpx_api.polling.tasks import Tasks
from cpx_monitor.adapters.cpx_api.polling.throttle import Throttle
from cpx_monitor.adapters.transports.port import Connection
from cpx_monitor.app.ports import Clock

LOOK_EVERY_S, LOOK_RARELY_S = 0.02, 0.2
MIN_WAIT_S = 0.1
LOST_SYN_S = 0.9  # the kernel sends a SYN that got lost again after a second

ANSWERED_AFTER = 1.2  # times as long as an answer takes typically

Task = TypeVar("Task")
T = TypeVar("T", contravariant=True)


class Outcome(NamedTuple):
    """What became of a request that gave no usable answer.

    ``wait_s`` is the time that a refusal named, in which nothing is to be sent; ``again_after_s``
    says that the task is to be asked for once more, and how much later at the earliest.
    """

    failure: Failure | None = None
    wait_s: float | None = None
    again_after_s: float | None = None


class Poller(Protocol[T]):
    """What a pool's workers do, and who keeps what becomes of it."""

    def ask(self, connection: Connection, task: T, ends_at_s: float) -> Outcome | None:
        """Get a task's answer over a connection and keep it. Returns None if it was answered,
        otherwise what happened.
        """

    def give_up(self, task: T, after_s: float) -> None:
        """Its request was given up early, and it will be asked for again."""

    def ask_again(self, task: T) -> bool:
        """It timed out behind another that was stuck; whether it may be asked for once more."""


class GivenUp(BaseException):
    """Thrown into a worker whose request is given up for now."""


class Worker:
    """A greenlet and its connection.

    ``began_s`` is infinite while no request is in flight, ``took_s`` 0 before its first answer,
    ``opened`` the number of its connection in the order of opening, 0 for one that was open.
    ``is_served`` says that the connection has carried an answer.
    """

    __slots__ = ("began_s", "connection", "greenlet", "is_served", "opened", "task", "took_s")

    def __init__(self, connection: Connection, opened: int) -> None:
        self.connection = connection
        self.opened = opened
        self.is_served = not opened
        self.began_s = math.inf
        self.took_s = 0.0
        self.greenlet: Any = None
        self.task: Any = None

    @property
    def is_connecting(self) -> bool:
        return self.connection.is_connecting


class WorkerPool(Generic[Task]):
    """Asks for each task until all are settled or the time is up.

    Args:
        connect: gives a worker its connection.
        timeout_s: for one request.
        keeps: whether the server keeps connections open.
    """

    def __init__(
        self,
        limit: Limit,
        throttle: Throttle,
        clock: Clock,
        connect: Callable[[], Connection],
        poller: Poller[Task],
        timeout_s: float,
        keeps: bool,
    ) -> None:
        self._limit = limit
        self._keeps = keeps
        self._throttle = throttle
        self._clock = clock
        self._connect = connect
        self._poller = poller
        self._timeout_s = timeout_s
        self._tasks: Tasks[Task] = Tasks(())
        self._pool = Pool()
        self._workers: set[Worker] = set()
        self._is_over = Event()
        self._ceiling: float = math.inf
        self._has_all_it_serves = False
        self._traffic = Traffic(clock.monotonic_s())
        self._opening = Opening()
        self._is_opening = False
        self._throttle_turn: Any = None
        self._ends_at_s = math.inf
        self._is_time_up = self._is_braked = False
        self._fault: Exception | None = None

    def run(
        self, tasks: Iterable[Task], ends_at_s: float, *, are_last_attempts: bool = False
    ) -> list[Task]:
        """Returns the tasks there was no time for. Last attempts are not given up early.

        Raises:
            Exception: whatever ``ask`` raised.
        """
        self._tasks = Tasks(tasks, are_last_attempts=are_last_attempts)
        self._ends_at_s = ends_at_s
        looking = gevent.spawn(self._keep_looking)
        self._limit.when_there_is_room(self._on_room)
        try:
            self._tell_limit()
            self._open_more()
            self._end_if_over()
            self._is_over.wait()
        finally:
            looking.kill()
            self._pool.kill()
        if self._fault is not None:
            raise self._fault
        return self._tasks.left()

    @property
    def settling_s(self) -> float:
        """How long it may take until what a server sent too much of has come."""
        return 2 * self._traffic.typical_s

    # What a worker does.

    def _work(self, worker: Worker) -> None:
        # Names for what each request needs: a look-up less counts here.
        waiting, ask, throttle = self._tasks.waiting, self._poller.ask, self._throttle
        limit, traffic = self._limit, self._traffic
        monotonic_s, timeout_s, keeps = self._clock.monotonic_s, self._timeout_s, self._keeps
        connection = worker.connection
        try:
            while (waiting or self._turn_to_the_end()) and (
                not self._is_braked or self._may_go_on(worker)
            ):
                worker.task = task = waiting.popleft()
                worker.began_s = began_s = monotonic_s()
                begun_in = limit.round
                ends_at_s = began_s + timeout_s
                if ends_at_s > self._ends_at_s:
                    ends_at_s = self._ends_at_s
                try:
                    outcome = ask(connection, task, ends_at_s)
                except GivenUp:
                    ended_s = monotonic_s()
                    traffic.on_stuck(began_s, ended_s)
                    self._poller.give_up(task, ended_s - began_s)
                    self._tasks.again_at_the_end(task)
                    break  # another worker may have left a connection that is served
                finally:
                    worker.began_s = math.inf
                ended_s = monotonic_s()
                if outcome is None:
                    throttle.let_in += 1
                    traffic.on_answered(began_s, ended_s)
                    if not worker.took_s or connection.connect_s:
                        self._on_opened(worker, begun_in, began_s, ended_s)
                    elif limit.end(begun_in, began_s, ended_s):
                        self._open_more()
                    worker.took_s = ended_s - began_s
                else:
                    self._follow(outcome, worker, task, begun_in, began_s, ended_s)
                if keeps and not connection.keeps:
                    break  # so that connections are opened anew no faster than the first ones
        except Exception as error:
            self._fail(error)
        finally:
            self._leave(worker)

    def _leave(self, worker: Worker) -> None:
        worker.connection.release()
        self._workers.discard(worker)
        self._tell_limit()
        self._set_brake()
        if self._keeps:
            self._open_more()
        self._end_if_over()

    def _may_go_on(self, worker: Worker) -> bool:
        """Cases: the time is up; there is no room for this worker, and where the server serves no
        more connections those that it does serve go first; a throttle lets one at a time through;
        there is room.
        """
        if self._has_all_it_serves and worker.is_served:
            rivals = sum(each.is_served for each in self._workers)
        else:
            rivals = len(self._workers)
        if self._is_time_up or rivals > self._allowed:
            return False
        return not self._throttle.is_active or self._wait_for_throttle()

    def _wait_for_throttle(self) -> bool:
        """Whether there is still something to do, and time to do it."""
        if self._throttle_turn is None:
            from gevent.lock import BoundedSemaphore  # long to import, and hardly ever needed

            self._throttle_turn = BoundedSemaphore()
        with self._throttle_turn:  # one waits for the throttle, the others for that one
            while delay_s := self._throttle.delay_s(self._clock.monotonic_s()):
                if self._clock.monotonic_s() + delay_s >= self._ends_at_s:
                    self._stop_out_of_time()
                    return False
                self._clock.sleep(delay_s)
        return bool(self._tasks.waiting)

    def _on_opened(self, worker: Worker, begun_in: int, began_s: float, ended_s: float) -> None:
        """The first answer over a connection. One that took long to open met a full queue."""
        worker.is_served = True
        connect_s = worker.connection.connect_s
        if worker.opened:
            took_s = ended_s - began_s - connect_s
            self._opening.answered(worker.opened, took_s, self._traffic.upper_s or took_s, ended_s)
        was_lost = connect_s > LOST_SYN_S
        self._limit.end(begun_in, began_s, ended_s, Failure.REFUSED if was_lost else None)
        self._open_more()

    # What follows from an outcome.

    def _follow(
        self,
        outcome: Outcome,
        worker: Worker,
        task: Task,
        begun_in: int,
        began_s: float,
        ended_s: float,
    ) -> None:
        """Cases: refused; this machine ran out of something; the connection broke; timed out, by
        itself or behind another; any other.
        """
        is_held_back = False
        self._is_time_up |= ended_s >= self._ends_at_s
        if outcome.failure is Failure.REFUSED:
            is_held_back = self._on_refused(outcome.wait_s, begun_in, began_s, ended_s)
        elif outcome.failure is Failure.EXHAUSTED:
            self._ceiling = max(1, len(self._workers) - 1)
        elif outcome.failure is Failure.BROKEN:
            self._on_broken(worker)
            self._limit.end(begun_in, began_s, ended_s, Failure.BROKEN)
        elif outcome.failure is Failure.TIMED_OUT:
            was_behind = self._traffic.on_stuck(began_s, ended_s)
            if was_behind and not self._is_time_up and self._poller.ask_again(task):
                self._tasks.again_at_the_end(task)
        self._set_brake()
        if outcome.again_after_s is not None:
            if is_held_back:
                self._hold_back(task)
            else:
                is_last = outcome.wait_s is None and outcome.failure is not Failure.EXHAUSTED
                due_s = ended_s + max(outcome.again_after_s, outcome.wait_s or 0.0)
                self._tasks.again_later(task, due_s, is_last_attempt=is_last)

    def _hold_back(self, task: Task) -> None:
        """It waits for the throttle with all the others. Where that was opened again and again and
        none was let in, those that have been refused are not asked again; others may fare better.
        """
        self._tasks.again_with_all(task)
        if self._throttle.lets_none_in:
            self._tasks.drop_refused()

    def _on_broken(self, worker: Worker) -> None:
        """Where it was a worker's first connection, the server may take no more of them."""
        is_refused = not worker.is_served and not worker.connection.keeps
        if self._keeps and is_refused and len(self._workers) > MAX_UNPROVEN:
            self._ceiling = len(self._workers) - 1

    def _on_refused(
        self, wait_s: float | None, begun_in: int, began_s: float, ended_s: float
    ) -> bool:
        """Slow down; whether the throttle holds all back.

        Cases: it is that one instance's trouble; so few were let in that their number at once, and
        not their rate, may be too much; a refusal without a time means that anyway, and where one
        at a time is too much as well, it means slower.
        """
        names_its_wait = wait_s is not None
        if self._throttle.is_its_own_trouble(names_its_wait):
            return False
        if wait_s is None or self._throttle.accepted_since_open < self._limit.value:
            self._limit.end(begun_in, began_s, ended_s, Failure.REFUSED)
        if wait_s is None and self._limit.value == 1:
            wait_s = MIN_WAIT_S
        if wait_s is not None:
            self._throttle.refused(ended_s, max(wait_s, MIN_WAIT_S))
        return names_its_wait

    # The look at all workers.

    def _keep_looking(self) -> None:
        try:
            while True:
                self._clock.sleep(LOOK_RARELY_S if self._is_at_rest else LOOK_EVERY_S)
                self._look(self._clock.monotonic_s())
        except Exception as error:
            self._fail(error)

    @property
    def _is_at_rest(self) -> bool:
        """Nothing is to be decided, for all that is in flight is stuck and nothing waits, or others
        have all the places: there may be thousands of such pools in an exporter.
        """
        if self._workers:
            return not self._tasks.waiting and len(self._workers) == self._traffic.late
        return bool(self._limit.waiting_elsewhere)

    def _on_room(self) -> None:
        try:
            self._open_more()
        except Exception as error:
            self._fail(error)

    def _look(self, now_s: float) -> None:
        if now_s >= self._ends_at_s:
            self._stop_out_of_time()
        self._tasks.turn_to_due(now_s)
        self._turn_to_the_end()
        in_flight = sorted(
            (worker for worker in self._workers if worker.began_s < math.inf),
            key=lambda worker: worker.began_s,
        )
        self._traffic.hear(self._limit.exchange(self._traffic.answers, now_s))
        if self._traffic.serves_many:
            self._limit.serves_many()
        is_full = len(self._workers) >= self._allowed
        answered = self._throttle.let_in
        if self._traffic.look(now_s, in_flight, self._workers, answered, is_full):
            # So many were in flight at once, and the server answers all the same.
            self._limit.raise_to(len(in_flight) - self._traffic.late - 2)
        firsts = [each for each in in_flight if not self._tasks.is_last_attempt(each.task)]
        is_at_most = len(self._workers) >= min(self._limit.most, self._ceiling)
        waiting = len(self._tasks.waiting) + self._limit.waiting_elsewhere
        given_up = self._traffic.to_give_up(now_s, firsts, waiting, is_at_most)
        if self._keeps and self._traffic.is_not_accepting:
            # Those connections that it does serve have to do.
            given_up = [
                each
                for each in firsts
                if not each.is_served and now_s - each.began_s > ACCEPTED_AFTER_S
            ]
            if not self._has_all_it_serves:
                self._has_all_it_serves = True
                self._ceiling = max(1, sum(each.is_served for each in self._workers))
        self._tell_limit()
        for worker in given_up:
            gevent.get_hub().loop.run_callback(self._throw, worker, worker.began_s)
        self._set_brake()
        self._open_more()
        self._end_if_over()

    @staticmethod
    def _throw(worker: Worker, began_s: float) -> None:
        if worker.began_s == began_s:  # it may have been answered meanwhile
            worker.greenlet.throw(GivenUp())

    def _turn_to_the_end(self) -> bool:
        """Ask again for what was given up, once nothing else waits; where the server may serve one
        at a time, nothing must be in flight either, or it would wait behind that.
        """
        if self._tasks.is_only_the_end_left and not self._is_time_up:
            is_free = all(worker.began_s == math.inf for worker in self._workers)
            if is_free or not self._traffic.is_serial:
                self._tasks.turn_to_the_end()
        return bool(self._tasks.waiting)

    # How many workers there are.

    @property
    def _allowed(self) -> int:
        answered_at_once = self._limit.value * self._traffic.spread
        wanted = answered_at_once + self._traffic.late + self._traffic.extra
        return int(min(wanted, self._limit.most, self._ceiling))

    def _tell_limit(self) -> None:
        self._limit.occupy(len(self._workers), self._traffic.late, len(self._tasks.waiting))

    def _set_brake(self) -> None:
        self._is_braked = (
            self._is_time_up or self._throttle.is_active or len(self._workers) > self._allowed
        )

    def _open_more(self) -> None:
        """As many workers as there is room and work for, but no more connections than a short
        listen queue takes.

        Cases: the server has accepted nearly all; answers come without delay, so more are opened
        evenly; it takes its time, so its next answer is waited for.
        """
        while self._room() > 0 and self._opening.unproven(self._clock.monotonic_s()) < MAX_UNPROVEN:
            self._open_one()
        if not self._is_opening and self._may_open_evenly():
            self._is_opening = True
            self._pool.spawn(self._open_evenly)

    def _open_evenly(self) -> None:
        before_s, due = self._clock.monotonic_s(), 0.0
        try:
            while self._may_open_evenly():
                self._clock.sleep(0.001)
                now_s = self._clock.monotonic_s()
                due = min(due + (now_s - before_s) * self._opening.per_s, 2 * MAX_UNPROVEN)
                before_s = now_s
                for _ in range(min(int(due), self._room())):
                    self._open_one()
                    due -= 1
        except Exception as error:
            self._fail(error)
        finally:
            self._is_opening = False

    def _may_open_evenly(self) -> bool:
        if self._room() <= 0 or not self._traffic.is_calm:
            return False
        answered_after_s = ANSWERED_AFTER * self._traffic.typical_s
        queued = self._opening.queued(self._clock.monotonic_s(), answered_after_s)
        return queued < MAX_UNPROVEN * self._traffic.spread

    def _room(self) -> int:
        if self._is_time_up:
            return 0
        return min(self._allowed - len(self._workers), len(self._tasks.waiting))

    def _open_one(self) -> None:
        connection = self._connect()
        # One that was kept from before waits in no queue.
        number = 0 if connection.keeps else self._opening.opened(self._clock.monotonic_s())
        worker = Worker(connection, number)
        self._workers.add(worker)
        self._tell_limit()
        worker.greenlet = self._pool.spawn(self._work, worker)

    # The end.

    def _fail(self, error: Exception) -> None:
        """A fault in this program; ``run`` raises it, and does not wait for the rest."""
        self._fault = self._fault or error
        self._is_over.set()

    def _stop_out_of_time(self) -> None:
        self._is_time_up = self._is_braked = True

    def _end_if_over(self) -> None:
        if self._workers:
            return
        if self._is_time_up or not self._tasks.are_left(self._ends_at_s):
            self._is_over.set()
