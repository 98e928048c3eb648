"""The exit code of a report."""

from cpx_monitor.app.reports import FleetDiff, Report, Round, ServicesAtRisk
from cpx_monitor.domain.health import Verdict
from cpx_monitor.entrypoints import exit_codes


def exit_code_of(report: Report) -> int:
    """Cases: nothing can be said; at risk for certain; possibly, or incomplete; all well."""
    if report.basis.no_verdict_because is not None:
        return exit_codes.NO_VERDICT
    if isinstance(report, FleetDiff):
        return _exit_code_of_diff(report)
    verdict = report.verdict if isinstance(report, ServicesAtRisk) else Verdict.OK
    if verdict is Verdict.AT_RISK:
        return exit_codes.AT_RISK
    if verdict is not Verdict.OK or not report.basis.is_complete:
        return exit_codes.INCOMPLETE
    return exit_codes.DONE


def _exit_code_of_diff(report: FleetDiff) -> int:
    """Cases: nothing can be said of the earlier moment; differences; a doubt; none."""
    if report.before.no_verdict_because is not None:
        return exit_codes.NO_VERDICT
    if report.items:
        return exit_codes.DIFFERENT
    is_complete = report.basis.is_complete and report.before.is_complete
    return exit_codes.DONE if is_complete else exit_codes.INCOMPLETE


def exit_code_of_round(shown: Round[Report]) -> int:
    return exit_code_of(shown.report) if shown.outage is None else exit_codes.NO_VERDICT
