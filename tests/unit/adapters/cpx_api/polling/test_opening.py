import pytest

from cpx_monitor.adapters.cpx_api.polling.opening import (
    FIRST_PER_S,
    MAX_PER_S,
    MAX_UNPROVEN,
    MIN_PER_S,
    Opening,
)

LATENCY_S = 0.02


def grown(opening, *, wait_s, periods, now_s=0.0):
    """The pace after so many periods in which first answers come that much later than others."""
    for period in range(periods):
        now_s += LATENCY_S * 1.1
        for number in range(10):
            opening.answered(10 * period + number, LATENCY_S + wait_s, LATENCY_S, now_s)
    return opening.per_s


class TestThePace:
    def test_is_raised_while_connections_are_accepted_at_once(self):
        assert grown(Opening(), wait_s=0.0, periods=3) > FIRST_PER_S
        assert grown(Opening(), wait_s=0.0, periods=30) == MAX_PER_S

    def test_is_halved_where_connections_wait_to_be_accepted(self):
        assert grown(Opening(), wait_s=0.002, periods=1) == FIRST_PER_S / 2
        assert grown(Opening(), wait_s=1.0, periods=30) == MIN_PER_S

    def test_is_halved_at_once_where_many_wait_and_else_once_for_each_latency(self):
        many, few = Opening(), Opening()
        for opening, wait_s in ((many, 2.1 / FIRST_PER_S), (few, 0.6 / FIRST_PER_S)):
            opening.answered(1, LATENCY_S, LATENCY_S, 0.5)
            for number in range(4):
                opening.answered(number, LATENCY_S, LATENCY_S, 0.5)
            for number in range(9):
                opening.answered(number, LATENCY_S + wait_s, LATENCY_S, 0.501)

        raised = grown(Opening(), wait_s=0.0, periods=1)
        assert (many.per_s, few.per_s) == (raised / 2, raised)

    def test_stays_where_hardly_one_waits(self):
        assert grown(Opening(), wait_s=0.4 / FIRST_PER_S, periods=5) == FIRST_PER_S

    def test_is_raised_with_more_care_after_it_was_halved(self):
        halved = Opening()
        before = grown(halved, wait_s=0.002, periods=1)
        after = grown(halved, wait_s=0.0, periods=3, now_s=1.0)

        usual = grown(Opening(), wait_s=0.0, periods=3) / FIRST_PER_S
        assert before < after < before * usual

    def test_is_judged_by_five_first_answers_and_not_by_fewer(self):
        opening = Opening()
        for number in range(4):
            opening.answered(number, LATENCY_S + 0.01, LATENCY_S, 1.0)
        assert opening.per_s == FIRST_PER_S

        opening.answered(5, LATENCY_S + 0.01, LATENCY_S, 1.0)

        assert opening.per_s == FIRST_PER_S / 2


class TestTheQueue:
    def test_may_hold_all_that_were_opened_until_one_of_the_last_has_answered(self):
        opening = Opening()
        numbers = [opening.opened(0.0) for _ in range(5)]
        assert opening.unproven(0.01) == 5

        opening.answered(numbers[3], LATENCY_S, LATENCY_S, 0.01)

        assert opening.unproven(0.01) == 1

    def test_holds_none_that_are_old(self):
        opening = Opening()
        for _ in range(MAX_UNPROVEN):
            opening.opened(0.0)

        assert opening.unproven(0.3) == 0

    @pytest.mark.parametrize(("answered_after_s", "queued"), [(0.02, 3), (0.05, 0)])
    def test_holds_those_that_should_have_been_answered_by_now(self, answered_after_s, queued):
        opening = Opening()
        for _ in range(3):
            opening.opened(1.0)
        for _ in range(4):
            opening.opened(1.03)

        assert opening.queued(1.04, answered_after_s) == queued
