"""In which format a report is written, and how its rows are chosen."""

import math
import re
from typing import Any, NamedTuple

from cpx_monitor.adapters.presenters.layout import Look
from cpx_monitor.adapters.presenters.report_tables import render_table
from cpx_monitor.app.reports import Report, Stamp, TrackRound
from cpx_monitor.app.selection import Order, check_column
from cpx_monitor.entrypoints.options.arguments import (
    Arguments,
    Option,
    Origin,
    duration_s,
    one_of,
    whole_number,
)
from cpx_monitor.entrypoints.options.fleet_options import source_name
from cpx_monitor.entrypoints.options.words import UsageError
from cpx_monitor.entrypoints.terminal.console import Console

FORMATS = ("table", "wide", "json", "jsonl", "csv")
OUTPUT = Option("--output", one_of(*FORMATS), "table")
SORT_BY = Option("--sort-by", str, "")
TOP = Option("--top", whole_number(1, 1_000_000_000), "")
EVERY = Option("--every", duration_s, "5")
COUNT = Option("--count", whole_number(1, 1_000_000_000), "")


def _speed(text: str) -> float:
    if text.lower() == "max":
        return math.inf
    if not re.fullmatch(r"[0-9]{0,6}(\.[0-9]{1,6})?x?", text, re.ASCII) or not text.strip("0.x"):
        raise ValueError("a factor such as 1, 0.5 or 60 is wanted, or max")
    return float(text.removesuffix("x"))


SPEED = Option("--speed", _speed, "1")


class Output(NamedTuple):
    """``profile`` is the one that is used, empty where none is."""

    format: str
    look: Look
    profile: str = ""

    @classmethod
    def from_arguments(cls, arguments: Arguments, console: Console, color: str) -> "Output":
        chosen = arguments.value(OUTPUT)
        width = console.size().columns if chosen == "table" and console.is_terminal else None
        look = Look(
            color=console.wants_color(color),
            headers=not arguments.flag("--no-headers"),
            width=width,
            ascii_only=not console.shows("…▁█"),
        )
        return cls(chosen, look, arguments.profile.name)

    def where(self, source: str) -> str:
        """Where the fleet is seen, and by whose settings."""
        return f"{source} (profile {self.profile})" if self.profile else source

    @property
    def is_for_people(self) -> bool:
        return self.format in ("table", "wide")

    @property
    def is_wide(self) -> bool:
        return self.format == "wide"

    def rendered(self, report: Report | TrackRound, stamp: Stamp | None = None) -> str:
        """With a stamp as one of several, of which only the first has headers."""
        if isinstance(report, TrackRound):
            stamp = Stamp(report.round, report.observed_at)
        look = self.look
        if stamp is not None and stamp.round > 1:
            look = look._replace(headers=False)
        if self.is_for_people:
            return render_table(report, look, wide=self.is_wide, stamp=stamp)
        from cpx_monitor.adapters.presenters import records

        if self.format == "csv":
            return records.render_csv(report, stamp, headers=look.headers)
        # A profile may want json of everything; what repeats gives lines of it.
        if self.format == "jsonl" or stamp is not None or isinstance(report, TrackRound):
            return records.render_jsonl(report, stamp)
        return records.render_json(report)


class Repeat(NamedTuple):
    """How often to look; ``rounds`` is None where there is no end."""

    every_s: float
    rounds: int | None

    @classmethod
    def from_arguments(cls, arguments: Arguments, command: str) -> "Repeat | None":
        """None where one look is wanted.

        Raises:
            UsageError: it cannot be written in the format that is wanted.
        """
        _check_recording(arguments, command)
        every_s, rounds = arguments.given(EVERY), arguments.given(COUNT)
        if command != "track":
            is_once = every_s is None and rounds is None
            if is_once or rounds == 1 or source_name(arguments) == "--from":
                return None
            # What was typed is stronger than how often the profile looks.
            wants_json = arguments.value(OUTPUT) == "json"
            repeats = min(arguments.found("--every")[0], arguments.found("--count")[0])
            if wants_json and arguments.found("--output")[0] < repeats:
                return None
        if arguments.value(OUTPUT) == "json" and arguments.found("--output")[0] is Origin.FLAG:
            why = "track does not end" if command == "track" else "this would be several"
            raise UsageError(f"json is one document, and {why}", "use -o jsonl")
        return cls(arguments.value(EVERY) if every_s is None else every_s, rounds)


def _check_recording(arguments: Arguments, command: str) -> None:
    """A recording has times of its own."""
    if source_name(arguments) != "--from":
        if arguments.found("--speed")[0] is Origin.FLAG:
            raise UsageError("--speed is for a recording", "--from=<file> names one")
        return
    for name in ("--every", "--count"):
        if arguments.found(name)[0] is not Origin.FLAG:
            continue
        if command != "track":
            raise UsageError(
                f"{name} looks again, and --from={arguments.words['--from']} stays as it is",
                "`cpx-monitor track <service> --from=<file>` plays a recording back",
            )
        if name == "--every":
            raise UsageError("--every is for a fleet: a recording has its own times", "use --speed")


def order_of(arguments: Arguments, report: type[Any]) -> Order:
    """
    Raises:
        NoSuchColumn: such a report cannot be sorted by that.
    """
    order = Order(arguments.given(SORT_BY), arguments.flag("--reverse"), arguments.given(TOP))
    check_column(report, order)
    return order
