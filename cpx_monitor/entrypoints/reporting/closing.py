"""What is said when the data is out, and the exit code of it."""

from cpx_monitor.adapters.presenters.sentences import (
    footer,
    no_risk_sentence,
    rejected_warning,
)
from cpx_monitor.app.ports import Trouble
from cpx_monitor.app.reports import Report, Round, ServicesAtRisk
from cpx_monitor.domain.health import Verdict
from cpx_monitor.entrypoints import exit_codes, hints
from cpx_monitor.entrypoints.reporting.output import Output
from cpx_monitor.entrypoints.terminal.console import Console


def sum_up(report: Report, output: Output, console: Console, *, is_recorded: bool = False) -> None:
    """Tell the whole fleet's state on stderr, whatever the report shows of it."""
    basis = report.basis
    if basis.rejected:
        console.warn(rejected_warning(basis.rejected))
    if basis.no_verdict_because is not None:
        trouble = Trouble.NOTHING_ANSWERED if basis.coverage.listed else Trouble.LISTS_NOTHING
        console.error(basis.no_verdict_because, hints.for_trouble(trouble))
        return
    if isinstance(report, ServicesAtRisk) and not report.items and output.is_for_people:
        console.tell(no_risk_sentence(report))
    if output.is_for_people or not basis.is_complete:
        when = f", recorded at {basis.observed_at:%Y-%m-%dT%H:%M:%SZ}" if is_recorded else ""
        console.tell(f"{footer(report)}, {output.where(basis.source)}{when}")


def exit_code_of(report: Report) -> int:
    """Cases: nothing can be said; at risk for certain; possibly, or incomplete; all well."""
    if report.basis.no_verdict_because is not None:
        return exit_codes.NO_VERDICT
    verdict = report.verdict if isinstance(report, ServicesAtRisk) else Verdict.OK
    if verdict is Verdict.AT_RISK:
        return exit_codes.AT_RISK
    if verdict is Verdict.POSSIBLY_AT_RISK or not report.basis.is_complete:
        return exit_codes.INCOMPLETE
    return exit_codes.DONE


def exit_code_of_round(shown: Round[Report]) -> int:
    return exit_code_of(shown.report) if shown.outage is None else exit_codes.NO_VERDICT
