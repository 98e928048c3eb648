"""One limit for collections that run at once."""

from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpx_monitor.adapters.cpx_api.polling.concurrency import FixedLimit
from cpx_monitor.adapters.cpx_api.polling.sharing import SharedLimit, SharedTransport, divided


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


class TestDividing:
    @pytest.mark.parametrize(
        ("total", "wants", "parts"),
        [
            (10, [20, 20], [5, 5]),
            (10, [2, 20], [2, 8]),
            (10, [20, 20, 20], [4, 3, 3]),
            (2, [5, 5, 5], [1, 1, 0]),
            (10, [1, 2], [8, 9]),  # what is left goes to each that may want it
            (10, [], []),
        ],
    )
    def test_is_even_and_wastes_nothing(self, total, wants, parts):
        assert divided(total, wants) == parts

    @given(st.integers(1, 50), st.lists(st.integers(0, 60), min_size=1, max_size=20))
    def test_gives_no_more_than_there_is_where_all_want_more(self, total, wants):
        parts = divided(total, wants)
        if sum(wants) >= total:
            assert sum(parts) == total
        assert all(
            part >= min(want, total // len(wants)) for part, want in zip(parts, wants, strict=True)
        )


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

        assert (first.value, second.value) == (1, 9)

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
