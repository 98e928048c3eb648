import pytest
from support import instance, snapshot, track_round, unknown

from cpx_monitor.adapters.presenters.layout import Style
from cpx_monitor.adapters.presenters.report_tables import render_table
from cpx_monitor.adapters.presenters.sentences import (
    footer,
    no_risk_sentence,
    rejected_warning,
    round_footer,
    track_warnings,
)
from cpx_monitor.app.reports import Coverage
from cpx_monitor.app.use_cases import at_risk, averages, list_instances
from cpx_monitor.domain.health import HealthPolicy

POLICY = HealthPolicy()
RED, GREEN, YELLOW, RESET = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"


def listed(*observations, color=False, rejected=()):
    return render_table(
        list_instances(snapshot(*observations, rejected=rejected), POLICY), Style(color=color)
    )


def test_the_list_looks_as_the_brief_has_it():
    assert listed(
        instance(1, "PermissionsService", 28, 32),
        instance(4, "StorageService", 95, 85),
        unknown(9),
    ) == (
        "IP         Service             Status         CPU  Memory\n"
        "---------------------------------------------------------\n"
        "10.58.1.1  PermissionsService  Healthy        28%     32%\n"
        "10.58.1.4  StorageService      Unhealthy      95%     85%\n"
        "10.58.1.9  -                   Unknown          -       -  timed out after 5 s\n"
    )


def test_an_empty_list_is_its_headers():
    assert listed() == (
        "IP  Service  Status         CPU  Memory\n"
        "---------------------------------------\n"
    )  # fmt: skip


def test_fractions_are_shown_as_they_came():
    assert listed(instance(1, cpu=90.04, memory=100)).splitlines()[-1].split()[-2:] == [
        "90.04%",
        "100%",
    ]


def test_status_is_a_word_and_where_asked_a_colour():
    text = listed(instance(1), instance(2, cpu=99), unknown(3), color=True)

    assert f"{GREEN}Healthy{RESET} " in text
    assert f"{RED}Unhealthy{RESET} " in text
    assert f"{YELLOW}Unknown{RESET} " in text


