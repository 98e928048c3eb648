"""What the commands that look once share: a snapshot, a report of it, an exit code."""

from collections.abc import Callable

from cpx_monitor.adapters.presenters import table
from cpx_monitor.app.ports import Trouble
from cpx_monitor.app.reports import Report, ServicesAtRisk
from cpx_monitor.domain.fleet import Snapshot
from cpx_monitor.domain.health import HealthPolicy
from cpx_monitor.entrypoints import exit_codes, hints
from cpx_monitor.entrypoints.arguments import Arguments, Option, one_of
from cpx_monitor.entrypoints.bootstrap import fleet_and_clock
from cpx_monitor.entrypoints.console import Console, OutputClosed
from cpx_monitor.entrypoints.reading import Reading

OUTPUT = Option("--output", one_of("table", "json", "csv"), "table")


def report_once(
    arguments: Arguments,
    console: Console,
    use_case: Callable[[Snapshot, HealthPolicy], Report],
) -> int:
    reading = Reading.from_arguments(arguments)
    output = arguments.value(OUTPUT)
    fleet, _ = fleet_and_clock(reading, console)
    report = use_case(fleet.snapshot(), reading.policy)
    try:
        console.write(_rendered(report, output, console.wants_color(reading.color)))
    except OutputClosed:
        return exit_codes.of_report(report)
    _sum_up(report, console, output)
    return exit_codes.of_report(report)


def _rendered(report: Report, output: str, color: bool) -> str:
    if output == "table":
        return table.render_table(report, color)
    from cpx_monitor.adapters.presenters import machine

    return machine.render_json(report) if output == "json" else machine.render_csv(report)


def _sum_up(report: Report, console: Console, output: str) -> None:
    """What stderr says once the data is out."""
    basis = report.basis
    if basis.rejected:
        console.warn(table.rejected_warning(basis.rejected))
    if basis.no_verdict_because is not None:
        trouble = Trouble.NOTHING_ANSWERED if basis.coverage.listed else Trouble.LISTS_NOTHING
        console.error(basis.no_verdict_because, hints.for_trouble(trouble))
        return
    if isinstance(report, ServicesAtRisk) and not report.items and output == "table":
        console.tell(table.no_risk_sentence(report))
    if output == "table" or not basis.coverage.is_complete:
        console.tell(table.footer(report))
