"""What the doctor makes of its evidence."""

from datetime import UTC, datetime, timedelta

import pytest
from support import instance, snapshot, unknown

from cpx_monitor.app.diagnosis import diagnose
from cpx_monitor.app.evidence import Certificate, Evidence, Reach, Request, Settings
from cpx_monitor.app.neighbours import failing_blocks
from cpx_monitor.app.ports import FleetUnavailable, Trouble
from cpx_monitor.app.reports import Grade
from cpx_monitor.domain.fleet import Instance, Unknown
from cpx_monitor.domain.health import HealthPolicy

NOW = datetime(2026, 11, 24, tzinfo=UTC)
WELL = [instance(last) for last in range(1, 11)]
REACH = Reach(("127.0.0.1",), 0.001, 0.002)
SETTINGS = Settings("direct", None, None, is_tls=False, verifies=True)


def report(*observations, failure=None, **more):
    seen = None if failure else snapshot(*(observations or WELL))
    return diagnose(Evidence("test", seen, failure, **more), HealthPolicy(), NOW)


def check(name, *observations, **more):
    (found,) = [each for each in report(*observations, **more).items if each.check == name]
    return found


def requests(*paths, kind=None, took_s=0.01, failure=None):
    return tuple(Request(path, took_s, kind, failure) for path in paths)


class TestTheConclusion:
    def test_where_nothing_is_wrong_is_that_all_is_well(self):
        found = report(reach=REACH, settings=SETTINGS)

        assert found.conclusion == "all is well, the API and the fleet"
        assert found.verdict is Grade.OK

    def test_where_there_is_no_list_is_that_it_is_the_api(self):
        down = FleetUnavailable("cannot reach CPX: connection refused", Trouble.UNREACHABLE)

        found = report(failure=down)

        assert found.conclusion == "it is the API: cannot reach CPX: connection refused"
        assert found.verdict is Grade.TROUBLE

    def test_where_most_are_silent_is_that_it_is_more_likely_the_api(self):
        found = report(instance(1), unknown(2), unknown(3))

        assert found.conclusion == (
            "more likely the API or the network than the fleet: 2 of 3 instances unknown"
        )

    def test_where_neighbours_fail_is_that_it_is_a_part_of_the_network(self):
        found = report(*WELL, *(unknown(last) for last in range(16, 32)))

        assert found.conclusion == (
            "part of the network is down: all instances of a block are unknown: 16 in 10.58.1.16/28"
        )

    def test_where_one_service_fails_names_it(self):
        found = report(*WELL, unknown(11, "MLService"), unknown(13, "MLService"))

        assert found.conclusion == ("it is one service: 2 of 2 unknown instances are of MLService")

    def test_where_the_api_is_well_and_services_are_not_is_that_it_is_the_fleet(self):
        found = report(instance(1, cpu=99), instance(2))

        assert found.conclusion.startswith("it is the fleet, the API is well: 1 of 2 instances")

    def test_where_some_answer_nothing_says_so(self):
        found = report(*WELL, unknown(11))

        assert found.conclusion == "the API is well, but 1 of 11 instances unknown"

    def test_where_a_few_of_many_fail_is_not_that_it_is_the_api(self):
        many = [instance(last) for last in range(1, 51)]
        failed = requests("10.58.1.60", kind="timed out", failure="timed out")

        found = report(*many, unknown(60), requests=failed)

        assert found.conclusion == "the API is well, but 1 of 51 instances unknown"

    def test_where_many_fail_by_chance_is_not_that_neighbours_do(self):
        silent = [unknown(last) for last in range(1, 60) if last % 7]

        found = report(*silent, *(instance(last) for last in range(7, 60, 7)))

        assert "neighbours" not in {each.check for each in found.items}
        assert found.conclusion.startswith("more likely the API or the network")

    def test_where_the_deadline_came_first_is_that_it_is_too_short(self):
        asked = requests(*(f"10.58.1.{last}" for last in range(1, 11)))
        silent = [unknown(last) for last in range(11, 31)]

        found = report(*WELL, *silent, requests=asked)

        assert found.conclusion == (
            "the deadline is too short: 20 of 30 instances were not requested before the deadline"
        )

    def test_where_some_are_unhealthy_is_not_that_all_is_well(self):
        found = report(*WELL, instance(11, cpu=99))

        assert found.conclusion == (
            "the API is well, and no service is at risk; 10 of 11 instances are healthy"
        )

    @pytest.mark.parametrize(
        ("trouble", "begins"),
        [
            (Trouble.NO_SUCH_HOST, "it is the host's name: x"),
            (Trouble.REFUSED, "it is the token or the password: x"),
            (Trouble.TLS_FAILED, "it is the certificate: x"),
            (Trouble.EXHAUSTED, "it is this machine: x"),
            (Trouble.UNWELL, "it is the API: x"),
        ],
    )
    def test_where_there_is_no_list_is_whose_trouble_that_is(self, trouble, begins):
        assert report(failure=FleetUnavailable("x", trouble)).conclusion == begins


