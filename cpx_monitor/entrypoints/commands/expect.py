"""What runs now, as a file for ``at-risk --expect``."""

from cpx_monitor.adapters.expectations import render_expectation
from cpx_monitor.adapters.presenters.sentences import rejected_warning, silence_sentence
from cpx_monitor.app.expectation import expectation_of
from cpx_monitor.app.ports import FleetUnavailable, Trouble
from cpx_monitor.app.reports import counted
from cpx_monitor.app.use_cases import coverage_of, why_no_verdict
from cpx_monitor.entrypoints import exit_codes
from cpx_monitor.entrypoints.bootstrap import Connect, connected
from cpx_monitor.entrypoints.options.arguments import Arguments
from cpx_monitor.entrypoints.options.fleet_options import FleetOptions
from cpx_monitor.entrypoints.terminal.console import Console


def run(arguments: Arguments, console: Console, connect: Connect) -> int:
    fleet_options = FleetOptions.from_arguments(arguments)
    fleet, _ = connected(arguments, fleet_options, console, connect)
    snapshot = fleet.snapshot()
    if coverage_of(snapshot).is_mostly_unknown:
        console.warn(silence_sentence(coverage_of(snapshot)))
    if nothing_known := why_no_verdict(snapshot):
        listed = bool(snapshot.observations)
        trouble = Trouble.NOTHING_ANSWERED if listed else Trouble.LISTS_NOTHING
        raise FleetUnavailable(nothing_known, trouble)
    console.write(render_expectation(expectation_of(snapshot)))
    if snapshot.rejected:
        console.warn(rejected_warning(snapshot.rejected))
    if snapshot.unattributed:
        what = counted(snapshot.unattributed, "instance")
        console.warn(f"not in the file: {what} that did not say of which service")
    is_complete = not (snapshot.unknown or snapshot.rejected or snapshot.stale_list)
    return exit_codes.DONE if is_complete else exit_codes.INCOMPLETE
