import pytest
from support import instance, snapshot, unknown

from cpx_monitor.app.use_cases import at_risk, averages, list_instances
from cpx_monitor.domain.health import HealthPolicy
from cpx_monitor.entrypoints import exit_codes
from cpx_monitor.entrypoints.reporting.verdict import exit_code_of

POLICY = HealthPolicy()
FINE = (instance(1), instance(2))


def code_of(use_case, *observations, rejected=()):
    seen = snapshot(*observations, rejected=rejected)
    report = at_risk(seen, POLICY, 2) if use_case is at_risk else use_case(seen, POLICY)
    return exit_code_of(report)


@pytest.mark.parametrize("use_case", [list_instances, averages, at_risk])
class TestEveryReport:
    def test_of_which_everybody_answered_is_done(self, use_case):
        assert code_of(use_case, *FINE) == 0

    def test_with_an_unknown_instance_is_incomplete(self, use_case):
        assert code_of(use_case, *FINE, unknown(3)) == 1

    def test_with_a_rejected_entry_is_incomplete(self, use_case):
        assert code_of(use_case, *FINE, rejected=["'x'"]) == 1

    def test_without_any_answer_has_no_verdict(self, use_case):
        assert code_of(use_case, unknown(1), unknown(2, "AuthService")) == 3

    def test_of_an_empty_list_has_no_verdict(self, use_case):
        assert code_of(use_case) == 3


def test_an_unhealthy_instance_is_no_failure_of_the_list():
    assert code_of(list_instances, instance(1, cpu=99)) == 0


def test_a_service_certainly_at_risk_counts_more_than_an_incomplete_answer():
    assert code_of(at_risk, instance(1), unknown(2, "MLService")) == 2


def test_a_service_possibly_at_risk_is_a_warning():
    assert code_of(at_risk, instance(1), unknown(2, "AuthService")) == 1


def test_signals_end_a_command_as_shells_tell_it():
    assert (exit_codes.of_signal(2), exit_codes.of_signal(15)) == (130, 143)
