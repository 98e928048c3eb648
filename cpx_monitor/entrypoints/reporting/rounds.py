"""Rounds, shown on a screen of their own or appended as records: the one loop over them."""

import gc
import os
from collections.abc import Iterable
from functools import partial
from typing import Any, Protocol

from cpx_monitor.adapters.presenters.frames import Heading, Height, report_frame
from cpx_monitor.adapters.presenters.records import render_round
from cpx_monitor.adapters.presenters.sentences import (
    Silence,
    last_known_sentence,
    missed_sentence,
    outage_sentence,
    rejected_warning,
    round_warnings,
    silence_sentence,
    when,
)
from cpx_monitor.app.ordering import Order
from cpx_monitor.app.reports import Report, Round
from cpx_monitor.entrypoints import exit_codes
from cpx_monitor.entrypoints.reporting.closing import sum_up
from cpx_monitor.entrypoints.reporting.output import Output
from cpx_monitor.entrypoints.reporting.repeat import Repeat
from cpx_monitor.entrypoints.reporting.verdict import exit_code_of, exit_code_of_round
from cpx_monitor.entrypoints.terminal.console import Console, OutputClosed
from cpx_monitor.entrypoints.terminal.screen import Keyboard, Screen
from cpx_monitor.entrypoints.terminal.signals import Interrupted, held

_ROUNDS_BETWEEN_ALL = 20


class Session(Protocol):
    """A screen with keys; see ``interactive.session``."""

    @property
    def keyboard(self) -> Keyboard: ...
    def begin(self, screen: Screen) -> None: ...
    def learn(self, shown: Round[Any]) -> None: ...
    def wait(self) -> None: ...


class View(Protocol):
    """How a kind of report is shown, round after round."""

    def learn(self, shown: Round[Any]) -> None:
        """Take the round in, before it is shown."""

    def warnings(self, shown: Round[Any]) -> list[str]:
        """What stderr says of it."""

    def frame(self, shown: Round[Any], size: os.terminal_size) -> list[str]:
        """The lines of a screen."""

    def append(self, shown: Round[Any]) -> None:
        """Write it as records."""

    def conclude(self, last: Round[Any] | None, was_live: bool) -> None:
        """Say what it came to, once it has ended."""


def is_live(output: Output, console: Console) -> bool:
    """Whether frames are drawn over one another; otherwise records are appended."""
    return output.is_for_people and console.can_redraw


def show_rounds(
    rounds: Iterable[Round[Any]],
    view: View,
    console: Console,
    *,
    live: bool,
    is_replay: bool = False,
    session: "Session | None" = None,
) -> int:
    """Show each round, where it is ``live`` as a frame, with a ``session`` one that is worked with;
    the exit code is the last one's, 0 where it was told to stop.

    Raises:
        FleetUnavailable, NoSuchService: the first round fails.
    """
    last: Round[Any] | None = None
    was_told_to_stop, silence = False, Silence()
    try:
        with Screen(console, None if session is None else session.keyboard) as screen:
            if session is not None:
                session.begin(screen)
            for shown in rounds:
                if last is None and shown.report.basis.no_verdict_because is not None:
                    _append(view, shown, silence, console)
                    return exit_code_of(shown.report)
                view.learn(shown)
                if live:
                    screen.keep([*view.warnings(shown), *silence.learn(shown)])
                    if session is None:
                        screen.show(partial(view.frame, shown))
                    else:
                        session.learn(shown)
                else:
                    _append(view, shown, silence, console)
                last = shown
                if not is_replay:
                    _collect_garbage(shown, session)
            if session is not None and is_replay:
                session.wait()
    except Interrupted:
        was_told_to_stop = True
    except OutputClosed:
        return exit_codes.DONE
    view.conclude(last, live)
    return exit_codes.DONE if was_told_to_stop or last is None else exit_code_of_round(last)


def _append(view: View, shown: Round[Any], silence: Silence, console: Console) -> None:
    view.append(shown)
    for warning in silence.learn(shown):
        console.warn(warning)


def _collect_garbage(shown: Round[Any], session: "Session | None") -> None:
    """There is time for it now; left to itself, garbage piles up. A finalizer would swallow the
    exception of a signal. Where rounds are held, only what is young, mostly: keys must not wait.
    """
    is_due = session is None or shown.number % _ROUNDS_BETWEEN_ALL == 1
    with held():
        gc.collect(2 if is_due else 1)


class ReportView:
    """A report on the whole fleet; the last one stays when the screen has gone."""

    def __init__(self, repeat: Repeat, order: Order, output: Output, console: Console) -> None:
        self._repeat = repeat
        self._order = order
        self._output = output
        self._console = console

    def learn(self, shown: Round[Report]) -> None:
        pass

    def warnings(self, shown: Round[Report]) -> list[str]:
        return list(round_warnings(shown))

    def frame(self, shown: Round[Report], size: os.terminal_size) -> list[str]:
        basis = shown.report.basis
        rejected = [rejected_warning(basis.rejected)] if basis.rejected else []
        heading = Heading(
            when(shown.stamp),
            [*banner(shown, self.warnings(shown)), *rejected],
            self._output.where(basis.source),
            [f"every {self._repeat.every_s:g} s"],
        )
        return report_frame(
            shown,
            heading,
            self._output.style._replace(width=size.columns),
            Height(size.lines, keeps_worst=self._order.is_none),
            wide=self._output.is_wide,
        )

    def append(self, shown: Round[Report]) -> None:
        is_whole = shown.outage is None
        text = ""
        if is_whole:
            output = self._output.continued() if shown.number > 1 else self._output
            text = output.rendered(shown.report, shown.stamp)
        source = shown.report.basis.source
        self._console.write(text + round_line(shown, source, self._output))
        if is_whole:
            sum_up(shown.report, self._output, self._console)
        for warning in self.warnings(shown):
            self._console.warn(warning)

    def conclude(self, last: Round[Report] | None, was_live: bool) -> None:
        if last is None or not was_live:
            return
        self._console.write(self._output.rendered(last.report))
        if last.outage is None:
            sum_up(last.report, self._output, self._console)
            return
        self._console.warn(outage_sentence(last.outage))
        self._console.warn(f"the table is {last_known_sentence(last.report.basis)}")


def banner(shown: Round[Any], warnings: list[str]) -> list[str]:
    """What stands above the rows: since when the API fails, else that most of the fleet is silent,
    and the warnings.
    """
    coverage = shown.report.basis.coverage
    if shown.outage is None:
        return [*([silence_sentence(coverage)] if coverage.is_mostly_unknown else []), *warnings]
    return [outage_sentence(shown.outage), *missed_sentence(shown)]


def round_line(shown: Round[Any], source: str, output: Output) -> str:
    """The line of a jsonl stream that ends a round; nothing in another format."""
    return render_round(shown, source) if output.format == "jsonl" else ""
