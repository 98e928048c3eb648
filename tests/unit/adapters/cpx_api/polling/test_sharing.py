"""One limit for collections that run at once."""

import math
from contextlib import ExitStack

import pytest

from cpx_monitor.adapters.cpx_api.polling.concurrency import AdaptiveLimit, Answers, FixedLimit
from cpx_monitor.adapters.cpx_api.polling.sharing import SharedLimit, SharedTransport


@pytest.fixture
def shares():
    """Makes so many shares of a limit of 10, each with (workers, stuck, waiting)."""
    with ExitStack() as stack:

        def make(*occupied, value=10):
            shared = SharedLimit(FixedLimit(value))
            made = [stack.enter_context(shared.share()) for _ in occupied]
            for share, numbers in zip(made, occupied, strict=True):
                share.occupy(*numbers)
            return made

        yield make


class TestAShare:
    def test_is_all_of_the_limit_where_there_is_no_other(self, shares):
        (only,) = shares((3, 0, 100))

        assert (only.value, only.most) == (10, 10)

    def test_waits_until_others_give_places_back_and_they_are_told_to(self, shares):
        first, second = shares((10, 0, 100), (0, 0, 100))
        assert (first.value, second.value) == (5, 0)

        first.occupy(7, 0, 100)
        assert second.value == 3

    def test_leaves_the_others_what_it_has_no_use_for(self, shares):
        first, second = shares((1, 0, 0), (6, 0, 100))

        assert second.value == 9
        assert first.value < second.value

    def test_is_as_large_as_another_where_all_want_more(self, shares):
        made = shares(*[(0, 0, 100)] * 3)

        assert [share.value for share in made] == [4, 4, 4]

    def test_is_one_at_least_where_there_are_more_than_places(self, shares):
        made = shares(*[(0, 0, 2)] * 20, value=3)

        assert {share.value for share in made} == {1}

    def test_does_not_count_what_is_stuck_but_never_has_more_than_the_most(self, shares):
        _, second = shares((8, 4, 0), (0, 0, 100))

        assert (second.value, second.most) == (6, 2)

    def test_gives_its_places_back_when_it_ends(self):
        shared = SharedLimit(FixedLimit(10))
        with shared.share() as stays:
            with shared.share() as ends:
                ends.occupy(10, 2, 0)
                assert stays.most == 0
            stays.occupy(0, 0, 100)

            assert (stays.value, stays.most) == (10, 10)


class FakeTransport:
    def __init__(self):
        self.doubts = []

    def doubtful(self):
        doubts, self.doubts = self.doubts, []
        return doubts


class TestASharedTransport:
    def test_tells_every_collection_under_way_what_is_in_doubt(self):
        transport = FakeTransport()
        shared = SharedTransport(transport)
        with shared.view() as one, shared.view() as another:
            transport.doubts = ["10.58.1.7"]

            assert one.doubtful() == ["10.58.1.7"]
            assert another.doubtful() == ["10.58.1.7"]
            assert another.doubtful() == []


@pytest.fixture
def adaptive():
    """Two shares of a limit that may grow: one that holds all places, one that waits."""
    with ExitStack() as stack:
        shared = SharedLimit(AdaptiveLimit(100))
        holding, waiting = (stack.enter_context(shared.share()) for _ in range(2))
        holding.occupy(shared.limit.value, 0, 0)
        waiting.occupy(0, 0, 100)
        yield holding, waiting


NOTHING = Answers(-math.inf, -math.inf, 0.0, False)


class TestASilence:
    """All places are taken by requests that get no answer, and another collection has none."""

    def silent(self, shares, answers=NOTHING):
        holding, waiting = shares((10, 0, 0), (0, 0, 100))
        holding.exchange(answers, 100.0)
        return holding, waiting

    def test_is_no_reason_for_more_at_first(self, shares):
        holding, waiting = self.silent(shares)
        holding.exchange(NOTHING, 100.2)

        assert waiting.value == 0

    def test_gives_out_one_more_after_the_other(self, adaptive):
        holding, waiting = adaptive
        values = []
        for now_s in (100.0, 100.2, 100.3, 100.36):
            holding.exchange(NOTHING, now_s)
            values.append(waiting.value)

        assert values == [0, 0, 2, 5]

    def test_is_waited_out_longer_where_the_server_may_serve_one_at_a_time(self, adaptive):
        holding, waiting = adaptive
        answered = Answers(99.0, 98.9, 0.1, False)
        holding.exchange(answered, 100.0)
        holding.exchange(answered, 101.0)
        assert waiting.value == 0

        holding.exchange(answered, 101.5)
        assert waiting.value > 0

    def test_ends_with_an_answer(self, adaptive):
        holding, waiting = adaptive
        holding.exchange(NOTHING, 100.0)
        holding.exchange(NOTHING, 101.0)
        assert waiting.value > 0

        holding.exchange(Answers(101.01, 100.9, 0.1, True), 101.02)
        assert waiting.value == 0

    def test_is_never_beyond_what_a_fixed_limit_allows(self, shares):
        holding, waiting = self.silent(shares)
        holding.exchange(NOTHING, 200.0)

        assert (waiting.value, waiting.most) == (0, 0)

    def test_tells_the_others_how_many_wait(self, shares):
        holding, waiting = self.silent(shares)

        assert (holding.waiting_elsewhere, waiting.waiting_elsewhere) == (100, 0)
