import pytest
from support import NOON, instance, snapshot, unknown

from cpx_monitor.app.reports import Coverage, InstanceRow, Load, Spread
from cpx_monitor.app.use_cases import (
    MAX_ADDRESSES_IN_A_REASON,
    at_risk,
    averages,
    list_instances,
    spread,
)
from cpx_monitor.domain.fleet import StaleList
from cpx_monitor.domain.health import HealthPolicy, Status, Verdict

POLICY = HealthPolicy(90, 90)


def risks(*observations, threshold=2):
    report = at_risk(snapshot(*observations), POLICY, threshold)
    return [(item.service, item.verdict, item.healthy, item.instances) for item in report.items]


class TestEveryReport:
    def test_says_what_it_rests_on(self):
        seen = snapshot(instance(1), unknown(2), rejected=["'junk'"])

        basis = list_instances(seen, POLICY).basis

        assert (basis.source, basis.observed_at, basis.took_seconds) == ("test", NOON, 0.05)
        assert basis.policy == POLICY
        assert basis.coverage == Coverage(listed=2, answered=1, unknown=1, rejected=1)
        assert basis.rejected == ("'junk'",)
        assert basis.no_verdict_because is None

    def test_of_an_empty_list_has_no_verdict(self):
        seen = snapshot()

        for report in (
            list_instances(seen, POLICY),
            averages(seen, POLICY),
            at_risk(seen, POLICY, 2),
        ):
            assert report.basis.no_verdict_because == "test lists no servers"

    def test_of_a_silent_fleet_has_no_verdict_and_names_the_commonest_reason(self):
        seen = snapshot(unknown(1), unknown(2, reason="answered 500"), unknown(3))

        assert list_instances(seen, POLICY).basis.no_verdict_because == (
            "none of 3 listed instances gave a usable answer (2 times: timed out after 5 s)"
        )

    def test_of_one_silent_instance_says_so_in_the_singular(self):
        assert list_instances(snapshot(unknown(1)), POLICY).basis.no_verdict_because == (
            "the only listed instance gave no usable answer (timed out after 5 s)"
        )


class TestListInstances:
    def test_has_a_row_for_each_instance_with_its_status(self):
        seen = snapshot(instance(2, cpu=95), instance(1), unknown(3, "MLService", "cpu is '161%'"))

        assert list_instances(seen, POLICY).items == (
            InstanceRow("10.58.1.1", "AuthService", Status.HEALTHY, 10, 20, None),
            InstanceRow("10.58.1.2", "AuthService", Status.UNHEALTHY, 95, 20, None),
            InstanceRow("10.58.1.3", "MLService", Status.UNKNOWN, None, None, "cpu is '161%'"),
        )


class TestAverages:
    def test_are_over_the_instances_that_answered(self):
        seen = snapshot(
            instance(1, cpu=10, memory=1), instance(2, cpu=95, memory=2), unknown(3, "AuthService")
        )

        (average,) = averages(seen, POLICY).items

        assert (average.instances, average.healthy, average.unhealthy, average.unknown) == (
            3,
            1,
            1,
            1,
        )
        assert average.cpu_percent == Spread(mean=52.5, min=10, p95=95, max=95)
        assert average.memory_percent == Spread(mean=1.5, min=1, p95=2, max=2)

    def test_are_by_service_name(self):
        seen = snapshot(instance(1, "B"), instance(2, "A"))

        assert [item.service for item in averages(seen, POLICY).items] == ["A", "B"]

    def test_are_missing_for_a_service_of_which_no_instance_answered(self):
        (average,) = averages(snapshot(unknown(1, "AuthService")), POLICY).items

        assert average.cpu_percent == Spread(None, None, None, None)
        assert average.if_one_is_lost is None

    def test_tell_the_load_once_one_instance_is_lost(self):
        seen = snapshot(*(instance(n, cpu=60, memory=30) for n in (1, 2, 3)))

        (average,) = averages(seen, POLICY).items

        assert average.if_one_is_lost == Load(cpu_percent=90, memory_percent=45)
        assert average.survives_losing_one

    def test_a_service_whose_others_would_be_overloaded_does_not_survive_a_loss(self):
        seen = snapshot(instance(1, cpu=50), instance(2, cpu=41))

        (average,) = averages(seen, POLICY).items

        assert average.if_one_is_lost.cpu_percent == 91
        assert not average.survives_losing_one

    def test_a_lone_instance_has_nobody_to_take_its_load(self):
        (average,) = averages(snapshot(instance(1)), POLICY).items

        assert average.if_one_is_lost is None
        assert not average.survives_losing_one


