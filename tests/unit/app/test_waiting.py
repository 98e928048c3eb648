import pytest
from support import NOON, SimulatedClock, instance, unknown

from cpx_monitor.adapters.in_memory import InMemoryFleet
from cpx_monitor.app.ports import FleetUnavailable, Trouble
from cpx_monitor.app.waiting import Goal, changes, standing_sentence, standings_of, waiting
from cpx_monitor.domain.fleet import Snapshot
from cpx_monitor.domain.health import HealthPolicy

POLICY = HealthPolicy()
DOWN = FleetUnavailable("cannot reach CPX at test: connection refused", Trouble.UNREACHABLE)


def waited(*rounds, goal, within_s=10.0, every_s=2.0):
    """The rounds of the wait, and how long it took."""
    clock = SimulatedClock()
    fleet = InMemoryFleet(rounds, clock)
    shown = list(waiting(fleet, clock, goal, POLICY, every_s=every_s, within_s=within_s))
    return shown, clock.passed_s


def test_it_ends_as_soon_as_enough_are_healthy():
    shown, passed_s = waited(
        [instance(1)], [instance(1), instance(2)], goal=Goal(("authservice",), healthy=2)
    )

    assert [each.is_met for each in shown] == [False, True]
    assert passed_s == 2


def test_it_ends_when_time_is_up_and_polls_once_more_then():
    shown, passed_s = waited([instance(1, cpu=99)], goal=Goal(("AuthService",)), within_s=5)

    assert [each.is_met for each in shown] == [False] * 4
    assert passed_s == 5


def test_each_of_the_services_is_needed():
    goal = Goal(("AuthService", "MLService"))
    shown, _ = waited([instance(1)], [instance(1), instance(2, "MLService")], goal=goal)

    assert [each.is_met for each in shown] == [False, True]


def test_rounds_in_a_row_begin_anew_after_one_that_is_not_good():
    good, bad = [instance(1)], [instance(1, cpu=99)]
    goal = Goal(("AuthService",), rounds=2)
    shown, _ = waited(good, bad, good, good, goal=goal, within_s=60)

    assert [each.is_met for each in shown] == [False, False, False, True]


def test_it_waits_through_an_api_that_is_down():
    shown, _ = waited(DOWN, DOWN, [instance(1)], goal=Goal(("AuthService",)))

    assert [each.failure for each in shown] == [str(DOWN), str(DOWN), None]
    assert shown[-1].is_met


def test_what_is_missing_is_named_with_its_reason():
    seen = Snapshot("test", NOON, 0.1, (instance(1, cpu=99), unknown(2, "AuthService")))
    (standing,) = standings_of(seen, Goal(("AuthService",)), POLICY)

    assert standing_sentence(standing, 2, POLICY) == (
        "AuthService: 0 healthy, 2 needed;"
        " not healthy: 10.58.1.1 (CPU 99%), 10.58.1.2 (timed out after 5 s)"
    )


@pytest.mark.parametrize(("cpu", "differs"), [(11, False), (99, True)])
def test_only_changes_of_health_are_changes(cpu, differs):
    before, now = (
        standings_of(Snapshot("test", NOON, 0.1, (seen,)), Goal(("AuthService",)), POLICY)
        for seen in (instance(1), instance(1, cpu=cpu))
    )

    assert bool(changes(before, now)) is differs
