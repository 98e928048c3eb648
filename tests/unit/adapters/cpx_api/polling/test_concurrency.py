import pytest
from simulated_server import FarAway, OneThread, Workers, collect

from cpx_monitor.adapters.cpx_api.polling.concurrency import AdaptiveLimit, Failure, FixedLimit


def adaptive(keeps):
    limit = AdaptiveLimit(1000)
    limit.begin_collection(keeps)
    return limit


def best_fixed_s(make_server, requests):
    return min(
        collect(FixedLimit(value), make_server(), requests)[0] for value in (50, 100, 200, 400)
    )


class TestAServerWithOneThreadThatCloses:
    @pytest.mark.parametrize("service_s", [0.0002, 0.0005, 0.001, 0.005, 0.02])
    @pytest.mark.parametrize("requests", [10, 150, 5000])
    def test_never_has_its_queue_overflow(self, service_s, requests):
        server = OneThread(service_s)

        _, most = collect(adaptive(keeps=False), server, requests)

        assert server.overflows == 0
        assert most <= 5

    @pytest.mark.parametrize("service_s", [0.0005, 0.005, 0.02])
    def test_is_kept_busy(self, service_s):
        limit = adaptive(keeps=False)

        took_s, _ = collect(limit, OneThread(service_s), 150)

        assert 3 <= limit.value <= 5
        assert took_s < 1.05 * 150 * service_s

    def test_whose_queue_overflows_all_the_same_is_asked_for_less(self):
        limit = adaptive(keeps=False)
        collect(limit, OneThread(0.001), 100)
        before = limit.value

        limit.end(limit.round, 0.0, 1.002, Failure.REFUSED)

        assert limit.value < before


class TestAServerThatClosesButServesManyAtOnce:
    def test_is_asked_for_many_at_once(self):
        limit = adaptive(keeps=False)

        collect(limit, FarAway(0.02), 5000)

        assert limit.value > 50


class TestAServerFarAway:
    def test_is_asked_for_hundreds_at_once(self):
        limit = adaptive(keeps=True)

        collect(limit, FarAway(0.02), 10_000)

        assert limit.value > 300

    @pytest.mark.parametrize("latency_s", [0.005, 0.02, 0.05])
    def test_is_read_nearly_as_fast_as_with_the_best_fixed_number(self, latency_s):
        took_s, _ = collect(adaptive(keeps=True), FarAway(latency_s), 10_000)

        assert took_s < 1.1 * best_fixed_s(lambda: FarAway(latency_s), 10_000)

    def test_is_asked_for_as_many_at_once_from_the_start_in_the_next_round(self):
        limit = adaptive(keeps=True)
        first_s, _ = collect(limit, FarAway(0.02), 10_000)
        learnt = limit.value
        limit.begin_collection(keeps=True)

        second_s, _ = collect(limit, FarAway(0.02), 10_000)

        assert limit.value >= learnt
        assert second_s < first_s

    def test_is_asked_for_no_more_than_the_transport_carries(self):
        limit = AdaptiveLimit(64)
        limit.begin_collection(keeps=True)

        _, most = collect(limit, FarAway(0.02), 5000)

        assert most == 64


class TestAServerNearby:
    def test_is_asked_for_a_handful_where_the_client_is_the_slower_one(self):
        limit = adaptive(keeps=True)

        took_s, most = collect(limit, FarAway(0.0001), 10_000)

        assert most <= 64
        assert took_s < 1.05 * 10_000 * 20e-6

    def test_that_has_few_workers_is_not_asked_for_many_times_as_many(self):
        limit = adaptive(keeps=True)

        took_s, _ = collect(limit, Workers(16, 0.002), 5000)

        assert 16 <= limit.value <= 64
        assert took_s < 1.1 * 5000 * 0.002 / 16


class TestAServerThatRefusesBeyondItsWorkers:
    def test_is_asked_for_as_many_as_it_takes_and_few_are_refused(self):
        server = Workers(10, 0.005, refuses=True)
        limit = adaptive(keeps=True)

        collect(limit, server, 2000)

        assert 7 <= limit.value <= 10
        assert server.refusals < 0.05 * 2000


class TestTrouble:
    def test_counts_once_a_round_however_many_requests_it_hits(self):
        limit = adaptive(keeps=True)
        begun = [limit.round for _ in range(8)]

        for begun_in in begun:
            limit.end(begun_in, 0.0, 0.001, Failure.REFUSED)

        assert limit.value == 6

    def test_never_brings_it_below_one(self):
        limit = adaptive(keeps=True)

        for _ in range(100):
            limit.end(limit.round, 0.0, 5.0, Failure.BROKEN)

        assert limit.value == 1

    def test_that_was_is_not_held_against_the_server_for_ever(self):
        limit = adaptive(keeps=True)
        for _ in range(20):
            limit.end(limit.round, 0.0, 0.001, Failure.REFUSED)
        for _ in range(30):
            limit.begin_collection(keeps=True)
            collect(limit, FarAway(0.001), 500)

        assert limit.value > 8

    def test_of_a_few_stuck_instances_costs_the_others_nothing(self):
        limit = adaptive(keeps=True)
        stuck = [limit.round for _ in range(4)]
        collect(limit, FarAway(0.02), 5000)
        before = limit.value

        for begun_in in stuck:
            limit.end(begun_in, 0.0, 5.0, Failure.BROKEN)

        assert limit.value == before


def test_a_fixed_number_stays_what_it_is():
    limit = FixedLimit(7)
    limit.begin_collection(keeps=True)

    limit.end(limit.round, 0.0, 9.0, Failure.REFUSED)
    assert collect(limit, FarAway(0.02), 100)[1] == limit.value == 7


class TestWhatIsLearntOnTheWay:
    def test_that_so_many_did_no_harm_raises_the_number(self):
        limit = adaptive(keeps=True)

        limit.raise_to(40)
        assert limit.value == 40
        round_before = limit.round
        limit.raise_to(40)
        limit.raise_to(3)

        assert (limit.value, limit.round) == (40, round_before)

    def test_that_a_closing_server_serves_many_lets_the_number_double(self):
        unknown, known = adaptive(keeps=False), adaptive(keeps=False)
        known.serves_many()

        for limit in (unknown, known):
            for number in range(8):
                limit.end(limit.round, 0.0, 0.01 + number * 0.001)

        assert unknown.value == AdaptiveLimit.FIRST_CLOSING + 1
        assert known.value >= 2 * AdaptiveLimit.FIRST_CLOSING

    def test_that_two_are_too_much_is_kept_to(self):
        limit = adaptive(keeps=True)
        limit.raise_to(2)
        for _ in range(20):
            limit.end(limit.round, 0.0, 0.01, Failure.REFUSED)
            for number in range(4):
                limit.end(limit.round, 0.1 * number, 0.1 * number + 0.05)

        assert limit.value == 1
