"""The pool in simulated time: who is asked, when, how many at once, and what is left."""

import math

import pytest
from simulated_time import SimulatedTime

from cpx_monitor.adapters.cpx_api.polling.concurrency import AdaptiveLimit, Failure, FixedLimit
from cpx_monitor.adapters.cpx_api.polling.opening import MAX_PER_S, MAX_UNPROVEN
from cpx_monitor.adapters.cpx_api.polling.throttle import Throttle
from cpx_monitor.adapters.cpx_api.polling.worker_pool import Outcome, WorkerPool
from cpx_monitor.adapters.transports.port import TimedOut

HANGS = math.inf
TIMEOUT_S = 5.0


class FakeConnection:
    def __init__(self, server):
        self.server = server
        self.keeps = False
        self.opened_s = 0.0
        self.connect_s = 0.0
        self.is_connecting = False

    def get(self, path, ends_at_s, max_bytes):
        return self.server.answer(self, path, ends_at_s)

    def release(self):
        self.server.released += 1


class FakeServer:
    """Answers task ``n`` after ``latency_s(n)``; with ``is_serial`` one after the other, where one
    that hangs holds up all the others until its client gives up. At ``restarts_s``
    it closes all connections, each after an answer.
    """

    def __init__(self, time, latency_s, *, is_serial=False, restarts_s=math.inf):
        self.time = time
        self.latency_s = latency_s
        self.is_serial = is_serial
        self.restarts_s = restarts_s
        self.queue = []
        self.asked = []
        self.opened = []
        self.in_flight = self.most_at_once = self.most_new_at_once = self.released = 0

    def connection(self):
        return FakeConnection(self)

    def answer(self, connection, task, ends_at_s):
        self.asked.append((self.time.monotonic_s(), task))
        self.in_flight += 1
        self.most_at_once = max(self.most_at_once, self.in_flight)
        self.queue.append(connection)
        if not connection.keeps:
            connection.opened_s = self.time.monotonic_s()
            self.opened.append(connection.opened_s)
        new = sum(not each.keeps for each in self.queue)
        self.most_new_at_once = max(self.most_new_at_once, new)
        try:
            while self.is_serial and self.queue[0] is not connection:
                self._pass(0.001, ends_at_s)
            self._pass(self.latency_s(task), ends_at_s)
            closes = connection.opened_s < self.restarts_s < self.time.monotonic_s()
            connection.keeps = not closes
        finally:
            self.in_flight -= 1
            self.queue.remove(connection)

    def _pass(self, seconds, ends_at_s):
        left_s = ends_at_s - self.time.monotonic_s()
        self.time.sleep(min(seconds, left_s))
        if seconds > left_s:
            raise TimedOut


class FakePoller:
    """Keeps the tasks that were answered and those that failed; ``outcome_of`` scripts others."""

    def __init__(self, outcome_of=lambda task: None):
        self.outcome_of = outcome_of
        self.answered, self.timed_out, self.given_up, self.behind = [], [], [], []

    def ask(self, connection, task, ends_at_s):
        try:
            connection.get(task, ends_at_s, 0)
        except TimedOut:
            self.timed_out.append(task)
            return Outcome(Failure.TIMED_OUT)
        outcome = self.outcome_of(task)
        if outcome is None:
            self.answered.append(task)
        return outcome

    def give_up(self, task, after_s):
        self.given_up.append(task)

    def ask_again(self, task):
        self.behind.append(task)
        return self.behind.count(task) == 1 and task not in self.given_up


@pytest.fixture
def time():
    return SimulatedTime()


def poll(time, server, poller, tasks, limit=None, deadline_s=30.0, keeps=True):
    """Those that there was no time for."""
    if limit is None:
        limit = AdaptiveLimit(1000)
        limit.begin_collection(keeps=True)
    throttle = Throttle(time.monotonic_s())
    pool = WorkerPool(limit, throttle, time, server.connection, poller, TIMEOUT_S, keeps)
    return time.run(pool.run, tasks, time.monotonic_s() + deadline_s)


def most_within(moments_s, span_s):
    """How many of the moments, at the most, lie within so long."""
    return max(
        sum(first <= moment < first + span_s for moment in moments_s[at:])
        for at, first in enumerate(moments_s)
    )


