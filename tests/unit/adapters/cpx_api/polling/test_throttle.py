import pytest

from cpx_monitor.adapters.cpx_api.polling.throttle import MANY_REFUSED, SLOWEST_PACE, Throttle


class TokenBucket:
    """Lets ``rate`` a second through, and up to ``burst`` that were saved up."""

    def __init__(self, rate, burst, retry_after_s=1.0):
        self.rate, self.burst, self.retry_after_s = rate, burst, retry_after_s
        self.tokens, self.filled_at_s = burst, 0.0

    def takes(self, now_s):
        self.tokens = min(self.burst, self.tokens + self.rate * (now_s - self.filled_at_s))
        self.filled_at_s = now_s
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


def collect(server, requests, under_way=64, client_s=20e-6, latency_s=0.002):
    """So many answers through a throttle; when it was over, refusals, and gates not kept shut."""
    throttle = Throttle(0.0)
    now_s, answered, refusals, too_early = 0.0, 0, 0, 0
    shut_until_s = 0.0
    answers = []  # (when it comes, whether it was let through), in order
    while answered < requests:
        delay_s = throttle.delay_s(now_s) if throttle.is_active else 0.0
        if not delay_s and len(answers) < under_way:
            too_early += now_s < shut_until_s
            answers.append((now_s + latency_s, server.takes(now_s)))
            now_s += client_s
        elif answers and (not delay_s or answers[0][0] <= now_s + delay_s):
            comes_s, is_through = answers.pop(0)
            now_s = max(now_s, comes_s)
            if is_through:
                answered += 1
                throttle.let_in += 1
            else:
                refusals += 1
                throttle.refused(now_s, server.retry_after_s)
                shut_until_s = max(shut_until_s, now_s + server.retry_after_s)
        else:
            now_s += delay_s
    return now_s, refusals, too_early


def test_nothing_is_held_back_as_long_as_nothing_is_refused():
    throttle = Throttle(0.0)

    assert not throttle.is_active
    assert [throttle.delay_s(0.0) for _ in range(1000)] == [0.0] * 1000


def test_after_a_refusal_nothing_goes_until_its_wait_is_over():
    throttle = Throttle(0.0)
    throttle.let_in += 1
    throttle.refused(10.0, wait_s=2.0)

    assert throttle.is_active
    assert throttle.delay_s(10.0) == 2.0
    assert throttle.delay_s(11.5) == 0.5
    assert throttle.delay_s(12.0) == 0.0


def test_of_several_waits_the_longest_counts():
    throttle = Throttle(0.0)
    throttle.refused(10.0, wait_s=2.0)
    throttle.refused(10.1, wait_s=5.0)
    throttle.refused(10.2, wait_s=1.0)

    assert throttle.delay_s(11.1) == pytest.approx(4.0)


def test_a_refusal_before_anything_was_let_in_tells_no_pace():
    throttle = Throttle(0.0)
    throttle.refused(0.1, wait_s=1.0)

    assert [throttle.delay_s(1.2) for _ in range(100)] == [0.0] * 100


def test_a_pace_at_which_nothing_is_let_in_is_halved_down_to_one_a_second():
    throttle = Throttle(0.0)
    throttle.let_in += 1
    for number in range(1, 30):
        throttle.refused(number, wait_s=0.5)

    assert throttle.delay_s(30.0) == 0.0
    assert throttle.delay_s(30.0) == pytest.approx(1 / SLOWEST_PACE, rel=0.2)


def test_a_rate_limit_with_a_bucket_of_a_second_is_used_to_85_percent_with_few_refusals():
    took_s, refusals, too_early = collect(TokenBucket(rate=2000, burst=2000), 16_000)

    assert 16_000 / took_s > 0.85 * 2000
    assert refusals < 0.5 * 16_000
    assert too_early == 0


def test_a_rate_limit_with_a_bucket_of_a_tenth_of_a_second_is_used_to_a_good_part():
    took_s, refusals, too_early = collect(TokenBucket(rate=2000, burst=200), 16_000)

    assert 16_000 / took_s > 0.5 * 2000
    assert refusals < 0.5 * 16_000
    assert too_early == 0


def test_a_gate_that_lets_none_in_three_times_running_is_known_for_it():
    throttle = Throttle(0.0)
    seen = []
    for second in range(4):
        if second == 0:
            throttle.let_in += 1
        throttle.refused(second + 0.01, 0.9)
        seen.append(throttle.lets_none_in)

    assert seen == [False, False, False, True]


