import csv
import io

import pytest
from support import instance, snapshot, track_round, unknown

from cpx_monitor.adapters.presenters.records import render_csv
from cpx_monitor.app.use_cases import at_risk, averages, list_instances
from cpx_monitor.domain.health import HealthPolicy

POLICY = HealthPolicy()


def records(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_an_instance_is_a_line_with_what_is_missing_left_empty():
    text = render_csv(list_instances(snapshot(instance(1), unknown(2)), POLICY))

    assert text == (
        "ip,service,status,cpu_percent,memory_percent,reason\n"
        "10.58.1.1,AuthService,Healthy,10,20,\n"
        "10.58.1.2,,Unknown,,,timed out after 5 s\n"
    )


def test_fields_inside_fields_have_both_their_names():
    (alone,) = records(render_csv(averages(snapshot(instance(1)), POLICY)))

    assert alone == {
        "service": "AuthService",
        "instances": "1",
        "healthy": "1",
        "unhealthy": "0",
        "unknown": "0",
        **{f"cpu_percent_{name}": "10" for name in ("min", "p95", "max")},
        **{f"memory_percent_{name}": "20" for name in ("min", "p95", "max")},
        "cpu_percent_mean": "10.0",
        "memory_percent_mean": "20.0",
        "if_one_is_lost_cpu_percent": "",
        "if_one_is_lost_memory_percent": "",
        "survives_losing_one": "false",
    }


def test_lists_inside_a_cell_are_separated_by_spaces():
    sick = snapshot(instance(1, cpu=99), instance(2, cpu=99))

    (record,) = records(render_csv(at_risk(sick, POLICY, 2)))

    assert record["unhealthy_ips"] == "10.58.1.1 10.58.1.2"


def test_without_items_there_are_headers_all_the_same():
    assert render_csv(at_risk(snapshot(instance(1)), POLICY, 1)) == (
        "service,verdict,healthy,instances,threshold,reason,unhealthy_ips,expected\n"
    )


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "＝1+1"])
def test_a_cell_that_a_spreadsheet_would_calculate_begins_with_an_apostrophe(name):
    (record,) = records(render_csv(list_instances(snapshot(instance(1, name)), POLICY)))

    assert record["service"] == f"'{name}"


@pytest.mark.parametrize(
    ("name", "shown"), [("\tx", "\\tx"), ("\r\nx", "\\r\\nx"), ("\x1b[2J", "\\x1b[2J")]
)
def test_a_control_character_is_shown_escaped_so_that_a_row_is_a_line(name, shown):
    (record,) = records(render_csv(list_instances(snapshot(instance(1, name)), POLICY)))

    assert record["service"] == shown


def test_rounds_of_a_track_go_on_below_the_headers_of_the_first():
    first, second = (
        render_csv(shown.report, shown.stamp, headers=shown.number == 1)
        for shown in (track_round(1, instance(1)), track_round(2, instance(1)))
    )

    assert first == (
        "round,observed_at,ip,service,status,cpu_percent,memory_percent,reason,flapping\n"
        "1,2026-11-22T12:00:00.123Z,10.58.1.1,AuthService,Healthy,10,20,,false\n"
    )
    assert second == "2,2026-11-22T12:00:00.123Z,10.58.1.1,AuthService,Healthy,10,20,,false\n"