def test_colour_changes_no_column():
    fleet = [instance(1), instance(2, cpu=99), unknown(3)]
    colored = listed(*fleet, color=True)
    for code in (RED, GREEN, YELLOW, RESET):
        colored = colored.replace(code, "")

    assert colored == listed(*fleet)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\x1b[2J\x1b[31mEvil", r"\x1b[2J\x1b[31mEvil"),
        ("a\nb\tc\rd", r"a\nb\tc\rd"),
        ("\u202eelif", r"\u202eelif"),
        ("\ud800", r"\ud800"),
        ("a\u2028b", r"a\u2028b"),
    ],
)
def test_a_service_name_reaches_no_terminal_raw(name, shown):
    assert shown in listed(instance(1, name))
    assert name not in listed(instance(1, name))


def test_wide_characters_take_two_columns():
    lines = listed(instance(1, "認証サービス"), instance(2, "AuthService1")).splitlines()

    assert lines[2].index("Healthy") == lines[3].index("Healthy") - 6


def test_averages_are_means_to_one_decimal_and_name_the_services_at_risk():
    seen = snapshot(
        instance(1, cpu=10, memory=1), instance(2, cpu=15, memory=95), unknown(3, "StorageService")
    )

    assert render_table(averages(seen, POLICY), Style()) == (
        "Service         Instances  Healthy    CPU  Memory\n"
        "-------------------------------------------------\n"
        "AuthService             2      1/2  12.5%   48.0%  AtRisk\n"
        "StorageService          1      0/1      -       -  AtRisk\n"
    )


def test_services_at_risk_are_listed_with_their_verdict_and_reason():
    seen = snapshot(instance(1), instance(4, "StorageService", 95, 85))

    assert render_table(at_risk(seen, POLICY, 2), Style()) == (
        "Service         Healthy  Verdict  Reason\n"
        "----------------------------------------\n"
        "StorageService      0/1  AtRisk   no healthy instance; unhealthy: 10.58.1.4 (CPU 95%)\n"
        "AuthService         1/1  AtRisk   only 1 instance\n"
    )


def test_a_tracked_round_has_a_complete_line_for_each_instance_and_headers_once():
    first = track_round(1, instance(1), unknown(2, "AuthService"))
    second = track_round(2, instance(1, cpu=100))

    assert render_table(first.report, Style(), stamp=first.stamp) == (
        "Time                  Round  IP               Service      Status         CPU  Memory\n"
        "-------------------------------------------------------------------------------------\n"
        "2026-11-22T12:00:00Z      1  10.58.1.1        AuthService  Healthy        10%     20%\n"
        "2026-11-22T12:00:00Z      1  10.58.1.2        AuthService  Unknown          -       -"
        "  timed out after 5 s\n"
    )
    assert render_table(second.report, Style(headers=False), stamp=second.stamp) == (
        "2026-11-22T12:00:00Z      2  10.58.1.1        AuthService  Unhealthy     100%     20%\n"
    )


def test_the_footer_counts_every_status():
    report = list_instances(snapshot(instance(1), instance(2, cpu=99), unknown(3)), POLICY)

    assert footer(report) == "3 instances, 1 healthy, 1 unhealthy, 1 unknown in 0.05 s"


def test_the_footer_is_the_whole_fleet_s_whatever_is_shown():
    report = averages(snapshot(instance(1)), POLICY, only=())

    assert footer(report) == "1 instance, 1 healthy, 0 unhealthy, 0 unknown in 0.05 s"


def test_the_footer_of_a_round_tells_the_service_s_health():
    shown = track_round(3, instance(1), instance(2, cpu=99))

    assert round_footer(shown) == (
        "AuthService round 3: 1/2 healthy, 1 of 150 listed instances unknown in 0.05 s"
    )


def test_a_few_rejected_entries_are_named_and_the_rest_counted():
    assert rejected_warning(["'a'"]) == "ignored 1 list entry that is not an IP address: 'a'"
    assert rejected_warning([str(n) for n in range(7)]) == (
        "ignored 7 list entries that are not IP addresses: 0, 1, 2, 3, 4 and 2 more"
    )


def test_that_nothing_is_at_risk_is_not_said_without_the_unknown():
    fine = [instance(1), instance(2)]

    assert no_risk_sentence(at_risk(snapshot(*fine), POLICY, 2)) == (
        "no service is at risk: the only service has 2 healthy instances or more"
    )
    assert no_risk_sentence(at_risk(snapshot(*fine, unknown(3)), POLICY, 2)) == (
        "no service is at risk: the only service has 2 healthy instances or more; 1 unknown"
    )


class TestWarningsOfARound:
    def of(self, shown, before=None):
        return list(track_warnings(shown, before))

    def test_are_none_where_all_is_well(self):
        fine = track_round(1, instance(1), coverage=Coverage(1, 1, 0, 0))

        assert self.of(fine) == []

    def test_count_the_rounds_missed(self):
        late = track_round(5, instance(1), coverage=Coverage(1, 1, 0, 0), missed=2)

        assert self.of(late) == ["missed 2 rounds before round 5: the previous one took too long"]

    def test_of_a_failed_round_say_why(self):
        failed = track_round(2, unknown(1), failure="cannot reach CPX", items=())

        assert self.of(failed) == ["round 2 failed: cannot reach CPX"]

    def test_name_a_service_of_which_nothing_is_left(self):
        gone = track_round(2, coverage=Coverage(3, 3, 0, 0))

        assert self.of(gone) == ["round 2: no listed instance is known to belong to AuthService"]

    def test_count_the_unknown_that_may_be_of_any_service_when_their_number_changes(self):
        first = track_round(
            1, instance(1), unknown(2), coverage=Coverage(9, 6, 3, 0), unattributed=2
        )
        second = track_round(
            2, instance(1), unknown(2), coverage=Coverage(9, 6, 3, 0), unattributed=2
        )
        third = track_round(
            3, instance(1), unknown(2), coverage=Coverage(9, 7, 2, 0), unattributed=1
        )

        assert self.of(first) == [
            "round 1: 2 of 9 listed instances are unknown and may belong to any service"
        ]
        assert self.of(second, first) == []
        assert self.of(third, second) == [
            "round 3: 1 of 9 listed instances is unknown and may belong to any service"
        ]

    def test_tell_rejected_entries_when_they_change(self):
        junk = track_round(1, instance(1), coverage=Coverage(1, 1, 0, 1), rejected=("'x'",))

        assert self.of(junk) == ["ignored 1 list entry that is not an IP address: 'x'"]
        assert self.of(junk, junk) == []
