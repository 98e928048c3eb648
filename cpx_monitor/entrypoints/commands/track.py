"""CPU and memory of a service's instances over time, until ctrl-c.

A line for each instance and round. The servers are listed anew in every
round, so instances that join or leave show. Where the list cannot be had, the
last one stays, and a warning tells its age.

Usage:
  cpx-monitor track <service> [options]

Examples:
  cpx-monitor track AuthService --every=5
  cpx-monitor track AuthService --every=1m -o jsonl >> auth.jsonl

Options:
      --every=<s>             from the start of one round to the start of the
                              next: 5, 0.5, 5s, 1m (default: 5)
      --count=<n>             end after so many rounds (default: go on)
  -o, --output=<format>       table, jsonl or csv (default: table)
"""

import contextlib
import gc
from itertools import islice
from typing import TYPE_CHECKING

from cpx_monitor.entrypoints import exit_codes
from cpx_monitor.entrypoints.arguments import (
    Arguments,
    Option,
    duration_s,
    one_of,
    whole_number,
)
from cpx_monitor.entrypoints.command_line import UsageError
from cpx_monitor.entrypoints.console import Console, OutputClosed
from cpx_monitor.entrypoints.interrupts import Interrupted, held

if TYPE_CHECKING:
    from cpx_monitor.entrypoints.reading import Reading

EVERY = Option("--every", duration_s, "5")
COUNT = Option("--count", whole_number(1, 1_000_000_000), "")
OUTPUT = Option("--output", one_of("table", "jsonl", "csv"), "table")


def run(arguments: Arguments, console: Console) -> int:
    with held():
        from cpx_monitor.entrypoints.reading import Reading

    if arguments.words["--output"] == "json":
        raise UsageError("json is one document, and track does not end", "use -o jsonl")
    reading, count = Reading.from_arguments(arguments), arguments.given(COUNT)
    every_s, output = arguments.value(EVERY), arguments.value(OUTPUT)
    # Being told to stop is how tracking ends.
    with contextlib.suppress(Interrupted, OutputClosed):
        _track(arguments.words["<service>"], reading, every_s, count, output, console)
    return exit_codes.DONE


def _track(
    service: str,
    reading: "Reading",
    every_s: float,
    count: int | None,
    output: str,
    console: Console,
) -> None:
    with held():
        from cpx_monitor.adapters.presenters import machine, table
        from cpx_monitor.app.tracking import track
        from cpx_monitor.entrypoints.bootstrap import fleet_and_clock

    color = console.wants_color(reading.color)
    fleet, clock = fleet_and_clock(reading, console)
    before = None
    for shown in islice(track(fleet, clock, service, reading.policy, every_s), count):
        match output:
            case "table":
                console.write(table.track_round(shown, color))
            case "csv":
                console.write(machine.track_csv(shown))
            case _:
                console.write(machine.track_jsonl(shown))
        for warning in table.round_warnings(shown, before):
            console.warn(warning)
        if output == "table" and console.stdout.isatty():
            console.tell(table.round_footer(shown))
        before = shown
        # There is time for it now; left to itself, garbage piles up for hundreds of rounds.
        gc.collect()
