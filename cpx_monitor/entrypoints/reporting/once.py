"""What the commands that report on a whole fleet share: a snapshot, a report, an exit code."""

import contextlib
from collections.abc import Callable, Collection

from cpx_monitor.adapters.presenters.sentences import footer, no_risk_sentence, rejected_warning
from cpx_monitor.app.ports import Trouble
from cpx_monitor.app.reports import Report, ServicesAtRisk
from cpx_monitor.app.selection import arranged, the_services
from cpx_monitor.app.use_cases import why_no_verdict
from cpx_monitor.domain.fleet import Snapshot
from cpx_monitor.domain.health import HealthPolicy
from cpx_monitor.entrypoints import exit_codes, hints
from cpx_monitor.entrypoints.bootstrap import fleet_and_clock
from cpx_monitor.entrypoints.options.arguments import Arguments
from cpx_monitor.entrypoints.options.fleet_options import Reading
from cpx_monitor.entrypoints.reporting.output import Output, Repeat, order_of
from cpx_monitor.entrypoints.terminal.console import Console, OutputClosed

UseCase = Callable[[Snapshot, HealthPolicy, Collection[str] | None], Report]


def report_on(
    arguments: Arguments, console: Console, command: str, kind: type[Report], use_case: UseCase
) -> int:
    """Once, or as often as is asked for."""
    reading = Reading.from_arguments(arguments)
    output = Output.from_arguments(arguments, console, reading.color)
    order, repeat = order_of(arguments, kind), Repeat.from_arguments(arguments, command)
    wanted = arguments.texts("--service")
    fleet, clock = fleet_and_clock(reading, console)

    def look() -> Report:
        snapshot = fleet.snapshot()
        only: Collection[str] | None = None
        if wanted and why_no_verdict(snapshot) is None:
            only = the_services(snapshot, wanted)
        elif wanted:
            only = wanted
        return arranged(use_case(snapshot, reading.policy, only), order)

    if repeat is None:
        report = look()
        # A reader that stops early, as head does, still gets the exit code.
        with contextlib.suppress(OutputClosed):
            console.write(output.rendered(report))
            sum_up(report, output, console, is_recorded=reading.source.recording is not None)
        return exit_codes.of_report(report)
    from cpx_monitor.entrypoints.reporting.rounds import watch

    return watch(look, repeat, order, clock, output, console)


def sum_up(report: Report, output: Output, console: Console, *, is_recorded: bool = False) -> None:
    """What stderr says once the data is out."""
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
