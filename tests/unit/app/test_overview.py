"""The whole fleet at a glance."""

from hypothesis import given
from strategies import policies, snapshots
from support import instance, snapshot, unknown

from cpx_monitor.app.overview import overview, service_round
from cpx_monitor.app.use_cases import at_risk, averages
from cpx_monitor.domain.health import HealthPolicy, Status, Verdict


def test_the_worst_services_come_first():
    seen = snapshot(
        *(instance(last, "WellService") for last in (1, 2)),
        *(instance(last, "HotService", cpu=89) for last in (3, 4)),
        *(instance(last, "SickService", cpu=99) for last in (5, 6)),
        *(instance(7, "ShortService"), unknown(8, "ShortService")),
    )

    items = overview(seen, HealthPolicy()).items

    assert [item.service for item in items] == [
        "SickService",
        "ShortService",
        "HotService",
        "WellService",
    ]
    assert (items[0].verdict, items[0].healthy, items[0].instances) == (Verdict.AT_RISK, 0, 2)


@given(snapshots(), policies)
def test_it_says_of_each_service_what_averages_and_at_risk_say(seen, policy):
    items = {item.service: item for item in overview(seen, policy).items}
    endangered = {item.service: item for item in at_risk(seen, policy, 2).items}

    for item in averages(seen, policy).items:
        shown = items.pop(item.service)
        assert (shown.healthy, shown.cpu_percent) == (item.healthy, item.cpu_percent)
        risk = endangered.get(item.service)
        assert shown.verdict is (risk.verdict if risk else Verdict.OK)
    assert items == {}


def test_inside_of_a_service_are_its_instances_the_silent_ones_included():
    seen = snapshot(instance(1), unknown(2, "AuthService"), instance(3, "MLService"))

    report = service_round(seen, HealthPolicy(), "AuthService")

    assert [row.status for row in report.items] == [Status.HEALTHY, Status.UNKNOWN]
