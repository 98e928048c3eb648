import pytest

from cpx_monitor.adapters.cpx_api.polling.retry import RetryBudget, backoff_s, chance


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

    def test_asks_again_where_an_answer_is_in_doubt_unless_that_was_the_second_attempt(self):
        budget = RetryBudget(instances=1)

        assert [budget.after_doubt("a") for _ in range(3)] == [True, False, False]
        assert budget.left == 10

    def test_counts_a_request_that_was_given_up_as_an_attempt(self):
        budget = RetryBudget(instances=1)
        budget.after_doubt("a")

        assert not budget.after_doubt("a")
        assert budget.after_failure("b")
        budget.after_doubt("b")
        assert not budget.after_failure("b")


def test_chance_is_a_number_from_0_to_1_that_varies():
    seen = {chance() for _ in range(500)}

    assert 0 <= min(seen) < 0.1
    assert 0.9 < max(seen) <= 1


class TestTheBackoff:
    def test_doubles_with_each_failure(self):
        assert [backoff_s(failures, 0.5) for failures in (1, 2, 3)] == pytest.approx(
            [0.1, 0.2, 0.4]
        )

    def test_is_spread_by_a_half_to_either_side(self):
        assert (backoff_s(1, 0.0), backoff_s(1, 1.0)) == pytest.approx((0.05, 0.15))


def test_where_a_kept_connection_broke_only_attempts_count():
    budget = RetryBudget(10)
    before = budget.left

    assert budget.after_broken_when_kept("10.0.0.1")
    assert not budget.after_broken_when_kept("10.0.0.1")
    assert budget.after_broken_when_kept("10.0.0.2")
    assert budget.left == before
