from datetime import timedelta

import pytest
from support import NOON, instance, track_round, unknown

from cpx_monitor.app.history import MARKED_ROUNDS, History
from cpx_monitor.app.use_cases import spread
from cpx_monitor.domain.fleet import Instance

OF = "AuthService", 10, 20


def learned(*rounds, history=None):
    """What the last round shows, by the last number of the address."""
    history = history or History()
    for number, observations in enumerate(rounds, start=1):
        observed_at = NOON + timedelta(seconds=number)
        shown = track_round(number, *observations, observed_at=observed_at)
        instances = history.learn(shown)
    return {int(tracked.row.ip.rpartition(".")[2]): tracked for tracked in instances}


def notes(*rounds, history=None):
    return {last: tracked.note for last, tracked in learned(*rounds, history=history).items()}


class TestAnInstance:
    def test_has_its_change_since_the_round_before(self):
        tracked = learned([instance(1, cpu=10, memory=60)], [instance(1, cpu=35, memory=50)])[1]

        assert (tracked.cpu_change, tracked.memory_change) == (25, -10)

    def test_has_no_change_after_a_round_in_which_it_was_unknown_or_away(self):
        assert learned([instance(1)], [unknown(1)], [instance(1)])[1].cpu_change is None
        assert learned([instance(1)], [], [instance(1)])[1].cpu_change is None

    def test_has_its_history_with_gaps_where_it_was_unknown(self):
        tracked = learned([instance(1, cpu=10)], [unknown(1)], [instance(1, cpu=30)])[1]

        assert tracked.recent_cpu == (10, None, 30)

    def test_that_came_later_is_marked_as_joined_for_three_rounds(self):
        here = [instance(1)]
        both = [instance(1), instance(2)]

        assert notes(here, both) == {1: "", 2: "joined"}
        assert notes(here, both, both, both)[2] == "joined"
        assert notes(here, both, both, both, both)[2] == ""

    def test_that_is_gone_stays_marked_as_left_for_a_while(self):
        both = [instance(1), instance(2)]
        here = [instance(1)]

        assert notes(both, here) == {1: "", 2: "left"}
        assert learned(both, here)[2].row.cpu_percent is None
        assert notes(both, here, here, here)[2] == "left"
        assert notes(both, here, here, here, here) == {1: ""}

    def test_that_changed_says_what_it_was(self):
        well, sick = [instance(1)], [instance(1, cpu=99)]

        assert notes(well, sick) == {1: "was Healthy"}
        assert notes(well, sick, sick) == {1: ""}

    def test_that_keeps_changing_is_flapping(self):
        well, sick, other = instance(1), instance(1, cpu=99), instance(2)
        history = History()
        rounds = [[each, other] for each in [well, well, sick, sick] * 5]

        assert (
            notes(*rounds, history=history)[1] == "flapping: 9 changes in 21 rounds, last 12:00:19"
        )
        report = history.judged(track_round(1).report)
        assert (report.flapping, report.is_random) == ({"10.58.1.1"}, False)
        assert [item.was_flapping for item in history.summary().items] == [True, False]

    def test_is_not_marked_where_most_of_its_service_would_be(self):
        history = History()
        for number, cpu in enumerate([10, 99] * 10, start=1):
            history.learn(track_round(number, instance(1, cpu=cpu), instance(2, cpu=cpu)))

        report = history.judged(track_round(1).report)
        assert (report.flapping, report.is_random) == (frozenset(), True)
        assert (history.summary().was_random, history.summary().items[0].was_flapping) == (
            True,
            False,
        )

    def test_that_is_alone_is_marked(self):
        history = History()
        for number, cpu in enumerate([10, 99] * 10, start=1):
            history.learn(track_round(number, instance(1, cpu=cpu)))

        assert history.judged(track_round(1).report).flapping == {"10.58.1.1"}

    def test_of_a_round_that_failed_has_a_gap_and_neither_flipped_nor_was_unknown(self):
        history = History()
        for number, failure in enumerate((None, "cannot reach CPX", None), start=1):
            seen = unknown(1, "AuthService") if failure else instance(1)
            (tracked,) = history.learn(track_round(number, seen, failure=failure))

        (item,) = history.summary().items
        assert tracked.recent_cpu == (10, None, 10)
        assert (tracked.note, item.rounds, item.flips, item.unknown_share) == ("", 2, 0, 0)

    def test_that_was_not_polled_in_between_has_flipped_where_its_status_differs(self):
        history = History()
        history.learn(track_round(1, instance(1)))
        (unseen,) = history.learn(track_round(2, not_polled=("10.58.1.1",)))
        (seen,) = history.learn(track_round(3, instance(1, cpu=99)))

        (item,) = history.summary().items
        assert (unseen.is_seen, seen.is_seen, item.flips, seen.cpu_change) == (False, True, 1, None)


class TestTheSummary:
    def test_of_nothing_is_none(self):
        assert History().summary() is None

    def test_has_shares_and_flips_of_the_rounds_in_which_the_instance_was_listed(self):
        history = History()
        learned(
            [instance(1)],
            [instance(1, cpu=99), instance(2)],
            [unknown(1), instance(2)],
            [instance(1), instance(2)],
            history=history,
        )
        summary = history.summary()
        one, two = summary.items

        assert (summary.rounds, summary.failed_rounds) == (4, 0)
        assert (summary.ended_at - summary.began_at).total_seconds() == 3
        assert (one.rounds, one.unhealthy_share, one.unknown_share, one.flips) == (4, 0.25, 0.25, 2)
        assert (two.rounds, two.unhealthy_share, two.flips) == (3, 0, 0)

    def test_is_of_those_that_are_there_and_the_last_thousand_that_left(self):
        history = History()
        for number in range(1, 1100):
            history.learn(
                track_round(number, Instance(f"10.0.{number // 256}.{number % 256}", *OF))
            )

        summary = history.summary()
        assert len(summary.items) == 1000 + MARKED_ROUNDS + 1
        assert summary.forgotten == 1099 - 1000 - MARKED_ROUNDS - 1
        assert summary.items[-1].ip == "10.0.4.75"

    def test_of_one_that_left_and_came_back_is_of_both_times(self):
        history = History()
        learned([instance(1)], *[[]] * 9, [instance(1, cpu=99)], history=history)

        (only,) = history.summary().items
        assert (only.rounds, only.unhealthy_share) == (2, 0.5)

    @pytest.mark.parametrize("values", [[7], [1, 2, 3], list(range(101)), [0.25, 99.75, 50, 50]])
    def test_has_the_spread_of_all_that_was_seen(self, values):
        history = History()
        learned(*([instance(1, cpu=value)] for value in values), history=history)

        (only,) = history.summary().items
        assert only.cpu_percent == spread(values)

    def test_counts_no_more_different_percentages_than_two_decimals_make(self):
        history = History()
        learned(*([instance(1, cpu=50 + n / 1e9)] for n in range(50)), history=history)

        (only,) = history.summary().items
        assert only.cpu_percent.p95 == 50
        assert only.cpu_percent.max == 50 + 49 / 1e9
