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
from typing import TYPE_CHECKING

from cpx_monitor.entrypoints import exit_codes
from cpx_monitor.entrypoints.arguments import Arguments, Option, duration_s, one_of
from cpx_monitor.entrypoints.command_line import UsageError
from cpx_monitor.entrypoints.console import Console, OutputClosed
from cpx_monitor.entrypoints.interrupts import Interrupted, held

if TYPE_CHECKING:
    from cpx_monitor.entrypoints.reading import Reading

EVERY = Option("--every", duration_s, "5")
OUTPUT = Option("--output", one_of("table", "jsonl"), "table")


def run(arguments: Arguments, console: Console) -> int:
    with held():
        from cpx_monitor.entrypoints.reading import Reading

    if arguments.words["--output"] == "json":
        raise UsageError("json is one document, and track does not end", "use -o jsonl")
    reading = Reading.from_arguments(arguments)
    every_s, output = arguments.value(EVERY), arguments.value(OUTPUT)
    # Being told to stop is how tracking ends.
    with contextlib.suppress(Interrupted, OutputClosed):
        _track(arguments.words["<service>"], reading, every_s, output, console)
    return exit_codes.DONE


def _track(service: str, reading: "Reading", every_s: float, output: str, console: Console) -> None:
    with held():
        from cpx_monitor.adapters.presenters import machine, table
        from cpx_monitor.app.tracking import track
        from cpx_monitor.entrypoints.bootstrap import fleet_and_clock

    color = console.wants_color(reading.color)
    fleet, clock = fleet_and_clock(reading, console)
    before = None
    for shown in track(fleet, clock, service, reading.policy, every_s):
        is_table = output == "table"
        console.write(table.track_round(shown, color) if is_table else machine.track_jsonl(shown))
        for warning in table.round_warnings(shown, before):
            console.warn(warning)
        if is_table and console.stdout.isatty():
            console.tell(table.round_footer(shown))
        before = shown
