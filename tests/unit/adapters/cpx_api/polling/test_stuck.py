from typing import NamedTuple

import pytest

from cpx_monitor.adapters.cpx_api.polling.stuck import MAX_SPREAD, Traffic


class Request(NamedTuple):
    began_s: float
    took_s: float = 0.005
    is_connecting: bool = False
    is_served: bool = True


def traffic(*, newest_answered_s=None, answered_at_s=0.0):
    seen = Traffic(answered_at_s)
    if newest_answered_s is not None:
        seen.newest_answered_s = newest_answered_s
    return seen


def look(seen, now_s, *requests, answered=0, is_full=True):
    return seen.look(now_s, requests, requests, answered, is_full)


class TestARequest:
    def test_is_late_where_a_later_one_was_answered_and_it_takes_long(self):
        seen = traffic(newest_answered_s=1.05, answered_at_s=1.06)

        look(seen, 1.06, Request(1.0), Request(1.055))

        assert seen.late == 1

    def test_is_not_late_where_none_after_it_was_answered(self):
        seen = traffic(newest_answered_s=0.99, answered_at_s=1.0)

        look(seen, 5.0, Request(1.0))

        assert seen.late == 0

    def test_is_not_late_where_others_take_as_long(self):
        seen = traffic(newest_answered_s=1.05, answered_at_s=1.06)

        look(seen, 1.06, Request(1.0, took_s=0.05))

        assert seen.late == 0

    def test_is_not_late_where_that_one_began_hardly_later(self):
        seen = traffic(newest_answered_s=1.005, answered_at_s=1.06)

        look(seen, 1.1, Request(1.0))

        assert seen.late == 0


class TestWhatAnswersTake:
    def test_is_nothing_at_first_and_the_server_is_taken_to_be_calm(self):
        seen = traffic()

        assert (seen.typical_s, seen.upper_s, seen.is_calm) == (0.0, 0.0, True)

    def test_is_known_by_the_middle_one_and_by_what_four_fifths_are_under(self):
        seen = traffic()

        look(seen, 1.0, *(Request(1.0, took_s) for took_s in (0.5, 0.1, 0.3, 0.2, 0.4, 0.0)))

        assert (seen.typical_s, seen.upper_s) == (0.3, 0.5)

    @pytest.mark.parametrize(
        ("took_s", "is_calm"), [(0.002, True), (0.003, True), (0.004, False), (0.0, False)]
    )
    def test_tells_whether_the_server_is_calm(self, took_s, is_calm):
        """Three milliseconds are, whatever the lowest was; 0 is no answer, so nothing changes."""
        seen = traffic()
        look(seen, 1.0, Request(1.0, 0.001), Request(1.0, 0.1), Request(1.0, 0.1))
        assert not seen.is_calm

        look(seen, 2.0, Request(1.0, took_s))
        assert seen.is_calm is is_calm

    def test_a_third_more_than_the_lowest_is_calm(self):
        seen = traffic()

        look(seen, 1.0, Request(1.0, 0.02), Request(1.0, 0.026), Request(1.0, 0.026))
        assert seen.is_calm

        look(seen, 1.0, Request(1.0, 0.028))
        assert not seen.is_calm


class TestTheSpread:
    def test_is_how_many_are_sent_for_one_that_is_answered(self):
        seen = traffic(newest_answered_s=9.0, answered_at_s=9.0)

        look(seen, 9.1, *[Request(1.0)] * 27, answered=9)

        assert seen.spread == pytest.approx(3.7)

    def test_fades_and_counts_none_twice(self):
        seen = traffic(newest_answered_s=9.0, answered_at_s=9.0)
        requests = [Request(1.0)] * 10
        look(seen, 9.1, *requests, answered=10)
        look(seen, 9.12, *requests, answered=10)

        # 9.5 of each are remembered.
        assert seen.spread == pytest.approx(20 / 10.5)

    def test_is_bounded(self):
        seen = traffic(newest_answered_s=9.0, answered_at_s=9.0)

        look(seen, 9.1, *[Request(1.0)] * 500, answered=1)

        assert seen.spread == MAX_SPREAD


