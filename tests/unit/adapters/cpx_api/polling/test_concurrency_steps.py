"""The limit's decisions one by one, each from a round of given latencies."""

import pytest

from cpx_monitor.adapters.cpx_api.polling.concurrency import AdaptiveLimit, Failure, FixedLimit


class Rounds:
    """Feeds a limit with whole rounds."""

    def __init__(self, keeps, most=1000):
        self.limit = AdaptiveLimit(most)
        self.limit.begin_collection(keeps)
        self.keeps = keeps
        self.now_s = 128.0

    @property
    def size(self):
        """How many samples a round takes."""
        value = self.limit.value
        return value if self.keeps else max(8, 2 * value)

    def round(self, *latencies_s, took_s=1.0):
        """Requests with these latencies in turn, all of the round, which ends ``took_s`` after it
        began; the value before and after the last of them.
        """
        size, began_s = self.size, self.now_s
        ends_s = began_s + took_s
        before = self.limit.value
        for number in range(size):
            latency_s = latencies_s[number % len(latencies_s)]
            start_s = began_s if number == 0 else ends_s - latency_s
            assert self.limit.value == before, "the round ended too early"
            end_s = start_s + latency_s if number == 0 else ends_s
            self.limit.end(self.limit.round, start_s, end_s)
        self.now_s = ends_s
        return self.limit.value

    def fail(self, failure):
        self.limit.end(self.limit.round, self.now_s, self.now_s + 0.01, failure)
        return self.limit.value


class TestClosing:
    def test_grows_by_one_to_five_while_nothing_waits(self):
        rounds = Rounds(keeps=False)

        assert [rounds.round(0.001) for _ in range(5)] == [3, 4, 5, 5, 5]

    def test_stays_where_two_seem_to_wait(self):
        rounds = Rounds(keeps=False)
        lowest_s = 1 / 1024  # exact in binary
        for _ in range(2):
            rounds.round(lowest_s)

        # Of four at once, a median of twice the lowest means that two of them wait.
        assert rounds.round(lowest_s, 2 * lowest_s, 2 * lowest_s) == 4
        assert rounds.round(lowest_s, 1.9 * lowest_s, 1.9 * lowest_s) == 5

    def test_doubles_past_five_where_latency_is_flat_and_not_too_short_to_tell(self):
        rounds = Rounds(keeps=False)

        assert [rounds.round(0.02) for _ in range(5)] == [3, 4, 5, 10, 20]

    @pytest.mark.parametrize("latencies_s", [(0.0019,), (0.02, 0.028, 0.028)])
    def test_does_not_double_past_five_otherwise(self, latencies_s):
        rounds = Rounds(keeps=False)
        for _ in range(3):
            rounds.round(latencies_s[0])

        assert rounds.round(*latencies_s) == 5

    def test_no_latency_at_all_is_no_queue(self):
        rounds = Rounds(keeps=False)

        assert rounds.round(0.0) == 3

    def test_never_passes_the_most(self):
        rounds = Rounds(keeps=False, most=7)

        assert [rounds.round(0.02) for _ in range(5)] == [3, 4, 5, 7, 7]


class TestKeeping:
    def test_doubles_while_the_whole_gets_faster(self):
        rounds = Rounds(keeps=True)

        rounds.round(0.001, 0.01, took_s=0.1)  # 80 a second
        assert rounds.limit.value == 16
        assert rounds.round(0.01, took_s=0.17) == 32  # 94 a second

    def test_takes_four_times_as_many_where_latency_is_flat_and_long(self):
        rounds = Rounds(keeps=True)

        assert rounds.round(0.02, took_s=0.02) == 32
        assert rounds.round(0.02, took_s=0.02) == 128

    def test_holds_the_best_after_two_rounds_that_are_no_better(self):
        rounds = Rounds(keeps=True)
        rounds.round(0.001, took_s=0.1)  # 80 a second with 8
        rounds.round(0.01, took_s=0.1)  # 160 with 16

        assert rounds.round(0.05, took_s=0.2) == 32  # 160 with 32
        assert rounds.round(0.05, took_s=0.2) == 16
        assert [rounds.round(0.05, took_s=0.01) for _ in range(3)] == [16, 16, 16]

    def test_one_round_that_is_no_better_is_forgiven_if_the_next_one_is(self):
        rounds = Rounds(keeps=True)
        rounds.round(0.001, took_s=0.1)
        rounds.round(0.01, took_s=0.1)
        rounds.round(0.05, took_s=0.2)

        assert rounds.round(0.05, took_s=0.1) == 64  # 320 a second
        assert rounds.round(0.05, took_s=0.5) == 64
        assert rounds.round(0.05, took_s=0.5) == 32

    def test_a_round_too_short_to_tell_goes_on(self):
        rounds = Rounds(keeps=True)
        limit = rounds.limit
        for _ in range(20):
            limit.end(limit.round, 100.0, 100.004)

        assert limit.value == 8
        limit.end(limit.round, 100.0, 100.0051)
        assert limit.value == 16