class TestAtRisk:
    def test_a_service_without_any_healthy_instance_comes_first(self):
        overloaded = [instance(n, "MLService", cpu=99) for n in range(10, 18)]

        assert risks(
            instance(1, "AuthService"), *overloaded, instance(2, "B"), instance(3, "B")
        ) == [
            ("MLService", Verdict.AT_RISK, 0, 8),
            ("AuthService", Verdict.AT_RISK, 1, 1),
        ]

    def test_the_fewest_healthy_come_first_then_names(self):
        fleet = [instance(1, "C"), instance(2, "A"), instance(3, "B", cpu=99)]

        assert [service for service, *_ in risks(*fleet)] == ["B", "A", "C"]

    def test_the_threshold_is_the_users(self):
        fleet = [instance(n) for n in (1, 2, 3)]

        assert risks(*fleet, threshold=3) == []
        assert risks(*fleet, threshold=4) == [("AuthService", Verdict.AT_RISK, 3, 3)]

    def test_an_unknown_instance_of_its_own_makes_a_risk_only_possible(self):
        assert risks(instance(1), unknown(2, "AuthService")) == [
            ("AuthService", Verdict.POSSIBLY_AT_RISK, 1, 2)
        ]

    def test_an_unattributed_instance_is_a_doubt_for_every_service_but_counts_in_none(self):
        assert risks(instance(1, "A"), instance(2, "B"), unknown(3)) == [
            ("A", Verdict.POSSIBLY_AT_RISK, 1, 1),
            ("B", Verdict.POSSIBLY_AT_RISK, 1, 1),
        ]

    def test_the_verdict_of_all_is_the_worst(self):
        possible = [instance(1, "A"), unknown(2, "A")]
        certain = [instance(3, "B")]
        fine = [instance(4, "C"), instance(5, "C")]

        def verdict(*observations):
            return at_risk(snapshot(*observations), POLICY, 2).verdict

        assert verdict(*fine) is Verdict.OK
        assert verdict(*fine, *possible) is Verdict.POSSIBLY_AT_RISK
        assert verdict(*fine, *possible, *certain) is Verdict.AT_RISK

    def test_there_is_no_verdict_where_nobody_answered_but_the_rows_are_there(self):
        report = at_risk(snapshot(unknown(1, "A")), POLICY, 2)

        assert report.verdict is None
        assert [item.service for item in report.items] == ["A"]

    @pytest.mark.parametrize(
        ("observations", "reason"),
        [
            (
                [instance(1), unknown(2, "AuthService", "cpu is missing")],
                "unknown: 10.58.1.2 (cpu is missing)",
            ),
            (
                [instance(1), *(unknown(n, "AuthService", "cpu is missing") for n in (2, 3, 4))],
                "unknown: 10.58.1.2 (cpu is missing), 10.58.1.3 (cpu is missing),"
                " 10.58.1.4 (cpu is missing)",
            ),
            (
                [instance(1), *(unknown(n, "AuthService", "cpu is missing") for n in range(2, 7))],
                "unknown: 5 of 6 (cpu is missing)",
            ),
            (
                [
                    *(unknown(n, "AuthService", "cpu is missing") for n in range(2, 7)),
                    unknown(9, "AuthService", "memory is missing"),
                ],
                "no healthy instance; unknown: 5 of 6 (cpu is missing),"
                " 10.58.1.9 (memory is missing)",
            ),
            ([instance(1)], "only 1 instance"),
            (
                [instance(1, cpu=95), instance(2, memory=92, cpu=99)],
                "no healthy instance; unhealthy: 10.58.1.1 (CPU 95%), "
                "10.58.1.2 (CPU 99%, memory 92%)",
            ),
            ([instance(1), instance(2, cpu=95)], "unhealthy: 10.58.1.2 (CPU 95%)"),
            (
                [instance(1), unknown(2, "AuthService", "cpu is '161%'")],
                "unknown: 10.58.1.2 (cpu is '161%')",
            ),
            (
                [instance(1), unknown(2), unknown(3)],
                "only 1 instance; 2 unknown instances may be of this service",
            ),
        ],
    )
    def test_each_row_says_why(self, observations, reason):
        (item,) = at_risk(snapshot(*observations), POLICY, 2).items

        assert item.reason == reason

    def test_a_long_reason_counts_what_it_does_not_name_and_the_report_names_all(self):
        many = MAX_ADDRESSES_IN_A_REASON + 5

        (item,) = at_risk(snapshot(*(instance(n, cpu=99) for n in range(many))), POLICY, 2).items

        assert item.reason.endswith("10.58.1.19 (CPU 99%) and 5 more")
        assert item.unhealthy_ips == tuple(f"10.58.1.{n}" for n in range(many))