class TestARefusal:
    def test_that_names_its_wait_is_the_instance_s_own_while_there_are_few(self):
        throttle = Throttle(0.0)

        told = [throttle.is_its_own_trouble(names_its_wait=True) for _ in range(MANY_REFUSED)]
        assert told == [True] * (MANY_REFUSED - 1) + [False]

    def test_is_judged_by_the_latest_and_older_ones_are_forgotten(self):
        throttle = Throttle(0.0)
        throttle.is_its_own_trouble(names_its_wait=True)
        throttle.let_in = 100

        told = [throttle.is_its_own_trouble(names_its_wait=True) for _ in range(MANY_REFUSED)]

        assert told == [True] * (MANY_REFUSED - 1) + [False]

    @pytest.mark.parametrize(("let_in", "is_its_own"), [(MANY_REFUSED - 1, False), (8, True)])
    def test_is_about_all_where_fewer_were_let_in_meanwhile(self, let_in, is_its_own):
        throttle = Throttle(0.0)
        for _ in range(MANY_REFUSED - 1):
            throttle.is_its_own_trouble(names_its_wait=True)
        throttle.let_in += let_in

        assert throttle.is_its_own_trouble(names_its_wait=True) is is_its_own

    def test_is_about_all_once_the_gate_was_shut(self):
        throttle = Throttle(0.0)
        throttle.refused(1.0, 1.0)
        throttle.let_in += 100

        assert not throttle.is_its_own_trouble(names_its_wait=True)

    def test_without_a_time_is_about_all_where_nobody_was_let_in_or_at_the_third_in_a_row(self):
        throttle = Throttle(0.0)
        assert not throttle.is_its_own_trouble(names_its_wait=False)
        throttle.let_in += 1

        told = [throttle.is_its_own_trouble(names_its_wait=False) for _ in range(3)]
        assert told == [True, True, False]


class TestThePace:
    """What the server allows lies between what it let through, waits included, and what it refused:
    the pace is the geometric mean of the two.
    """

    def refused_after(self, accepted, sending_s, wait_s):
        throttle = Throttle(128.0)
        for _ in range(accepted):
            throttle.let_in += 1
        throttle.refused(128.0 + sending_s, wait_s)
        return throttle, 128.0 + sending_s + wait_s

    def longest_gap_s(self, throttle, now_s):
        """Between two that go one after the other, from then on."""
        gaps_s = []
        for _ in range(20):
            gaps_s.append(throttle.delay_s(now_s))
            now_s += gaps_s[-1]
        return max(gaps_s)

    def test_is_between_the_two(self):
        throttle, opens_s = self.refused_after(accepted=100, sending_s=1.0, wait_s=1.0)

        # 100 in 2 s, and 100 in 1 s: sqrt(50 * 100) a second.
        assert self.longest_gap_s(throttle, opens_s) == pytest.approx(1 / 70.7, rel=0.05)

    def test_halves_where_nobody_was_let_in_since(self):
        throttle, opens_s = self.refused_after(accepted=100, sending_s=1.0, wait_s=1.0)
        throttle.refused(opens_s, 1.0)

        assert self.longest_gap_s(throttle, opens_s + 1.0) == pytest.approx(2 / 70.7, rel=0.05)

    def test_grows_by_a_tenth_a_second_once_the_gate_is_open(self):
        throttle, opens_s = self.refused_after(accepted=100, sending_s=1.0, wait_s=1.0)

        gap_s = self.longest_gap_s(throttle, opens_s + 10)
        assert gap_s == pytest.approx(1 / (70.7 * 1.1**10), rel=0.05)

    def test_who_was_let_in_is_counted_from_the_moment_the_gate_opens(self):
        throttle, opens_s = self.refused_after(accepted=100, sending_s=1.0, wait_s=1.0)
        assert throttle.accepted_since_open == 0
        throttle.let_in += 1
        assert throttle.accepted_since_open == 1
        assert throttle.delay_s(opens_s) == 0

    def test_is_not_known_where_nobody_was_ever_let_in(self):
        throttle, opens_s = self.refused_after(accepted=0, sending_s=1.0, wait_s=1.0)

        assert [throttle.delay_s(opens_s) for _ in range(5)] == [0.0] * 5

    def test_the_gate_opens_on_the_very_moment(self):
        throttle, opens_s = self.refused_after(accepted=0, sending_s=1.0, wait_s=1.0)

        assert throttle.is_active
        assert throttle.delay_s(opens_s - 0.25) == 0.25
        assert throttle.delay_s(opens_s) == 0.0
        throttle.refused(opens_s, 1.0)
        assert throttle.delay_s(opens_s) == 1.0

    def test_refusals_that_come_while_the_gate_is_shut_prolong_it_and_tell_nothing_else(self):
        throttle, opens_s = self.refused_after(accepted=100, sending_s=1.0, wait_s=1.0)
        for _ in range(5):
            throttle.refused(opens_s - 0.5, 1.0)

        assert throttle.delay_s(opens_s - 0.5) == 1.0
        assert not throttle.lets_none_in

    def test_lets_none_in_where_it_was_opened_three_times_in_vain(self):
        throttle = Throttle(0.0)
        told = []
        for now_s in (0.0, 1.0, 2.0):
            throttle.refused(now_s, 1.0)
            told.append(throttle.lets_none_in)

        assert told == [False, False, True]