class TestTheWay:
    def test_ends_at_a_name_that_leads_nowhere(self):
        found = check("name", reach=Reach(failure="no such host"))

        assert (found.verdict, found.finding) == (Grade.TROUBLE, "no such host")

    def test_ends_at_a_connection_that_is_refused(self):
        refused = Reach(("127.0.0.1",), 0.001, failure="connection refused")

        assert check("connection", reach=refused).verdict is Grade.TROUBLE

    @pytest.mark.parametrize(
        ("days", "verdict"), [(63, Grade.OK), (30, Grade.OK), (29, Grade.WARNING)]
    )
    def test_tells_how_many_days_the_certificate_has_left(self, days, verdict):
        over_tls = REACH._replace(certificate=Certificate("TLSv1.3", NOW + timedelta(days=days)))

        found = check("TLS", reach=over_tls, settings=SETTINGS._replace(is_tls=True))

        assert found.verdict is verdict
        assert found.finding == f"TLSv1.3, the certificate has {days} days left"

    def test_warns_of_a_certificate_that_is_not_verified(self):
        over_tls = REACH._replace(certificate=Certificate("TLSv1.3", None))
        settings = SETTINGS._replace(is_tls=True, verifies=False)

        assert check("TLS", reach=over_tls, settings=settings).verdict is Grade.WARNING

    def test_where_tls_fails_says_why(self):
        failed = REACH._replace(failure="TLS failed: certificate has expired")

        found = check("TLS", reach=failed, settings=SETTINGS._replace(is_tls=True))

        assert (found.verdict, found.finding) == (Grade.TROUBLE, failed.failure)

    @pytest.mark.parametrize(
        ("ahead_s", "finding"),
        [
            (0.0, "the server's agrees with ours within 5 s"),
            (60.0, "the server's clock is 60 s ahead of ours"),
            (-60.0, "the server's clock is 60 s behind ours"),
        ],
    )
    def test_compares_the_clocks(self, ahead_s, finding):
        found = check("clock", reach=REACH._replace(clock_ahead_s=ahead_s))

        assert found.finding == finding
        assert found.verdict is (Grade.WARNING if ahead_s else Grade.OK)

    def test_has_no_clock_where_the_server_tells_none(self):
        assert "clock" not in {each.check for each in report(reach=REACH).items}


class TestTheAnswers:
    def test_have_latencies_at_the_nearest_rank_of_those_that_succeeded(self):
        taken = [Request(f"10.0.0.{n}", n / 1000) for n in range(1, 101)]
        failed = Request("10.0.1.1", 5.0, "timed out", "timed out")

        found = check("instance latency", requests=(*taken, failed))

        assert found.finding == "p50 50.00 ms, p95 95.00 ms, p99 99.00 ms of 100 answers"

    def test_are_slow_where_one_of_twenty_takes_more_than_a_second(self):
        slow = requests("10.0.0.1", took_s=1.5)

        assert check("instance latency", requests=slow).verdict is Grade.WARNING

    def test_have_errors_by_kind_with_an_example(self):
        failed = requests("10.0.0.1", "10.0.0.2", kind="timed out", failure="timed out")
        broken = requests("10.0.0.3", kind="the connection broke", failure="connection reset")

        items = report(requests=(*broken, *failed)).items

        errors = [each.finding for each in items if each.check.startswith("error: ")]
        assert errors == [
            "2 of 3 requests, such as 10.0.0.1",
            "1 of 3 requests, such as 10.0.0.3 (connection reset)",
        ]

    def test_that_make_no_sense_are_told_with_an_example(self):
        garbled = unknown(11, reason="not valid JSON")

        found = check("malformed answers", *WELL, garbled, requests=requests("10.58.1.11"))

        assert found.finding == "1 of 11 instances, such as 10.58.1.11: not valid JSON"

    def test_of_an_address_that_the_list_spells_in_another_way_are_its_own(self):
        garbled = Unknown("2001:db8::1", "not valid JSON")

        found = check("malformed answers", *WELL, garbled, requests=requests("2001:DB8::1"))

        assert found.finding.startswith("1 of 11 instances")


class TestTheList:
    def test_that_fails_now_and_then_is_told(self):
        failed = requests("servers", kind="answered 503", failure="answered 503")

        found = report(requests=(*requests("servers"), *failed))

        assert found.conclusion == (
            "the API has problems: list error: answered 503: 1 of 2 requests, such as servers"
        )

    def test_that_names_instances_twice_or_what_is_no_address_gets_a_warning(self):
        seen = snapshot(*WELL, rejected=["'junk'"])
        evidence = Evidence("test", seen, None, entries=13, list_bytes=1300)

        (found,) = [
            each for each in diagnose(evidence, HealthPolicy(), NOW).items if each.check == "list"
        ]

        assert found.verdict is Grade.WARNING
        assert found.finding == (
            "10 servers, 1,300 bytes; 2 listed twice, 1 rejected, such as 'junk'"
        )

    def test_that_is_empty_is_trouble(self):
        found = diagnose(Evidence("test", snapshot(), None), HealthPolicy(), NOW)

        assert found.conclusion == "it is the API: the list is empty"


class TestFailingBlocks:
    def test_are_the_largest_of_which_all_are_unknown(self):
        dead = [unknown(last) for last in range(16, 32)]

        assert failing_blocks([*WELL, *dead]) == [("10.58.1.16/28", 16)]

    def test_are_not_found_where_some_in_between_answer(self):
        every_other = [unknown(last) for last in range(12, 60, 2)]
        between = [instance(last) for last in range(11, 60, 2)]

        assert failing_blocks([*every_other, *between]) == []

    def test_are_not_found_where_nothing_answers(self):
        assert failing_blocks([unknown(last) for last in range(1, 20)]) == []

    def test_are_found_among_ipv6_addresses(self):
        dead = [Unknown(f"2001:db8::1:{last:x}", "timed out") for last in range(1, 9)]
        well = [Instance("2001:db8::2:1", "AuthService", 1, 1)]

        assert failing_blocks([*dead, *well]) == [("2001:db8::1:0/112", 8)]