@pytest.mark.parametrize(
    ("values", "p95"),
    [([7], 7), (range(1, 20), 19), (range(1, 21), 19), (range(1, 101), 95), ([3, 1, 2], 3)],
)
def test_the_95th_percentile_is_the_nearest_rank(values, p95):
    assert spread(list(values)).p95 == p95


def test_every_report_tells_the_policy_it_was_made_with():
    policy = HealthPolicy(70, 60)
    seen = snapshot(instance(1))

    for report in (list_instances(seen, policy), averages(seen, policy), at_risk(seen, policy, 2)):
        assert report.basis.policy == policy


def test_where_no_service_is_known_but_instances_are_rejected_there_is_still_no_verdict():
    assert at_risk(snapshot(rejected=["junk"]), HealthPolicy(), 2).verdict is None


def test_a_service_that_is_certainly_at_risk_is_not_said_to_depend_on_unknown_ones():
    (item, _) = at_risk(
        snapshot(instance(1, "A"), instance(2, "B"), unknown(3)), HealthPolicy(), 4
    ).items

    assert "may be of this service" not in item.reason


def test_averages_of_some_services_leave_the_others_out():
    fleet = snapshot(instance(1, "AuthService"), instance(2, "MLService"))

    assert [item.service for item in averages(fleet, POLICY, only={"MLService"}).items] == [
        "MLService"
    ]


def test_the_basis_counts_the_healthy_of_the_whole_fleet_and_tells_of_an_old_list():
    old = StaleList(5.0, "answered 500")
    fleet = snapshot(instance(1), instance(2, cpu=99), instance(3, "MLService"), unknown(4))
    basis = averages(fleet._replace(stale_list=old), POLICY, only={"MLService"}).basis

    assert (basis.healthy, basis.stale_list) == (2, old)


class TestHeadroom:
    def risks(self, *observations):
        return at_risk(snapshot(*observations), POLICY, 2, headroom=True)

    def test_is_lacking_where_the_others_could_not_carry_the_load(self):
        report = self.risks(instance(1, cpu=60), instance(2, cpu=60))

        (item,) = report.items
        assert (item.verdict, report.verdict) == (Verdict.NO_HEADROOM, Verdict.NO_HEADROOM)
        assert item.reason == "if one of 2 is lost: CPU 120.0%"

    def test_is_not_asked_after_where_a_service_is_at_risk_already(self):
        (item,) = self.risks(instance(1, cpu=60), instance(2, cpu=99)).items

        assert item.verdict is Verdict.AT_RISK

    def test_is_there_up_to_the_limit(self):
        assert self.risks(instance(1, cpu=45), instance(2, cpu=45)).items == ()

    def test_is_lacking_however_little_is_over_the_limit(self):
        (item,) = self.risks(instance(1, cpu=45.001), instance(2, cpu=45)).items

        assert item.reason == "if one of 2 is lost: CPU 90.001%"

    def test_is_lacking_where_a_single_instance_is_enough_for_the_threshold(self):
        (item,) = at_risk(snapshot(instance(1)), POLICY, 1, headroom=True).items

        assert item.reason == "only one instance answered, so none would be left"

    def test_is_judged_only_where_it_is_asked_for(self):
        assert risks(instance(1, cpu=60), instance(2, cpu=60)) == []
