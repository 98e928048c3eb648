from support import SimulatedClock, snapshot

from cpx_monitor.adapters.presenters.sentences import outage_sentence
from cpx_monitor.app.ordering import NoSuchService
from cpx_monitor.app.pace import every
from cpx_monitor.app.ports import FleetUnavailable, Trouble
from cpx_monitor.app.rounds import rounds
from cpx_monitor.app.use_cases import list_instances
from cpx_monitor.domain.health import HealthPolicy


def after(*failures):
    """What is said of the API after a round that went well and these, a second apart."""
    outcomes = iter([None, *failures])

    def poll():
        outcome = next(outcomes)
        if isinstance(outcome, str):
            raise FleetUnavailable(outcome, Trouble.UNREACHABLE)
        if outcome is not None:
            raise outcome
        return list_instances(snapshot(), HealthPolicy())

    clock = SimulatedClock()
    pace = zip(every(clock, 1), [None, *failures], strict=False)
    shown = rounds(poll, lambda before, reason: before, clock, (missed for missed, _ in pace))
    *_, last = shown
    return last.outage and outage_sentence(last.outage)


def test_an_api_that_is_gone_is_told_since_when_and_with_the_cause_alone():
    gone = "cannot reach CPX at http://localhost (port 80): connection refused"

    assert after(gone, gone) == (
        "CPX API unreachable since 12:00:01 (2 rounds): connection refused"
    )


def test_an_api_that_fails_in_another_way_says_which():
    unwell = "CPX at http://127.0.0.1:1 is failing: it answered 503"

    assert after(unwell) == "CPX API failing since 12:00:01 (1 round): it answered 503"
    assert after("http://localhost:1 lists no servers") == (
        "CPX API failing since 12:00:01 (1 round): http://localhost:1 lists no servers"
    )


def test_a_round_that_is_well_ends_it():
    gone = "cannot reach CPX at http://localhost:1: timed out after 5 s"

    assert after(gone, None) is None
    assert after(gone, None, gone).startswith("CPX API unreachable since 12:00:03 (1 round): ")


def test_a_service_that_is_gone_is_not_the_api_s_fault():
    assert after(NoSuchService("X", "ABCD", 0)) == (
        "since 12:00:01 (1 round): no service 'X' among 4 services"
    )