class TestASilence:
    def test_begins_after_a_quarter_of_a_second(self):
        seen = traffic()

        look(seen, 1.25, Request(1.0))
        at_a_quarter = seen.extra
        look(seen, 1.26, Request(1.0))

        assert (at_a_quarter, seen.extra) == (0, 1)

    def test_in_which_nothing_was_answered_yet_lets_one_more_try_at_each_look(self):
        seen = traffic()

        assert [look(seen, 0.2 + number / 50, Request(0.0)) for number in range(4)] == [False] * 4
        assert seen.extra == 1  # after a quarter of a second

    def test_lets_none_try_while_one_is_connecting_or_where_there_is_room(self):
        seen = traffic()

        look(seen, 1.0, Request(0.0), Request(0.5, is_connecting=True))
        look(seen, 1.0, Request(0.0), is_full=False)

        assert seen.extra == 0

    def test_of_a_server_that_answers_in_order_lets_none_try(self):
        seen = traffic(newest_answered_s=0.5, answered_at_s=0.6)

        look(seen, 1.0, Request(0.55))

        assert seen.extra == 0

    def test_that_ends_is_told_once(self):
        seen = traffic()
        look(seen, 1.0, Request(0.0))
        seen.answered_at_s = 1.0

        assert look(seen, 1.01, Request(0.9)) is True
        assert look(seen, 1.02, Request(0.9)) is False
        assert seen.extra == 0


class TestGivingUp:
    def late_ones(self):
        seen = traffic(newest_answered_s=3.0, answered_at_s=3.0)
        requests = [Request(1.0), Request(1.9), Request(2.5)]
        look(seen, 3.0, *requests)
        return seen, requests

    def test_hits_as_many_of_the_late_as_others_wait_the_oldest_first(self):
        seen, requests = self.late_ones()

        assert seen.to_give_up(3.0, requests, waiting=1, is_at_most=True) == requests[:1]
        assert seen.to_give_up(3.0, requests, waiting=9, is_at_most=True) == requests[:2]

    def test_hits_none_of_the_late_before_its_second_is_over(self):
        seen = traffic(newest_answered_s=3.0, answered_at_s=3.0)
        look(seen, 3.0, Request(2.0))

        assert not seen.to_give_up(3.0, [Request(2.0)], waiting=1, is_at_most=True)

    @pytest.mark.parametrize(("waiting", "is_at_most"), [(9, False), (0, True)])
    def test_hits_none_where_nobody_waits_or_there_is_room(self, waiting, is_at_most):
        seen, requests = self.late_ones()

        assert not seen.to_give_up(3.0, requests, waiting, is_at_most)

    def behind_one(self, *, lowest_s=0.005):
        seen = traffic(newest_answered_s=0.9, answered_at_s=1.0)
        requests = [Request(0.95, lowest_s), Request(0.96, lowest_s)]
        return seen, requests

    def test_hits_the_oldest_of_a_server_that_serves_one_at_a_time_after_a_second(self):
        seen, requests = self.behind_one()
        given_up = []
        for now_s in (1.9, 2.05, 2.1):
            look(seen, now_s, *requests)
            given_up.append(list(seen.to_give_up(now_s, requests, 5, False)))

        assert given_up == [[], requests[:1], []]

    def test_hits_the_next_ones_sooner_and_after_five_in_vain_none(self):
        seen, _ = self.behind_one(lowest_s=0.005)
        requests = [Request(0.95 + number / 1000) for number in range(9)]
        given_up_at_s = []
        for step in range(200):
            now_s = 1.5 + step / 50
            look(seen, now_s, *requests)
            given_up_at_s += [now_s for _ in seen.to_give_up(now_s, requests, 5, False)]

        first, second, third, *_ = given_up_at_s
        assert len(given_up_at_s) == 5
        assert first == pytest.approx(2.0, abs=0.03)
        assert second - first == pytest.approx(0.26, abs=0.03)
        assert third - second == pytest.approx(0.26, abs=0.03)

    def test_begins_anew_with_the_next_answer(self):
        seen, requests = self.behind_one()
        look(seen, 2.05, *requests)
        assert seen.to_give_up(2.05, requests, 5, False)
        seen.answered_at_s = seen.newest_answered_s = 2.06

        later = [Request(2.055), Request(2.07)]
        look(seen, 2.9, *later)
        assert not seen.to_give_up(2.9, later, 5, False)
        look(seen, 3.1, *later)
        assert seen.to_give_up(3.1, later, 5, False) == later[:1]

    def test_waits_for_a_second_from_when_the_oldest_began(self):
        seen = traffic(newest_answered_s=0.9, answered_at_s=1.0)
        requests = [Request(1.5), Request(1.6)]
        look(seen, 2.3, *requests)

        assert not seen.to_give_up(2.3, requests, 5, False)

    @pytest.mark.parametrize(("in_flight", "waiting", "hits"), [(2, 0, 1), (1, 1, 1), (1, 0, 0)])
    def test_hits_it_only_where_others_wait_behind_it(self, in_flight, waiting, hits):
        seen, requests = self.behind_one()
        look(seen, 2.05, *requests[:in_flight])

        assert len(seen.to_give_up(2.05, requests[:in_flight], waiting, False)) == hits

    def test_leaves_a_slow_server_ten_times_as_long_as_its_fastest_answer(self):
        seen, requests = self.behind_one(lowest_s=0.5)
        look(seen, 4.0, *requests)

        assert not seen.to_give_up(4.0, requests, 5, False)

    def test_hits_none_of_a_server_that_never_answered(self):
        seen = traffic()
        requests = [Request(0.0), Request(0.1)]
        look(seen, 4.0, *requests)

        assert not seen.to_give_up(4.0, requests, 5, False)


