from itertools import islice

import pytest
from support import SimulatedClock, instance, snapshot, unknown

from cpx_monitor.adapters.in_memory import InMemoryFleet
from cpx_monitor.app.ordering import NoSuchService
from cpx_monitor.app.pace import every
from cpx_monitor.app.ports import FleetUnavailable, Trouble
from cpx_monitor.app.reports import Coverage
from cpx_monitor.app.tracking import track
from cpx_monitor.domain.fleet import StaleList, Unknown
from cpx_monitor.domain.health import HealthPolicy, Status

REFUSED = FleetUnavailable("CPX at test refused access: it answered 401", Trouble.REFUSED)
DOWN = FleetUnavailable("cannot reach CPX at test: timed out after 5 s", Trouble.NO_ANSWER)


def rounds_of(*rounds, count, service="AuthService", clock=None, every_s=5.0):
    clock = clock or SimulatedClock()
    fleet = InMemoryFleet(rounds, clock)
    return list(islice(track(fleet, clock, service, HealthPolicy(), every(clock, every_s)), count))


def rows(shown):
    return [(row.ip, row.status, row.reason) for row in shown.report.items]


class SlowFleet:
    """Each snapshot takes the next of the given times."""

    def __init__(self, clock, *took_s):
        self.clock = clock
        self.took_s = list(took_s)

    def snapshot(self, select=None):
        self.clock.pass_s(self.took_s.pop(0))
        return snapshot(instance(1))


def starts_of(*took_s, every_s):
    """When each round started, and how many before it were missed."""
    clock = SimulatedClock()
    pace = every(clock, every_s)
    tracked = track(SlowFleet(clock, *took_s), clock, "AuthService", HealthPolicy(), pace)
    starts, missed = [], []
    for took, shown in zip(took_s, tracked, strict=False):
        starts.append(round(clock.passed_s - took, 6))
        missed.append(shown.missed)
    return starts, missed


class TestARound:
    def test_shows_the_service_s_instances_and_nobody_else_s(self):
        (first,) = rounds_of([instance(1), instance(2, "MLService"), instance(3)], count=1)

        assert [row.ip for row in first.report.items] == ["10.58.1.1", "10.58.1.3"]
        assert (first.number, first.report.service, first.failure) == (1, "AuthService", None)

    def test_shows_instances_that_joined_and_no_longer_those_that_left(self):
        first, second = rounds_of([instance(1), instance(2)], [instance(2), instance(3)], count=2)

        assert [row.ip for row in first.report.items] == ["10.58.1.1", "10.58.1.2"]
        assert [row.ip for row in second.report.items] == ["10.58.1.2", "10.58.1.3"]

    def test_keeps_a_silent_instance_with_the_service_it_last_had(self):
        _, second = rounds_of([instance(1), instance(2)], [instance(1), unknown(2)], count=2)

        assert rows(second) == [
            ("10.58.1.1", Status.HEALTHY, None),
            ("10.58.1.2", Status.UNKNOWN, "timed out after 5 s"),
        ]
        assert {row.service for row in second.report.items} == {"AuthService"}

    def test_remembers_a_silent_instance_for_as_long_as_it_is_silent(self):
        *_, fourth = rounds_of([instance(1), instance(2)], [instance(1), unknown(2)], count=4)

        assert [row.ip for row in fourth.report.items] == ["10.58.1.1", "10.58.1.2"]

    def test_remembers_an_instance_that_was_off_the_list_for_a_while(self):
        *_, third = rounds_of(
            [instance(1), instance(2)], [instance(1)], [instance(1), unknown(2)], count=3
        )

        assert [row.ip for row in third.report.items] == ["10.58.1.1", "10.58.1.2"]

    def test_drops_an_instance_that_now_says_it_is_another_service_s(self):
        _, second = rounds_of(
            [instance(1), instance(2)], [instance(1), instance(2, "MLService")], count=2
        )

        assert [row.ip for row in second.report.items] == ["10.58.1.1"]

    def test_has_no_rows_once_no_instance_is_left(self):
        _, second = rounds_of([instance(1)], [instance(2, "MLService")], count=2)

        assert (second.report.items, second.failure) == ((), None)

    def test_in_which_nobody_answers_shows_every_member_as_unknown(self):
        _, second = rounds_of([instance(1)], [unknown(1)], count=2)

        assert rows(second) == [("10.58.1.1", Status.UNKNOWN, "timed out after 5 s")]


class TestARoundWithoutAListOfItsOwn:
    def test_asks_those_of_the_last_one_and_tells_its_age(self):
        first, second, third = rounds_of([instance(1)], DOWN, DOWN, count=3)

        assert first.report.basis.stale_list is None
        assert second.report.basis.stale_list == StaleList(5.0, str(DOWN))
        assert third.report.basis.stale_list == StaleList(10.0, str(DOWN))
        assert rows(third) == [("10.58.1.1", Status.UNKNOWN, str(DOWN))]
        assert third.report.basis.coverage == Coverage(listed=1, answered=0, unknown=1, rejected=0)

    def test_is_followed_by_one_with_a_new_list(self):
        *_, after = rounds_of([instance(1)], DOWN, [instance(1), instance(2)], count=3)

        assert after.report.basis.stale_list is None
        assert len(after.report.items) == 2


