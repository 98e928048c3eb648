"""What the commands that report on a whole fleet share: once, or as often as is asked for."""

import contextlib
from collections.abc import Callable, Collection
from itertools import islice

from cpx_monitor.app.ordering import arranged, the_services
from cpx_monitor.app.pace import every
from cpx_monitor.app.ports import FleetUnavailable, Trouble
from cpx_monitor.app.reports import Report
from cpx_monitor.app.rounds import rounds
from cpx_monitor.app.use_cases import why_no_verdict
from cpx_monitor.domain.fleet import Snapshot
from cpx_monitor.domain.health import HealthPolicy
from cpx_monitor.entrypoints.bootstrap import Connect, connected
from cpx_monitor.entrypoints.options import catalogue as options
from cpx_monitor.entrypoints.options.arguments import Arguments
from cpx_monitor.entrypoints.options.fleet_options import FleetOptions, policy_of
from cpx_monitor.entrypoints.options.option import Option
from cpx_monitor.entrypoints.reporting.closing import sum_up
from cpx_monitor.entrypoints.reporting.output import Output, order_of
from cpx_monitor.entrypoints.reporting.repeat import repeat_of
from cpx_monitor.entrypoints.reporting.rounds import ReportView, show_rounds
from cpx_monitor.entrypoints.reporting.verdict import exit_code_of
from cpx_monitor.entrypoints.terminal.console import Console, OutputClosed

UseCase = Callable[[Snapshot, HealthPolicy, Collection[str] | None], Report]


def report_on(
    arguments: Arguments,
    console: Console,
    connect: Connect,
    kind: type[Report],
    use_case: UseCase,
    expected: Collection[str] = (),
    output_option: Option[str] = options.OUTPUT,
) -> int:
    """Poll the fleet, make the report, write it; the exit code. ``expected`` are services that
    may be named though none of their instances is listed.
    """
    fleet_options, policy = (
        FleetOptions.from_arguments(arguments),
        policy_of(arguments, console.warn),
    )
    output = Output.from_arguments(arguments, console, output_option)
    order, repeat = order_of(arguments, kind), repeat_of(arguments, output_option)
    wanted = arguments.texts(options.SERVICE)
    fleet, clock = connected(arguments, fleet_options, console, connect)

    was_listed = False

    def poll() -> Report:
        nonlocal was_listed
        snapshot = fleet.snapshot()
        if was_listed and not snapshot.observations:
            # What was last known stays in view.
            raise FleetUnavailable(f"{snapshot.source} lists no servers", Trouble.LISTS_NOTHING)
        was_listed = True
        only: Collection[str] | None = None
        if wanted and why_no_verdict(snapshot) is None:
            only = the_services(snapshot, wanted, expected)
        elif wanted:
            only = wanted
        return arranged(use_case(snapshot, policy, only), order)

    if repeat is None:
        report = poll()
        # A reader that stops early, as head does, still gets the exit code.
        with contextlib.suppress(OutputClosed):
            console.write(output.rendered(report))
            is_recorded = fleet_options.source.recording is not None
            sum_up(report, output, console, is_recorded=is_recorded)
        return exit_code_of(report)
    pace = islice(every(clock, repeat.every_s), repeat.rounds)
    view = ReportView(repeat, order, output, console)
    return show_rounds(
        rounds(poll, lambda before, reason: before, clock, pace), view, output, console
    )
