"""The exit codes, which are those of monitoring plugins: at-risk is a Nagios check as it stands."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cpx_monitor.app.reports import Report

DONE = 0
INCOMPLETE = 1
AT_RISK = 2
NO_VERDICT = 3
USAGE = NO_VERDICT


def of_report(report: "Report") -> int:
    # Not above: the help needs exit codes too, and none of this.
    from cpx_monitor.app.reports import ServicesAtRisk
    from cpx_monitor.domain.health import Verdict

    if report.basis.no_verdict_because is not None:
        return NO_VERDICT
    verdict = report.verdict if isinstance(report, ServicesAtRisk) else Verdict.OK
    if verdict is Verdict.AT_RISK:
        return AT_RISK
    if verdict is Verdict.POSSIBLY_AT_RISK or not report.basis.is_complete:
        return INCOMPLETE
    return DONE


def of_signal(signal_number: int) -> int:
    """As shells tell it: 130 after SIGINT, 143 after SIGTERM."""
    return 128 + signal_number