class TestATimeOut:
    def test_of_the_first_in_a_server_s_queue_is_its_own_and_of_the_others_was_behind_it(self):
        seen = traffic()

        assert [seen.on_stuck(began_s, began_s + 5.0) for began_s in (1.0, 1.1, 1.2)] == [
            False,
            True,
            True,
        ]

    def test_of_one_that_began_after_the_others_had_ended_is_its_own(self):
        seen = traffic()
        seen.on_stuck(1.0, 6.0)

        assert seen.on_stuck(6.1, 11.1) is False

    def test_of_one_that_began_as_the_others_ended_was_behind_them(self):
        seen = traffic()
        seen.on_stuck(1.0, 6.0)

        assert seen.on_stuck(6.0, 11.0) is True

    def test_of_one_that_began_with_the_first_is_its_own(self):
        seen = traffic()
        seen.on_stuck(1.0, 6.0)

        assert seen.on_stuck(1.0, 6.0) is False

    def test_of_one_that_began_with_the_newest_that_was_answered_was_behind_another(self):
        seen = traffic(newest_answered_s=1.5)
        seen.on_stuck(1.0, 6.0)

        assert seen.on_stuck(1.5, 6.0) is True

    def test_on_a_server_that_answered_a_later_one_is_its_own(self):
        seen = traffic()
        seen.on_stuck(1.0, 6.0)
        seen.newest_answered_s = 2.0

        assert seen.on_stuck(1.1, 6.1) is False


class TestAnAnswer:
    def test_is_the_latest_and_says_which_request_was_the_newest(self):
        seen = traffic()

        seen.on_answered(1.0, 1.2)
        seen.on_answered(0.995, 1.3)

        assert (seen.answered_at_s, seen.newest_answered_s) == (1.3, 1.0)

    def test_counts_as_out_of_order_where_its_request_began_clearly_before_an_answered_one(self):
        seen = traffic()

        seen.on_answered(1.0, 1.2)
        for began_s in (0.995, 0.98, 0.97):
            seen.on_answered(began_s, 1.3)

        assert seen.out_of_order == 2
        assert not seen.serves_many

    def test_shows_that_the_server_serves_many_where_three_came_out_of_order(self):
        seen = traffic()

        seen.on_answered(1.0, 1.2)
        for _ in range(3):
            seen.on_answered(0.98, 1.3)

        assert seen.serves_many


class TestAServerThatAcceptsMoreConnectionsThanItServes:
    LATE = tuple(Request(1.0, is_served=False) for _ in range(4))

    def test_is_known_by_first_requests_that_are_late_while_many_are_answered(self):
        seen = traffic(newest_answered_s=1.5, answered_at_s=1.6)

        look(seen, 1.6, *self.LATE, answered=20)

        assert seen.is_not_accepting

    def test_is_not_assumed_where_few_were_answered_or_few_are_late(self):
        few_answered = traffic(newest_answered_s=1.5, answered_at_s=1.6)
        look(few_answered, 1.6, *self.LATE, answered=19)
        few_late = traffic(newest_answered_s=1.5, answered_at_s=1.6)
        look(few_late, 1.6, *self.LATE[1:], answered=20)

        assert not few_answered.is_not_accepting
        assert not few_late.is_not_accepting

    def test_is_not_assumed_where_one_was_ever_late_that_had_been_served(self):
        seen = traffic(newest_answered_s=1.5, answered_at_s=1.6)
        look(seen, 1.6, Request(1.0, is_served=True), answered=20)

        look(seen, 1.6, *self.LATE, answered=20)

        assert not seen.is_not_accepting
