"""What the commands that report on a whole fleet share: once, or as often as is asked for."""

import contextlib
from collections.abc import Collection
from itertools import islice

from cpx_monitor.app.changes import Feed
from cpx_monitor.app.memory import RememberingFleet
from cpx_monitor.app.pace import every
from cpx_monitor.app.reports import Report
from cpx_monitor.app.rounds import rounds
from cpx_monitor.entrypoints.bootstrap import Connect, connected
from cpx_monitor.entrypoints.options import catalogue as options
from cpx_monitor.entrypoints.options.arguments import Arguments
from cpx_monitor.entrypoints.options.fleet_options import FleetOptions, policy_of
from cpx_monitor.entrypoints.options.option import Option
from cpx_monitor.entrypoints.reporting.closing import sum_up, warn_if_silent
from cpx_monitor.entrypoints.reporting.feed import ChangesView, changes_are_wanted
from cpx_monitor.entrypoints.reporting.interactive.start import interactive, report_subject
from cpx_monitor.entrypoints.reporting.output import Output, order_of
from cpx_monitor.entrypoints.reporting.poll import Poll, UseCase
from cpx_monitor.entrypoints.reporting.repeat import repeat_of
from cpx_monitor.entrypoints.reporting.rounds import ReportView, View, is_live, show_rounds
from cpx_monitor.entrypoints.reporting.verdict import exit_code_of
from cpx_monitor.entrypoints.terminal.console import Console, OutputClosed


def report_on(
    arguments: Arguments,
    console: Console,
    connect: Connect,
    kind: type[Report],
    use_case: UseCase,
    feed: Feed,
    expected: Collection[str] = (),
    output_option: Option[str] = options.OUTPUT,
) -> int:
    """Poll the fleet, make the report, write it; the exit code. ``feed`` finds what changes from
    round to round; ``expected`` are services that may be named though none of their instances is
    listed.
    """
    fleet_options, policy = (
        FleetOptions.from_arguments(arguments),
        policy_of(arguments, console.warn),
    )
    output = Output.from_arguments(arguments, console, output_option)
    order, repeat = order_of(arguments, kind), repeat_of(arguments, output_option)
    wanted, source = arguments.texts(options.SERVICE), fleet_options.source.name
    prints_changes = changes_are_wanted(arguments, repeat)
    fleet, clock = connected(arguments, fleet_options, console, connect)

    if prints_changes:
        fleet = RememberingFleet(fleet)
    poll = Poll(fleet, use_case, policy, wanted, expected, order, may_vanish=prints_changes)
    if repeat is None:
        report = poll()
        # A reader that stops early, as head does, still gets the exit code.
        with contextlib.suppress(OutputClosed):
            console.write(output.rendered(report))
            is_recorded = fleet_options.source.recording is not None
            sum_up(report, output, console, is_recorded=is_recorded)
            warn_if_silent(report.basis, console)
        return exit_code_of(report)
    live = is_live(output, console) and not prints_changes
    working = session = None
    if live:
        every_s = repeat.every_s
        working = interactive(
            fleet,
            clock,
            lambda: report_subject(output, every_s),
            output,
            console,
            source,
            every_s=every_s,
        )
    if working is not None:
        poll.fleet, clock, session = working
    pace = islice(every(clock, repeat.every_s), repeat.rounds)
    polled = rounds(poll, lambda before, reason: before, clock, pace)
    view: View = ReportView(repeat, order, output, console)
    if prints_changes:
        view = ChangesView(feed, wanted, source, output, console, whole=poll.whole)
    return show_rounds(polled, view, console, live=live, session=session)
