import pytest
from support import instance, unknown

from cpx_monitor.domain.health import HealthPolicy, Status, Verdict, judge


@pytest.mark.parametrize(
    ("cpu", "memory", "status"),
    [
        (0, 0, Status.HEALTHY),
        (90, 90, Status.HEALTHY),
        (90.1, 90, Status.UNHEALTHY),
        (90, 90.1, Status.UNHEALTHY),
        (100, 100, Status.UNHEALTHY),
    ],
)
def test_an_instance_is_healthy_while_both_loads_are_at_or_under_the_limit(cpu, memory, status):
    assert HealthPolicy(90, 90).status_of(instance(1, cpu=cpu, memory=memory)) is status


def test_an_instance_that_gave_no_answer_is_neither_healthy_nor_unhealthy():
    assert HealthPolicy().status_of(unknown(1)) is Status.UNKNOWN


@pytest.mark.parametrize(
    ("cpu", "memory", "excess"),
    [
        (90, 80, ""),
        (91, 80, "CPU 91%"),
        (90, 81, "memory 81%"),
        (90.5, 99, "CPU 90.5%, memory 99%"),
    ],
)
def test_what_is_over_its_limit_is_named(cpu, memory, excess):
    assert HealthPolicy(90, 80).excess(cpu, memory) == excess


@pytest.mark.parametrize(
    ("healthy", "own_unknown", "unattributed", "verdict"),
    [
        (2, 0, 0, Verdict.OK),
        (2, 5, 5, Verdict.OK),
        (1, 0, 0, Verdict.AT_RISK),
        (0, 0, 0, Verdict.AT_RISK),
        (0, 1, 0, Verdict.AT_RISK),
        (0, 0, 1, Verdict.AT_RISK),
        (1, 1, 0, Verdict.POSSIBLY_AT_RISK),
        (1, 0, 1, Verdict.POSSIBLY_AT_RISK),
        (0, 1, 1, Verdict.POSSIBLY_AT_RISK),
    ],
)
def test_a_shortfall_is_certain_only_where_no_doubt_could_make_it_up(
    healthy, own_unknown, unattributed, verdict
):
    judged = judge(healthy=healthy, own_unknown=own_unknown, unattributed=unattributed, threshold=2)

    assert judged is verdict
