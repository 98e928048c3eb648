import re

from support import instance, snapshot, unknown

from cpx_monitor.adapters.presenters.nagios import render_nagios, render_unknown
from cpx_monitor.app.use_cases import at_risk
from cpx_monitor.domain.health import HealthPolicy
from cpx_monitor.entrypoints.reporting.verdict import exit_code_of

# https://www.monitoring-plugins.org/doc/guidelines.html#AEN201
PERFORMANCE_DATA = re.compile(r"'?[^=']+'?=[0-9.]+(us|ms|s|%|[KMGT]?B|c)?(;[^; ]*){0,4}")


def rendered(*observations, threshold=2):
    report = at_risk(snapshot(*observations), HealthPolicy(), threshold)
    return render_nagios(report, exit_code_of(report)).splitlines()


def test_the_first_line_says_the_state_and_the_worst_services_and_counts():
    first, *more = rendered(instance(1), instance(2, "MLService", cpu=99), unknown(3, "MLService"))

    assert first == (
        "CPX CRITICAL - 2 services at risk: MLService 0/2, AuthService 1/1 |"
        " healthy=1 unhealthy=1 unknown=1 at_risk=2;;0 possibly_at_risk=0 listed=3 took=0.05s"
    )
    assert len(more) == 2


def test_where_nothing_is_at_risk_it_is_one_line():
    (line,) = rendered(instance(1), instance(2))

    assert line.startswith("CPX OK - no service is at risk: the only service has 2 healthy")


def test_without_any_answer_it_is_unknown():
    assert rendered(unknown(1))[0].startswith("CPX UNKNOWN - the only listed instance gave no")


def test_each_value_is_performance_data_as_the_guidelines_have_it():
    _, _, data = rendered(instance(1), unknown(2))[0].partition(" | ")

    assert data
    assert all(PERFORMANCE_DATA.fullmatch(each) for each in data.split(" "))


def test_a_name_cannot_pass_for_performance_data_nor_break_the_line():
    lines = rendered(instance(1, "a|b\nc\x1b[2J"))

    assert [line.count("|") for line in lines] == [1, 0]
    assert "a/b\\nc\\x1b[2J 1/1" in lines[0]
    assert render_unknown("x | y\n") == "CPX UNKNOWN - x / y\\n\n"
