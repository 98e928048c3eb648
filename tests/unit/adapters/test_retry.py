import pytest

from cpx_monitor.adapters.retry import RetryBudget, backoff_s


class TestTheBudget:
    def test_gives_an_instance_one_more_try_and_no_third(self):
        budget = RetryBudget(instances=100)

        assert budget.after_failure("a")
        assert not budget.after_failure("a")

    @pytest.mark.parametrize(
        ("instances", "retries"), [(0, 10), (1, 10), (50, 10), (54, 10), (55, 11), (10_000, 2000)]
    )
    def test_is_a_fifth_of_the_fleet_and_at_least_ten(self, instances, retries):
        budget = RetryBudget(instances)

        granted = sum(budget.after_failure(str(number)) for number in range(instances + 20))

        assert granted == retries
        assert budget.left == 0

    def test_is_not_touched_by_refusals_that_named_their_wait_of_which_four_are_waited_for(self):
        budget = RetryBudget(instances=1)

        assert [budget.after_named_wait("a") for _ in range(6)] == [True] * 4 + [False] * 2
        assert budget.left == 10
        assert budget.after_failure("a")

    def test_of_named_waits_is_half_the_fleet_and_at_least_ten(self):
        for instances, waits in ((1, 10), (21, 10), (22, 11), (10_000, 5000)):
            budget = RetryBudget(instances)
            granted = sum(budget.after_named_wait(str(number)) for number in range(instances + 20))
            assert granted == waits

    def test_is_not_touched_by_what_this_machine_lacks_which_is_waited_for_four_times(self):
        budget = RetryBudget(instances=1)

        assert [budget.after_exhaustion("a") for _ in range(6)] == [True] * 4 + [False] * 2
        assert budget.left == 10


class TestTheBackoff:
    def test_doubles_with_each_failure(self):
        assert [backoff_s(failures, 0.5) for failures in (1, 2, 3)] == pytest.approx(
            [0.1, 0.2, 0.4]
        )

    def test_is_spread_by_a_half_to_either_side(self):
        assert (backoff_s(1, 0.0), backoff_s(1, 1.0)) == pytest.approx((0.05, 0.15))
