from hypothesis import given
from strategies import policies, snapshots, thresholds
from support import instance, snapshot, unknown

from cpx_monitor.app.expectation import Expected, expectation_of
from cpx_monitor.app.use_cases import at_risk
from cpx_monitor.domain.health import HealthPolicy, Verdict

POLICY = HealthPolicy()


def judged(*observations, expected, threshold=1):
    report = at_risk(snapshot(*observations), POLICY, threshold, expected=expected)
    return {item.service: item for item in report.items}


def test_a_service_that_is_not_there_is_at_risk_with_its_number():
    (item,) = judged(instance(1), expected=[Expected("TicketService", 8)]).values()

    assert (item.service, item.verdict) == ("TicketService", Verdict.AT_RISK)
    assert (item.healthy, item.instances, item.expected) == (0, 0, 8)
    assert item.reason == "no instance is listed, expected 8"


def test_it_possibly_is_where_an_unknown_instance_may_be_its_own():
    (item,) = judged(instance(1), unknown(2), expected=[Expected("TicketService")]).values()

    assert item.verdict is Verdict.POSSIBLY_AT_RISK
    assert item.reason == "no instance is listed; 1 unknown instance may be of this service"


def test_it_certainly_is_where_the_unknown_could_not_make_up_the_threshold():
    expected = [Expected("TicketService")]
    items = judged(instance(1), unknown(2), expected=expected, threshold=2)

    assert items["TicketService"].verdict is Verdict.AT_RISK


def test_a_service_below_its_number_is_named_with_it():
    (item,) = judged(instance(1), instance(2), expected=[Expected("authservice", 3)]).values()

    assert (item.verdict, item.expected) == (Verdict.AT_RISK, 3)
    assert item.reason == "only 2 instances, expected 3"


def test_one_that_has_its_number_or_more_is_judged_as_ever():
    assert judged(instance(1), instance(2), expected=[Expected("AuthService", 1)]) == {}
    unhealthy = judged(instance(1, cpu=99), expected=[Expected("AuthService", 1)])
    assert unhealthy["AuthService"].reason.startswith("no healthy instance")


@given(snapshots(), policies, thresholds)
def test_an_expectation_derived_from_a_snapshot_is_met_by_it(seen, policy, threshold):
    expected = expectation_of(seen)
    with_it = at_risk(seen, policy, threshold, expected=expected)

    plain = at_risk(seen, policy, threshold)
    assert with_it.verdict is plain.verdict
    assert [item._replace(expected=None) for item in with_it.items] == list(plain.items)
