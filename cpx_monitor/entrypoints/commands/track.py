"""CPU and memory of a service's instances over time, until ctrl-c.

A line for each instance and round. The servers are listed anew in every
round, so instances that join or leave show; a round that fails shows its
instances as Unknown, and the next one goes on.

Usage:
  cpx-monitor track <service> [options]

Examples:
  cpx-monitor track AuthService --every=5
  cpx-monitor track AuthService --every=1m -o jsonl >> auth.jsonl

Options:
      --every=<s>             from the start of one round to the start of the
                              next: 5, 0.5, 5s, 1m (default: 5)
  -o, --output=<format>       table or jsonl (default: table)
"""

import contextlib

from cpx_monitor.adapters.presenters import machine, table
from cpx_monitor.app.reports import TrackRound
from cpx_monitor.app.tracking import track
from cpx_monitor.entrypoints import exit_codes
from cpx_monitor.entrypoints.bootstrap import fleet_and_clock
from cpx_monitor.entrypoints.command_line import UsageError
from cpx_monitor.entrypoints.console import Console, OutputClosed
from cpx_monitor.entrypoints.interrupts import Interrupted
from cpx_monitor.entrypoints.options import Arguments, Option, Reading, duration_s, one_of

EVERY = Option("--every", duration_s, "5")
OUTPUT = Option("--output", one_of("table", "jsonl"), "table")


def run(arguments: Arguments, console: Console) -> int:
    if arguments.words["--output"] == "json":
        raise UsageError("json is one document, and track does not end", "use -o jsonl")
    reading = Reading.from_arguments(arguments)
    output, every_s = arguments.value(OUTPUT), arguments.value(EVERY)
    color = console.wants_color(reading.color)
    # Being told to stop is how tracking ends.
    with contextlib.suppress(Interrupted, OutputClosed):
        fleet, clock = fleet_and_clock(reading, console)
        before: TrackRound | None = None
        for shown in track(fleet, clock, arguments.words["<service>"], reading.policy, every_s):
            console.write(
                machine.track_jsonl(shown) if output == "jsonl" else table.track_round(shown, color)
            )
            for warning in table.round_warnings(shown, before):
                console.warn(warning)
            if output == "table" and console.stdout.isatty():
                console.tell(table.round_footer(shown))
            before = shown
    return exit_codes.DONE