class TestAFleetThatIsWell:
    def test_is_asked_once_each_and_the_connections_are_given_back(self, time):
        server, poller = FakeServer(time, lambda task: 0.01), FakePoller()

        left = poll(time, server, poller, range(500))

        assert left == []
        assert sorted(poller.answered) == list(range(500))
        assert len(server.asked) == 500
        assert server.released >= server.most_at_once

    def test_of_nobody_is_done_at_once(self, time):
        assert poll(time, FakeServer(time, lambda task: 0.01), FakePoller(), []) == []
        assert time.passed_s < 0.001

    def test_is_asked_by_no_more_at_once_than_a_fixed_number(self, time):
        server = FakeServer(time, lambda task: 0.01)

        poll(time, server, FakePoller(), range(100), FixedLimit(7))

        assert server.most_at_once == 7

    def test_sees_no_more_than_five_connections_before_it_answers(self, time):
        server = FakeServer(time, lambda task: 1.0)

        poll(time, server, FakePoller(), range(5000), FixedLimit(1000), deadline_s=0.24)

        assert server.most_at_once == 5

    def test_opens_its_connections_anew_no_faster_than_at_first_where_the_server_restarts(
        self, time
    ):
        server, poller = FakeServer(time, lambda task: 0.01), FakePoller()
        server.restarts_s = time.monotonic_s() + 0.3

        poll(time, server, poller, range(5000), FixedLimit(100))

        assert len(poller.answered) == 5000
        anew = [moment for moment in server.opened if moment > server.restarts_s]
        assert len(anew) == 100
        assert most_within(anew, 0.01) <= MAX_UNPROVEN + 0.01 * MAX_PER_S

    def test_takes_a_kept_connection_for_no_sign_that_a_new_one_was_accepted(self, time):
        server = FakeServer(time, lambda task: 0.01 if task < 3 else 1.0)
        kept = [FakeConnection(server) for _ in range(3)]
        for connection in kept:
            connection.keeps = True
        server.connection = lambda: kept.pop() if kept else FakeConnection(server)

        poll(time, server, FakePoller(), range(5000), FixedLimit(1000), deadline_s=0.24)

        assert server.most_new_at_once == 5

    def test_is_asked_by_fewer_as_soon_as_the_limit_falls(self, time):
        limit = AdaptiveLimit(1000)
        limit.begin_collection(keeps=True)

        def refuse_all_of_a_while(task):
            if 200 <= task < 400:
                return Outcome(Failure.REFUSED, again_after_s=0.05)
            return None

        server = FakeServer(time, lambda task: 0.01)
        poll(time, server, FakePoller(refuse_all_of_a_while), range(400), limit, deadline_s=0.6)
        high = limit.value

        assert high < 8


class TestStuckInstances:
    @pytest.mark.parametrize("hangs", [range(900), range(100, 1000)], ids=["front", "end"])
    def test_leave_the_others_all_known_where_they_are_nine_in_ten(self, time, hangs):
        server = FakeServer(time, lambda task: HANGS if task in hangs else 0.002)
        poller = FakePoller()
        mixed = sorted(range(1000), key=lambda task: task * 7919 % 1000)

        poll(time, server, poller, mixed)

        assert sorted(poller.answered) == sorted(set(range(1000)) - set(hangs))

    def test_are_made_up_for_where_nothing_has_answered_yet(self, time):
        server = FakeServer(time, lambda task: HANGS if task < 40 else 0.002)
        poller = FakePoller()

        poll(time, server, poller, range(60))

        assert sorted(poller.answered) == list(range(40, 60))

    def test_are_made_up_for_no_more_once_connecting_stalls(self, time):
        class Stalls(FakeServer):
            def answer(self, connection, task, ends_at_s):
                connection.is_connecting = self.in_flight >= 6
                super().answer(connection, task, ends_at_s)

        closing = AdaptiveLimit(1000)
        server = Stalls(time, lambda task: HANGS)
        poll(time, server, FakePoller(), range(100), closing, deadline_s=4)

        assert server.most_at_once == 7

    def test_are_asked_in_turn_and_the_rest_is_left_over_when_the_time_is_up(self, time):
        server, poller = FakeServer(time, lambda task: HANGS), FakePoller()

        left = poll(time, server, poller, range(2000), FixedLimit(20), deadline_s=12)

        assert {*left, *poller.timed_out} == set(range(2000))
        assert len({task for _, task in server.asked}) == len(server.asked)
        assert time.passed_s == pytest.approx(12, abs=0.1)

    def test_are_given_up_where_their_place_is_needed_and_asked_again_at_the_end(self, time):
        latencies = {0: 3.0, 1: 3.0}
        server = FakeServer(time, lambda task: latencies.get(task, 0.05))
        poller = FakePoller()

        poll(time, server, poller, range(100), FixedLimit(3))

        assert sorted(poller.given_up) == [0, 1]
        assert sorted(poller.answered) == list(range(100))
        assert [task for _, task in server.asked[-2:]] == poller.given_up

    def test_keep_their_place_where_there_is_room(self, time):
        latencies = {0: 3.0, 1: 3.0}
        server = FakeServer(time, lambda task: latencies.get(task, 0.05))
        poller = FakePoller()

        poll(time, server, poller, range(100))

        assert poller.given_up == []
        assert len(server.asked) == 100