class TestARoundThatFails:
    def test_shows_the_members_last_known_as_unknown_and_the_next_one_goes_on(self):
        _, failed, after = rounds_of([instance(1)], REFUSED, [instance(1)], count=3)

        assert failed.failure == str(REFUSED)
        assert rows(failed) == [("10.58.1.1", Status.UNKNOWN, str(REFUSED))]
        assert rows(after) == [("10.58.1.1", Status.HEALTHY, None)]

    def test_does_not_forget_what_silent_instances_were(self):
        *_, last = rounds_of([instance(1), instance(2)], DOWN, [instance(1), unknown(2)], count=3)

        assert [row.ip for row in last.report.items] == ["10.58.1.1", "10.58.1.2"]

    def test_because_the_list_is_empty_is_not_taken_for_everybody_s_leaving(self):
        _, failed = rounds_of([instance(1)], [], count=2)

        assert failed.failure == "memory lists no servers"
        assert rows(failed) == [("10.58.1.1", Status.UNKNOWN, "memory lists no servers")]


class TestTheFirstRound:
    def test_that_cannot_list_servers_ends_it(self):
        with pytest.raises(FleetUnavailable, match="timed out"):
            rounds_of(DOWN, count=1)

    @pytest.mark.parametrize("observations", [[], [Unknown("10.58.1.1", "answered 500")]])
    def test_that_finds_nothing_usable_ends_it(self, observations):
        with pytest.raises(FleetUnavailable):
            rounds_of(observations, count=1)

    def test_without_the_service_ends_it_with_the_names_there_are(self):
        with pytest.raises(NoSuchService) as caught:
            rounds_of([instance(1, "B"), instance(2, "A"), unknown(3)], count=1, service="C")

        assert caught.value.known == ("A", "B")
        assert "(1 instance did not say which)" in str(caught.value)

    def test_finds_the_service_in_any_case(self):
        (first,) = rounds_of([instance(1)], count=1, service="authservice")

        assert first.report.service == "AuthService"

    def test_takes_the_exact_name_where_two_differ_only_in_case(self):
        fleet = [instance(1, "auth"), instance(2, "Auth")]

        (first,) = rounds_of(fleet, count=1, service="Auth")
        assert [row.ip for row in first.report.items] == ["10.58.1.2"]
        with pytest.raises(NoSuchService):
            rounds_of(fleet, count=1, service="AUTH")


class TestRounds:
    def test_start_at_whole_multiples_of_the_interval_however_long_they_take(self):
        starts, missed = starts_of(0.3, 4.9, 0.0, 2.5, 0.1, every_s=5)

        assert starts == [0, 5, 10, 15, 20]
        assert missed == [0, 0, 0, 0, 0]

    def test_that_come_due_during_a_slow_one_are_left_out_and_counted(self):
        starts, missed = starts_of(0.1, 12.0, 0.1, 0.1, every_s=5)

        assert starts == [0, 5, 20, 25]
        assert missed == [0, 0, 2, 0]

    def test_begin_at_once_where_the_one_before_took_exactly_the_interval(self):
        starts, missed = starts_of(5.0, 0.1, every_s=5)

        assert starts == [0, 5]
        assert missed == [0, 0]

    def test_are_numbered_without_gaps(self):
        shown = rounds_of([instance(1)], count=3)

        assert [each.number for each in shown] == [1, 2, 3]


class AskedFleet:
    """An in-memory fleet that writes down whom each round asked."""

    def __init__(self, rounds):
        self.fleet = InMemoryFleet(rounds, SimulatedClock())
        self.asked = []

    def snapshot(self, select=None):
        seen = self.fleet.snapshot(select)
        self.asked.append({each.ip for each in seen.observations})
        return seen

    def track(self, count):
        clock = SimulatedClock()
        tracked = track(self, clock, "AuthService", HealthPolicy(), every(clock, 5))
        return list(islice(tracked, count))


class TestWhoIsAsked:
    MEMBERS = 20
    FLEET = tuple(instance(n, "AuthService" if n <= 20 else "MLService") for n in range(1, 201))

    def test_is_everybody_in_the_first_round_then_members_and_a_tenth_of_the_rest_at_most(self):
        fleet = AskedFleet([self.FLEET])
        fleet.track(40)

        assert len(fleet.asked[0]) == len(self.FLEET)
        members = {seen.ip for seen in self.FLEET[: self.MEMBERS]}
        for asked in fleet.asked[1:]:
            assert members <= asked
            assert len(asked) <= self.MEMBERS + len(self.FLEET) / 10

    def test_is_everybody_within_30_rounds(self):
        fleet = AskedFleet([self.FLEET])
        fleet.track(61)

        all_addresses = {seen.ip for seen in self.FLEET}
        assert set().union(*fleet.asked[1:31]) == all_addresses
        assert set().union(*fleet.asked[31:61]) == all_addresses

    def test_is_every_address_not_seen_before(self):
        newcomers = (instance(201, "MLService"), instance(202))
        fleet = AskedFleet([self.FLEET, (*self.FLEET, *newcomers)])

        _, second = fleet.track(2)

        assert {seen.ip for seen in newcomers} <= fleet.asked[1]
        assert second.report.items[-1].ip == "10.58.1.202"

    def test_lets_an_instance_that_moves_to_the_service_show_within_30_rounds(self):
        moved = (*self.FLEET[:-1], instance(200, "AuthService"))
        fleet = AskedFleet([self.FLEET, moved])

        rounds = fleet.track(31)

        assert rounds[-1].report.items[-1].ip == "10.58.1.200"

    def test_does_not_change_the_coverage_which_is_the_whole_fleet_s(self):
        fleet = AskedFleet([(*self.FLEET, unknown(250))])

        assert {shown.report.basis.coverage for shown in fleet.track(5)} == {
            Coverage(201, 200, 1, 0)
        }
