"""What is said when the data is out."""

from cpx_monitor.adapters.presenters.sentences import (
    assumption_of,
    footer,
    no_risk_sentence,
    rejected_warning,
    silence_sentence,
)
from cpx_monitor.app.ports import Trouble
from cpx_monitor.app.reports import Basis, Report, ServicesAtRisk
from cpx_monitor.entrypoints import hints
from cpx_monitor.entrypoints.reporting.output import Output
from cpx_monitor.entrypoints.terminal.console import Console


def warn_if_silent(basis: Basis, console: Console) -> None:
    if basis.coverage.is_mostly_unknown:
        console.warn(silence_sentence(basis.coverage))


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
    assumption = assumption_of(report, wide=output.is_wide)
    if assumption and output.is_for_people:
        console.tell(assumption)
    if output.is_for_people or not basis.is_complete:
        when = f", recorded at {basis.observed_at:%Y-%m-%dT%H:%M:%SZ}" if is_recorded else ""
        console.tell(f"{footer(report)}, {output.where(basis.source)}{when}")
