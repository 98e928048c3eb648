import pytest
from support import instance, snapshot, unknown

from cpx_monitor.app.ordering import (
    NoSuchColumn,
    NoSuchService,
    Order,
    arranged,
    check_column,
    columns_of,
    the_services,
)
from cpx_monitor.app.reports import InstanceList, ServiceAverages, ServicesAtRisk, TrackRound
from cpx_monitor.app.use_cases import at_risk, averages, list_instances
from cpx_monitor.domain.health import HealthPolicy, Status, Verdict

POLICY = HealthPolicy()
FLEET = snapshot(
    instance(1, "AuthService", cpu=50, memory=20),
    instance(2, "MLService", cpu=95, memory=5),
    instance(9, "AuthService", cpu=50, memory=90),
    instance(10, "TimeService", cpu=7, memory=7),
    unknown(11),
)


def ips(sort_by=None, **order):
    listed = arranged(list_instances(FLEET, POLICY), Order(sort_by, **order))
    return [int(row.ip.rpartition(".")[2]) for row in listed.items]


class TestOrder:
    def test_is_that_of_addresses_by_default_and_as_numbers(self):
        assert ips() == [1, 2, 9, 10, 11]
        assert ips(reverse=True) == [11, 10, 9, 2, 1]

    @pytest.mark.parametrize("name", ["cpu", "CPU", "cpu_percent", "Cpu_Percent"])
    def test_is_by_a_title_or_a_field_in_any_case_and_percentages_are_numbers(self, name):
        assert ips(name) == [10, 1, 9, 2, 11]

    def test_keeps_equal_rows_by_address_and_the_missing_last_in_reverse_too(self):
        assert ips("cpu", reverse=True) == [2, 1, 9, 10, 11]
        assert ips("service", reverse=True) == [10, 2, 1, 9, 11]

    def test_top_keeps_the_first_rows(self):
        assert ips("cpu", reverse=True, top=2) == [2, 1]
        assert ips(top=99) == [1, 2, 9, 10, 11]

    def test_of_averages_is_by_any_of_their_values(self):
        report = averages(FLEET, POLICY)

        def names(column, **order):
            return [item.service for item in arranged(report, Order(column, **order)).items]

        assert names("memory") == ["MLService", "TimeService", "AuthService"]
        assert names("memory_percent.max", reverse=True)[0] == "AuthService"
        assert names("CPU min") == ["TimeService", "AuthService", "MLService"]
        # Two of them have lost what they could not lose, so they have no such value.
        assert names("if_one_is_lost_cpu_percent")[0] == "AuthService"

    def test_of_services_at_risk_is_by_the_fewest_healthy(self):
        report = at_risk(FLEET, POLICY, 3)

        assert [item.healthy for item in report.items] == [0, 1, 2]
        assert [item.healthy for item in arranged(report, Order(reverse=True)).items] == [2, 1, 0]

    def test_knows_every_column_it_names(self):
        for kind in (InstanceList, ServiceAverages, ServicesAtRisk, TrackRound):
            for name in columns_of(kind):
                check_column(kind, Order(name))

    def test_by_no_such_column_is_a_mistake_that_names_those_there_are(self):
        with pytest.raises(NoSuchColumn) as caught:
            check_column(InstanceList, Order("cpuu"))

        assert {"cpu", "cpu_percent", "ip"} <= set(caught.value.known)


def test_by_status_and_by_verdict_the_worst_comes_first():
    risky = at_risk(snapshot(instance(1, "A"), unknown(2, "B"), instance(3, "C")), POLICY, 2)
    by_verdict = arranged(risky, Order("verdict"))

    assert ips("status") == [2, 11, 1, 9, 10]
    assert ips("status", reverse=True) == [1, 9, 10, 11, 2]
    verdicts = [item.verdict for item in by_verdict.items]
    assert verdicts == sorted(verdicts, key=[Verdict.AT_RISK, Verdict.POSSIBLY_AT_RISK].index)


def test_what_is_shown_is_what_is_judged():
    sick = snapshot(
        instance(1, "AuthService", cpu=99), instance(2, "MLService"), unknown(3, "MLService")
    )
    report = at_risk(sick, POLICY, 2)

    assert [item.verdict for item in report.items] == [Verdict.AT_RISK, Verdict.POSSIBLY_AT_RISK]
    assert arranged(report, Order()).verdict is Verdict.AT_RISK
    assert arranged(report, Order(reverse=True, top=1)).verdict is Verdict.POSSIBLY_AT_RISK
    assert at_risk(sick, POLICY, 2, only={"MLService"}).verdict is Verdict.POSSIBLY_AT_RISK
    assert at_risk(sick, POLICY, 1, only={"MLService"}).verdict is Verdict.OK


def test_filters_choose_rows_and_leave_the_coverage_alone():
    report = list_instances(FLEET, POLICY, only={"AuthService"}, status=Status.HEALTHY)

    assert [row.ip for row in report.items] == ["10.58.1.1", "10.58.1.9"]
    assert report.basis.coverage.listed == 5


class TestServices:
    def test_are_found_in_any_case_all_that_differ_in_nothing_else(self):
        fleet = snapshot(instance(1, "auth"), instance(2, "Auth"), instance(3, "ML"))

        assert the_services(fleet, ["AUTH"]) == {"auth", "Auth"}
        assert the_services(fleet, ["ml", "auth"]) == {"auth", "Auth", "ML"}

    def test_that_are_not_there_are_a_mistake(self):
        with pytest.raises(NoSuchService) as caught:
            the_services(FLEET, ["AuthService", "AuthServce"])

        assert str(caught.value).startswith("no service 'AuthServce' among ")
        assert str(caught.value).endswith(" (1 instance did not say which)")
