"""CPU and memory of a service's instances over time, until ctrl-c.

On a terminal this is a screen that is drawn anew each round, with each
instance's change and history. Elsewhere it is a line for each instance and
round. At the end there is a summary: what each instance's load was, how often
it was not well.

The servers are listed anew in every round, so instances that join or leave
show. Where the list cannot be had, the last one stays, and a warning tells
its age.

Usage:
  cpx-monitor track <service> [options]

Examples:
  cpx-monitor track AuthService --every=5
  cpx-monitor track AuthService --every=1m -o jsonl >> auth.jsonl
  cpx-monitor track AuthService --record=incident.jsonl
  cpx-monitor track AuthService --from=incident.jsonl --speed=10

"""

import contextlib
import gc
import math
import os
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from cpx_monitor.entrypoints import exit_codes
from cpx_monitor.entrypoints.options.arguments import Arguments
from cpx_monitor.entrypoints.terminal.console import Console, OutputClosed
from cpx_monitor.entrypoints.terminal.signals import Interrupted, held

if TYPE_CHECKING:
    from cpx_monitor.app.history import History
    from cpx_monitor.app.ports import Clock, Fleet
    from cpx_monitor.app.reports import TrackedInstance, TrackRound
    from cpx_monitor.app.selection import Order
    from cpx_monitor.entrypoints.options.fleet_options import Reading
    from cpx_monitor.entrypoints.reporting.output import Output, Repeat


def run(arguments: Arguments, console: Console) -> int:
    with held():
        from cpx_monitor.app.history import History
        from cpx_monitor.app.reports import TrackRound
        from cpx_monitor.entrypoints.options.fleet_options import Reading
        from cpx_monitor.entrypoints.reporting.output import SPEED, Output, Repeat, order_of

    repeat = Repeat.from_arguments(arguments, "track")
    assert repeat is not None  # for it is track
    service = arguments.words["<service>"]
    reading = Reading.from_arguments(arguments)._replace(tracked=service)
    output = Output.from_arguments(arguments, console, reading.color)
    order, history = order_of(arguments, TrackRound), History()
    tracking = _Tracking(reading, repeat, arguments.given(SPEED), order, output, console)
    try:
        # Being told to stop is how tracking ends.
        with contextlib.suppress(Interrupted):
            tracking.run(service, history)
        _conclude(history, output, console)
    except OutputClosed:
        pass
    return exit_codes.DONE


class _Tracking(NamedTuple):
    """``speed`` is that of a recording, None where ``--speed`` was not given."""

    reading: "Reading"
    repeat: "Repeat"
    speed: float | None
    order: "Order"
    output: "Output"
    console: Console

    def run(self, service: str, history: "History") -> None:
        with held():
            from cpx_monitor.adapters.presenters.sentences import (
                round_warnings,
            )
            from cpx_monitor.app.selection import arranged
            from cpx_monitor.app.tracking import track
            from cpx_monitor.entrypoints.reporting.rounds import Outage, is_live
            from cpx_monitor.entrypoints.terminal.screen import Screen

        live = is_live(self.output, self.console)
        fleet, clock, pace = self._where_from(live)
        pace = islice(pace, self.repeat.rounds)
        before = None
        outage = None
        with Screen(self.console) as screen:
            for shown in track(fleet, clock, service, self.reading.policy, pace):
                if before is None:
                    self._warn_of_another(getattr(fleet, "tracked", None), shown.service)
                instances = history.learn(shown)
                warnings = list(round_warnings(shown, before))
                outage = Outage.after(outage, shown.observed_at, shown.failure)
                # The last warning of a round that failed says so.
                banner = [outage.told, *warnings[:-1]] if outage else warnings
                chosen = arranged(shown, self.order)
                if live:
                    in_order = _in_order(instances, chosen, self.order)
                    screen.show(partial(self._frame, shown, in_order, banner), warnings)
                else:
                    self._append(chosen, shown, warnings)
                before = shown
                if not self._is_replay:
                    # There is time for it now; left to itself, garbage piles up.
                    gc.collect()

    @property
    def _is_replay(self) -> bool:
        return self.reading.source.recording is not None

    def _where_from(self, live: bool) -> "tuple[Fleet, Clock, Iterable[int]]":
        """Whom to ask, what time it is there, and when the next round is due."""
        from cpx_monitor.app.pace import every
        from cpx_monitor.entrypoints.bootstrap import fleet_and_clock, replay

        if self.reading.source.recording is None:
            fleet, clock = fleet_and_clock(self.reading, self.console)
            return fleet, clock, every(clock, self.repeat.every_s)
        speed = self.speed or (1 if live else math.inf)
        played = replay(self.reading.source.recording, self.console, speed)
        return played, played, played.pace()

    def _warn_of_another(self, tracked: str | None, service: str) -> None:
        if tracked is not None and tracked != service:
            from cpx_monitor.adapters.presenters.sentences import (
                warning_of_another_service,
            )

            recording = self.reading.source.recording
            self.console.warn(warning_of_another_service(recording, tracked, service))

    def _frame(
        self,
        shown: "TrackRound",
        instances: "Sequence[TrackedInstance]",
        warnings: Sequence[str],
        size: os.terminal_size,
    ) -> list[str]:
        from cpx_monitor.adapters.presenters.frames import Heading, Height, track_frame
        from cpx_monitor.entrypoints.reporting.rounds import when

        took = f"took {shown.took_seconds:.2f} s"
        pace = "replayed" if self._is_replay else f"every {self.repeat.every_s:g} s"
        heading = Heading(
            when(shown.round, shown.observed_at),
            warnings,
            self.output.where(self.reading.source.name),
            [pace, took],
        )
        look = self.output.look._replace(width=size.columns)
        height = Height(size.lines, keeps_worst=self.order.is_none)
        return track_frame(shown, instances, heading, look, height)

    def _append(self, chosen: "TrackRound", shown: "TrackRound", warnings: Sequence[str]) -> None:
        from cpx_monitor.adapters.presenters.sentences import (
            round_footer,
        )

        self.console.write(self.output.rendered(chosen) + self._as_line(shown))
        for warning in warnings:
            self.console.warn(warning)
        if self.output.is_for_people and self.console.is_terminal:
            self.console.tell(round_footer(shown))

    def _as_line(self, shown: "TrackRound") -> str:
        if self.output.format != "jsonl":
            return ""
        from cpx_monitor.adapters.presenters.records import render_round
        from cpx_monitor.app.reports import Stamp

        return render_round(
            Stamp(shown.round, shown.observed_at),
            took_seconds=shown.took_seconds,
            source=self.reading.source.name,
            coverage=shown.coverage,
            verdict=None,
            failure=shown.failure,
            missed=shown.missed,
            stale_list=shown.stale_list,
        )


def _in_order(
    instances: "Sequence[TrackedInstance]", chosen: "TrackRound", order: "Order"
) -> "Sequence[TrackedInstance]":
    """The instances as the rows chosen are; those that have left only where none is left out."""
    if order.is_none and order.top is None:
        return instances
    by_ip = {tracked.row.ip: tracked for tracked in instances}
    here = [by_ip.pop(row.ip) for row in chosen.items]
    return [*here, *(tracked for tracked in by_ip.values() if order.top is None)]


def _conclude(history: "History", output: "Output", console: Console) -> None:
    from cpx_monitor.adapters.presenters.summary import summary_text

    summary = history.summary()
    if summary is None:
        return
    text = summary_text(summary, output.look)
    if output.is_for_people and console.is_terminal:
        console.write(text)
    else:
        for line in text.splitlines():
            console.tell(line)
