"""What changed between two recordings, or a recording and now."""

import contextlib
from datetime import timedelta

from cpx_monitor.adapters.presenters.sentences import diff_sentence, span
from cpx_monitor.adapters.recordings.reader import Recording
from cpx_monitor.app.changes import diff
from cpx_monitor.app.ordering import the_services
from cpx_monitor.app.reports import FleetDiff
from cpx_monitor.domain.fleet import Snapshot
from cpx_monitor.entrypoints.bootstrap import Connect, connected
from cpx_monitor.entrypoints.options import catalogue as options
from cpx_monitor.entrypoints.options.arguments import Arguments, Origin
from cpx_monitor.entrypoints.options.fleet_options import (
    FleetOptions,
    Source,
    policy_of,
    source_option,
)
from cpx_monitor.entrypoints.options.option import UsageError
from cpx_monitor.entrypoints.reporting.closing import sum_up, warn_if_silent
from cpx_monitor.entrypoints.reporting.output import Output
from cpx_monitor.entrypoints.reporting.verdict import exit_code_of
from cpx_monitor.entrypoints.terminal.console import Console, OutputClosed

REPORT = FleetDiff


def run(arguments: Arguments, console: Console, connect: Connect) -> int:
    policy, output = policy_of(arguments, console.warn), Output.from_arguments(arguments, console)
    by_points, wanted = arguments.value(options.BY), arguments.texts(options.SERVICE)
    before, after = _two_moments(arguments, console, connect)
    if wanted and after.answered:
        the_services(after, wanted, [service.name for service in before.services])
    report = diff(before, after, policy, by_points, wanted)
    with contextlib.suppress(OutputClosed):
        if output.is_for_people and output.style.headers:
            console.write(f"{diff_sentence(report)}\n")
        if report.items or not output.is_for_people:
            console.write(output.rendered(report))
        if before.source != after.source:
            console.warn(f"two different fleets? before: {before.source}, after: {after.source}")
        sum_up(report, output, console, is_recorded=arguments.given(options.AFTER) is not None)
        warn_if_silent(report.basis, console)
    return exit_code_of(report)


def _two_moments(
    arguments: Arguments, console: Console, connect: Connect
) -> tuple[Snapshot, Snapshot]:
    """
    Raises:
        UsageError: an option does not fit.
        FleetUnavailable, FileUnusable: one of them cannot be had.
    """
    ago_s = arguments.given(options.AGO)
    recording = Recording(arguments.value(options.BEFORE), console.warn)
    if ago_s is None:
        # A file that cannot be used is said before the fleet is polled.
        before = recording.last()
        return before, _after(arguments, console, connect)
    recording.check()
    after = _after(arguments, console, connect)
    before = recording.nearest(after.observed_at - timedelta(seconds=ago_s))
    apart_s = (after.observed_at - before.observed_at).total_seconds()
    if abs(apart_s - ago_s) > ago_s / 2:
        which = "earlier" if apart_s >= 0 else "later"
        nearest = f"{span(abs(apart_s))} {which}"
        console.warn(f"no round was recorded around {span(ago_s)} before; the nearest: {nearest}")
    return before, after


def _after(arguments: Arguments, console: Console, connect: Connect) -> Snapshot:
    fleet_options = FleetOptions.from_arguments(arguments)
    if path := arguments.given(options.AFTER):
        source = source_option(arguments)
        if arguments.origin(source) is Origin.FLAG:
            raise UsageError(
                f"both {path} and {source.name} say what to compare with", "leave one of them out"
            )
        fleet_options = fleet_options._replace(source=Source(recording=path))
    fleet, _ = connected(arguments, fleet_options, console, connect)
    return fleet.snapshot()