class TestAfterTrouble:
    def found(self):
        """A limit of 20 that closes."""
        rounds = Rounds(keeps=False)
        for _ in range(5):
            rounds.round(0.02)
        assert rounds.limit.value == 20
        return rounds

    @pytest.mark.parametrize("failure", [Failure.REFUSED, Failure.BROKEN])
    def test_a_quarter_is_taken_off(self, failure):
        assert self.found().fail(failure) == 15

    def test_one_stays(self):
        rounds = self.found()

        assert [rounds.fail(Failure.REFUSED) for _ in range(12)][-2:] == [1, 1]

    def test_it_counts_once_for_all_requests_of_the_round(self):
        rounds = self.found()
        begun = [rounds.limit.round for _ in range(5)]
        for begun_in in begun:
            rounds.limit.end(begun_in, rounds.now_s, rounds.now_s + 0.01, Failure.REFUSED)

        assert rounds.limit.value == 15

    def test_a_slow_one_among_others_that_are_answered_is_its_own_trouble(self):
        rounds = self.found()
        rounds.limit.end(rounds.limit.round, rounds.now_s, rounds.now_s + 0.02)

        assert rounds.fail(Failure.BROKEN) == 20

    def test_a_keeping_server_is_asked_for_one_more_each_round_but_for_fewer_than_it_refused(self):
        rounds = Rounds(keeps=True)
        rounds.round(0.001, took_s=0.1)
        assert rounds.fail(Failure.REFUSED) == 12

        assert [rounds.round(0.01, took_s=0.1) for _ in range(5)] == [13, 14, 15, 15, 15]

    def test_the_next_collection_may_ask_for_one_more_than_that(self):
        rounds = Rounds(keeps=True)
        rounds.round(0.001, took_s=0.1)
        rounds.fail(Failure.REFUSED)
        rounds.limit.begin_collection(True)

        assert [rounds.round(0.01, took_s=0.1) for _ in range(5)] == [13, 14, 15, 16, 16]

    def test_a_slow_answer_is_none(self):
        rounds = self.found()

        rounds.limit.end(rounds.limit.round, rounds.now_s, rounds.now_s + 4.9)
        assert rounds.limit.value == 20

    def test_so_many_in_flight_that_did_no_harm_are_allowed_from_then_on(self):
        rounds = self.found()
        for value in (19, 33):
            rounds.limit.raise_to(value)

        assert rounds.limit.value == 33


class TestWhatWasLearnt:
    def test_stays_for_the_next_collection_of_such_a_server(self):
        rounds = Rounds(keeps=False)
        for _ in range(4):
            rounds.round(0.02)
        rounds.limit.begin_collection(False)

        assert rounds.limit.value == 10

    def test_goes_where_the_server_is_of_the_other_kind(self):
        rounds = Rounds(keeps=False)
        for _ in range(4):
            rounds.round(0.02)
        rounds.limit.begin_collection(True)

        assert rounds.limit.value == 8

    def test_of_how_fast_it_can_be_fades(self):
        """The lowest latency rises by a twentieth with each collection, until it is met again."""
        rounds = Rounds(keeps=False)
        for _ in range(3):
            rounds.round(0.02)
        assert rounds.round(0.0275) == 5  # not flat
        rounds.limit.begin_collection(False)

        assert rounds.round(0.0275) == 10


def test_a_fixed_limit_is_what_it_is_and_its_requests_are_all_of_one_round():
    limit = FixedLimit(7)
    limit.begin_collection(True)
    limit.end(limit.round, 0.0, 9.0, Failure.REFUSED)

    assert (limit.value, limit.most, limit.round) == (7, 7, 0)


class TestTheAnswerToAnEnd:
    """Whether the number may have changed, so that a caller need not ask each time."""

    def test_is_no_within_a_round_and_yes_at_its_end(self):
        limit = AdaptiveLimit(1000)
        limit.begin_collection(keeps=True)

        told = [limit.end(limit.round, 100.0, 100.1) for _ in range(limit.value)]

        assert told == [False] * 7 + [True]

    def test_is_no_for_a_request_of_another_round_and_for_one_instance_s_own_trouble(self):
        limit = AdaptiveLimit(1000)
        limit.begin_collection(keeps=True)
        limit.end(limit.round, 100.0, 100.1)

        assert limit.end(limit.round - 1, 100.0, 100.1) is False
        assert limit.end(limit.round, 100.0, 100.1, Failure.BROKEN) is False

    def test_is_no_while_a_round_is_too_short_to_tell(self):
        limit = AdaptiveLimit(1000)
        limit.begin_collection(keeps=True)

        assert [limit.end(limit.round, 100.0, 100.001) for _ in range(9)] == [False] * 9

    def test_is_yes_for_trouble_and_always_no_of_a_fixed_number(self):
        limit = AdaptiveLimit(1000)
        limit.begin_collection(keeps=True)

        assert limit.end(limit.round, 100.0, 100.1, Failure.REFUSED) is True
        assert FixedLimit(7).end(0, 100.0, 100.1, Failure.REFUSED) is False