class TestAServerThatServesOneAtATime:
    def test_is_freed_of_the_one_that_holds_it_up(self, time):
        server = FakeServer(time, lambda task: HANGS if task == 50 else 0.01, is_serial=True)
        poller = FakePoller()

        poll(time, server, poller, range(100), FixedLimit(5))

        assert poller.given_up == [50]
        assert sorted(poller.answered) == [*range(50), *range(51, 100)]

    def test_has_those_asked_again_that_timed_out_behind_the_first(self, time):
        server = FakeServer(time, lambda task: HANGS if task == 0 else 0.01, is_serial=True)
        poller = FakePoller()

        poll(time, server, poller, range(20), FixedLimit(5))

        assert sorted(poller.answered) == list(range(1, 20))

    def test_and_is_slow_is_not_given_up(self, time):
        server = FakeServer(time, lambda task: 1.2, is_serial=True)
        poller = FakePoller()

        poll(time, server, poller, range(20), FixedLimit(3))

        assert poller.given_up == []
        assert sorted(poller.answered) == list(range(20))


class TestRefusals:
    def test_of_one_instance_hold_back_that_one_only(self, time):
        def refuse(task):
            return Outcome(Failure.REFUSED, 3600.0, 0.0) if task == 30 else None

        poller = FakePoller(refuse)
        left = poll(time, FakeServer(time, lambda task: 0.01), poller, range(200))

        assert left == [30]
        assert sorted(poller.answered) == [*range(30), *range(31, 200)]
        assert time.passed_s < 2

    def test_of_several_hold_back_all_until_they_are_let_in_again(self, time):
        opens_s = time.monotonic_s() + 2.5

        def refuse(task):
            if 1000.1 < time.monotonic_s() < opens_s:
                return Outcome(Failure.REFUSED, 1.0, 0.0)
            return None

        server, poller = FakeServer(time, lambda task: 0.01), FakePoller(refuse)
        left = poll(time, server, poller, range(400), FixedLimit(10))

        asked_in_wait = [at_s for at_s, _ in server.asked if 1000.2 < at_s < 1001.1]
        assert left == []
        assert sorted(poller.answered) == list(range(400))
        assert asked_in_wait == []


class TestAFault:
    def test_in_a_worker_is_raised_and_nothing_goes_on(self, time):
        def fail(task):
            if task == 10:
                raise ZeroDivisionError

        server = FakeServer(time, lambda task: 0.01)
        with pytest.raises(ZeroDivisionError):
            poll(time, server, FakePoller(fail), range(1000), FixedLimit(4))
        assert len(server.asked) < 20
        assert server.in_flight == 0

    def test_of_this_machine_means_fewer_at_once_and_nothing_is_lost(self, time):
        def exhausted(task):
            return Outcome(Failure.EXHAUSTED, again_after_s=0.1) if server.in_flight >= 6 else None

        server, poller = FakeServer(time, lambda task: 0.01), FakePoller(exhausted)
        left = poll(time, server, poller, range(200), FixedLimit(50))

        assert left == []
        assert sorted(poller.answered) == list(range(200))
        assert server.most_at_once < 50
