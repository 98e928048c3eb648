"""CPU and memory of a service's instances over time, until ctrl-c."""

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from cpx_monitor.adapters.presenters.frames import Heading, Height, track_frame
from cpx_monitor.adapters.presenters.sentences import (
    round_footer,
    track_warnings,
    warning_of_another_service,
    when,
)
from cpx_monitor.adapters.presenters.summary import summary_text
from cpx_monitor.adapters.recordings.replay import Replay
from cpx_monitor.app.changes import InstanceFeed
from cpx_monitor.app.history import History
from cpx_monitor.app.ordering import Order, arranged
from cpx_monitor.app.pace import every
from cpx_monitor.app.reports import Round, TrackedInstance, TrackRound
from cpx_monitor.app.tracking import track
from cpx_monitor.entrypoints import exit_codes
from cpx_monitor.entrypoints.bootstrap import Connect, watched
from cpx_monitor.entrypoints.options import catalogue as options
from cpx_monitor.entrypoints.options.arguments import Arguments
from cpx_monitor.entrypoints.options.fleet_options import (
    FleetOptions,
    policy_of,
)
from cpx_monitor.entrypoints.reporting.feed import ChangesView, refuse_order_of_changes
from cpx_monitor.entrypoints.reporting.interactive.start import interactive, track_subject
from cpx_monitor.entrypoints.reporting.output import Output, order_of
from cpx_monitor.entrypoints.reporting.repeat import Repeat, endless, pace_sentence
from cpx_monitor.entrypoints.reporting.rounds import (
    View,
    banner,
    is_live,
    round_line,
    show_rounds,
)
from cpx_monitor.entrypoints.terminal.console import Console

REPORT = TrackRound


def run(arguments: Arguments, console: Console, connect: Connect) -> int:
    repeat, service = endless(arguments), arguments.value(options.TRACKED_SERVICE)
    fleet_options = FleetOptions.from_arguments(arguments)
    policy = policy_of(arguments, console.warn)
    output, order = Output.from_arguments(arguments, console), order_of(arguments, REPORT)
    recording, source = fleet_options.source.recording, fleet_options.source.name
    view: View = TrackView(source, recording is not None, repeat, order, output, console)
    if arguments.flag(options.CHANGES):
        refuse_order_of_changes(arguments)
        view = ChangesView(InstanceFeed(), (), source, output, console)
    live = is_live(output, console) and isinstance(view, TrackView)
    speed = 1 if is_live(output, console) else math.inf
    fleet, clock, played = watched(arguments, fleet_options, console, connect, speed, service)
    session = None
    if live:
        pace_said = pace_sentence(repeat, is_replay=played is not None)
        working = interactive(
            fleet,
            clock,
            lambda: track_subject(output, source, pace_said, order),
            output,
            console,
            source,
            tracked=service,
            every_s=repeat.every_s if played is None else None,
            is_recording=played is not None,
        )
        if working is not None:
            fleet, clock, session = working
    pace = every(clock, repeat.every_s) if played is None else played.pace(clock.sleep)
    rounds = track(fleet, clock, service, policy, islice(pace, repeat.rounds))
    if played is not None:
        rounds = _with_warning_of_another(rounds, source, played, console)
    show_rounds(rounds, view, console, live=live, is_replay=played is not None, session=session)
    # Being told to stop is how tracking ends, and what it came to is data enough.
    return exit_codes.DONE


def _with_warning_of_another(
    rounds: Iterable[Round[TrackRound]], recording: str, played: Replay, console: Console
) -> Iterator[Round[TrackRound]]:
    for shown in rounds:
        if shown.number == 1 and played.tracked is not None:
            service = shown.report.service
            if played.tracked != service:
                console.warn(warning_of_another_service(recording, played.tracked, service))
        yield shown


class TrackView:
    """A service's instances on a screen, or a line for each; at the end a summary."""

    def __init__(
        self,
        source: str,
        is_replay: bool,
        repeat: Repeat,
        order: Order,
        output: Output,
        console: Console,
    ) -> None:
        self._source = source
        self._pace = pace_sentence(repeat, is_replay=is_replay)
        self._order = order
        self._output = output
        self._console = console
        self._history = History()
        self._instances: Sequence[TrackedInstance] = ()
        self._warnings: list[str] = []
        self._before: Round[TrackRound] | None = None

    def learn(self, shown: Round[TrackRound]) -> None:
        self._instances = self._history.learn(shown)
        shown = shown._replace(report=self._history.judged(shown.report))
        self._warnings = list(track_warnings(shown, self._before))
        self._before = shown

    def warnings(self, shown: Round[TrackRound]) -> list[str]:
        return self._warnings

    def frame(self, shown: Round[TrackRound], size: os.terminal_size) -> list[str]:
        heading = Heading(
            when(shown.stamp),
            banner(shown, self._warnings),
            self._output.where(self._source),
            [self._pace, f"took {shown.took_s:.2f} s"],
        )
        style = self._output.style._replace(width=size.columns)
        height = Height(size.lines, keeps_worst=self._order.is_none)
        chosen = arranged(self._history.judged(shown.report), self._order)
        instances = _in_order(self._instances, chosen, self._order)
        return track_frame(shown._replace(report=chosen), instances, heading, style, height)

    def append(self, shown: Round[TrackRound]) -> None:
        output = self._output.continued() if shown.number > 1 else self._output
        chosen = arranged(self._history.judged(shown.report), self._order)
        rows = output.rendered(chosen, shown.stamp)
        self._console.write(rows + round_line(shown, self._source, self._output))
        for warning in self._warnings:
            self._console.warn(warning)
        if self._output.is_for_people and self._console.is_terminal:
            self._console.tell(round_footer(shown))

    def conclude(self, last: Round[TrackRound] | None, was_live: bool) -> None:
        summary = self._history.summary()
        if summary is None:
            return
        text = summary_text(summary, self._output.style)
        if self._output.is_for_people and self._console.is_terminal:
            self._console.write(text)
        else:
            for line in text.splitlines():
                self._console.tell(line)


def _in_order(
    instances: Sequence[TrackedInstance], chosen: TrackRound, order: Order
) -> Sequence[TrackedInstance]:
    """The instances as the rows chosen are; those that have left only where none is left out."""
    if order.is_none and order.top is None:
        return instances
    by_ip = {tracked.row.ip: tracked for tracked in instances}
    here = [by_ip.pop(row.ip) for row in chosen.items]
    return [*here, *(tracked for tracked in by_ip.values() if order.top is None)]
