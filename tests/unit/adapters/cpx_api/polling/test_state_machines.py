"""The limit, the throttle and the retry budget under any sequence of events, in simulated time."""

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cpx_monitor.adapters.cpx_api.polling.concurrency import AdaptiveLimit, Failure
from cpx_monitor.adapters.cpx_api.polling.retry import RetryBudget
from cpx_monitor.adapters.cpx_api.polling.throttle import Throttle

times_s = st.floats(0.0001, 2.0)


class Limiting(RuleBasedStateMachine):
    """A fan-out that keeps to the limit, whatever becomes of its requests."""

    @initialize(most=st.integers(1, 50), keeps=st.booleans())
    def begin(self, most, keeps):
        self.now_s = 1000.0
        self.limit = AdaptiveLimit(most)
        self.limit.begin_collection(keeps)
        self.under_way = []
        self.highest_since_refusal = 0

    @precondition(lambda self: len(self.under_way) < self.limit.value)
    @rule()
    def send(self):
        self.under_way.append((self.limit.round, self.now_s))

    @precondition(lambda self: self.under_way)
    @rule(
        which=st.integers(0, 1000),
        after_s=times_s,
        failure=st.sampled_from([None, None, None, Failure.BROKEN, Failure.REFUSED]),
    )
    def end(self, which, after_s, failure):
        begun_in, began_s = self.under_way.pop(which % len(self.under_way))
        before = self.limit.value
        is_current = begun_in == self.limit.round
        self.now_s += after_s
        self.limit.end(begun_in, began_s, self.now_s, failure)
        if failure is Failure.REFUSED:
            assert self.limit.value <= before
            assert not is_current or self.limit.value < before or before == 1
        elif failure is Failure.BROKEN:
            assert self.limit.value <= before
        if not is_current:
            assert self.limit.value == before, "a request of before tells nothing of now"

    @rule(keeps=st.booleans())
    def begin_another_collection(self, keeps):
        self.under_way.clear()
        self.limit.begin_collection(keeps)

    @invariant()
    def stays_within_its_bounds(self):
        if hasattr(self, "limit"):
            assert 1 <= self.limit.value <= self.limit.most


class Throttling(RuleBasedStateMachine):
    """Clients that go when they are let, and a server that refuses as it likes."""

    @initialize()
    def begin(self):
        self.now_s = 1000.0
        self.throttle = Throttle(self.now_s)
        self.shut_until_s = self.now_s

    @rule(passed_s=times_s)
    def wait(self, passed_s):
        self.now_s += passed_s

    @rule(wait_s=st.none() | st.floats(0.1, 5.0))
    def ask(self, wait_s):
        """Wait as long as one is told, go, and be accepted or refused."""
        for _ in range(100):
            delay_s = self.throttle.delay_s(self.now_s)
            if not delay_s:
                break
            self.now_s += delay_s
        else:
            raise AssertionError("the gate never opens")
        assert self.now_s >= self.shut_until_s - 1e-6, "somebody went while a wait ran"
        if wait_s is None:
            self.throttle.let_in += 1
        else:
            self.throttle.refused(self.now_s, wait_s)
            self.shut_until_s = max(self.shut_until_s, self.now_s + wait_s)

    @invariant()
    def is_never_shut_for_longer_than_was_asked_for(self):
        if hasattr(self, "throttle"):
            shut_s = max(0.0, self.shut_until_s - self.now_s)
            # Behind the gate the pace is one a second at the slowest.
            assert self.throttle.delay_s(self.now_s) <= max(shut_s, 1.0) + 1e-6


class Budgeting(RuleBasedStateMachine):
    """A fleet of which any instance may fail in any way, any number of times."""

    @initialize(instances=st.integers(1, 100))
    def begin(self, instances):
        self.instances = instances
        self.budget = RetryBudget(instances)
        self.attempts = Counter()
        self.retries = 0
        self.named_waits = 0

    @rule(number=st.integers(0, 99))
    def fail(self, number):
        self.attempts[number] += 1
        if self.attempts[number] <= 2 and self.budget.after_failure(str(number)):
            self.retries += 1
            assert self.attempts[number] < 2, "a third attempt"

    @rule(number=st.integers(0, 99))
    def refuse_with_a_named_wait(self, number):
        self.named_waits += self.budget.after_named_wait(str(number))

    @invariant()
    def retries_are_bounded_by_the_fleet(self):
        if hasattr(self, "budget"):
            assert self.retries <= max(10, self.instances / 5)
            assert self.named_waits <= max(10, self.instances / 2)
            assert self.budget.left >= 0


Limiting.TestCase.settings = Throttling.TestCase.settings = Budgeting.TestCase.settings = settings(
    max_examples=100, stateful_step_count=60, deadline=None
)
TestLimiting = Limiting.TestCase
TestThrottling = Throttling.TestCase
TestBudgeting = Budgeting.TestCase
