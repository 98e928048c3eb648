from datetime import timedelta

from support import NOON

from cpx_monitor.entrypoints.reporting.rounds import Outage


def after(*failures, is_of_api=True):
    outage = None
    for number, failure in enumerate(failures):
        outage = Outage.after(outage, NOON + timedelta(seconds=number), failure, is_of_api)
    return outage and outage.told


def test_an_api_that_is_gone_is_told_since_when_and_with_the_cause_alone():
    gone = "cannot reach CPX at http://localhost (port 80): connection refused"

    assert after(gone, gone) == (
        "CPX API unreachable since 12:00:00 (2 rounds): connection refused"
    )


def test_an_api_that_fails_in_another_way_says_which():
    unwell = "CPX at http://127.0.0.1:1 is not well: it answered 503"

    assert after(unwell) == "CPX API failing since 12:00:00 (1 round): it answered 503"
    assert after("http://localhost:1 lists no servers") == (
        "CPX API failing since 12:00:00 (1 round): http://localhost:1 lists no servers"
    )


def test_a_round_that_is_well_ends_it():
    gone = "cannot reach CPX at http://localhost:1: timed out after 5 s"

    assert after(gone, None) is None
    assert after(gone, None, gone).startswith("CPX API unreachable since 12:00:02 (1 round): ")


def test_a_service_that_is_gone_is_not_the_api_s_fault():
    assert after("no service 'X' among 4 services", is_of_api=False) == (
        "since 12:00:00 (1 round): no service 'X' among 4 services"
    )
