"""Looking again and again, on a screen of its own or as a stream of records."""

import gc
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from itertools import islice
from typing import NamedTuple

from cpx_monitor.adapters.presenters import table
from cpx_monitor.adapters.presenters.live import Heading, Height, report_frame
from cpx_monitor.app.pace import every
from cpx_monitor.app.ports import Clock, FleetUnavailable
from cpx_monitor.app.reports import Report, Stamp
from cpx_monitor.app.selection import NoSuchService, Order
from cpx_monitor.entrypoints import exit_codes, hints
from cpx_monitor.entrypoints.console import Console, OutputClosed
from cpx_monitor.entrypoints.interrupts import Interrupted
from cpx_monitor.entrypoints.output import Output, Repeat
from cpx_monitor.entrypoints.reporting import sum_up
from cpx_monitor.entrypoints.screen import Screen


class _Round(NamedTuple):
    """``report`` is the last there was; ``failure`` says why there is none of this round."""

    number: int
    missed: int
    report: Report
    failure: str | None

    @property
    def code(self) -> int:
        if self.failure is not None:
            return exit_codes.NO_VERDICT
        return exit_codes.of_report(self.report)

    @property
    def warnings(self) -> list[str]:
        return list(
            table.warnings_of_round(
                self.number, self.missed, self.failure, self.report.basis.stale_list
            )
        )

    def frame(
        self, repeat: Repeat, order: Order, output: Output, size: os.terminal_size
    ) -> list[str]:
        basis = self.report.basis
        rejected = [table.rejected_warning(basis.rejected)] if basis.rejected else []
        return report_frame(
            self.report,
            Heading(
                f"{when(self.number, basis.observed_at)}, every {repeat.every_s:g} s",
                [*self.warnings, *rejected],
            ),
            output.look._replace(width=size.columns),
            Height(size.lines, keeps_worst=order.is_none),
            wide=output.is_wide,
        )

    def append(self, output: Output, console: Console) -> None:
        basis = self.report.basis
        if self.failure is None:
            stamp = Stamp(self.number, basis.observed_at)
            console.write(output.rendered(self.report, stamp))
            sum_up(self.report, output, console)
        for warning in self.warnings:
            console.warn(warning)


def when(number: int, observed_at: datetime) -> str:
    return f"round {number} at {observed_at.strftime('%Y-%m-%dT%H:%M:%SZ')}"


def _rounds(look: Callable[[], Report], repeat: Repeat, clock: Clock) -> Iterator[_Round]:
    report: Report | None = None
    pace = islice(every(clock, repeat.every_s), repeat.rounds)
    for number, missed in enumerate(pace, start=1):
        failure = None
        try:
            report = look()
        except (FleetUnavailable, NoSuchService) as error:
            if report is None:
                raise
            failure, _ = hints.told(error) or (str(error), None)
        yield _Round(number, missed, report, failure)


def is_live(output: Output, console: Console) -> bool:
    """Whether frames are drawn over one another; otherwise records are appended."""
    return output.is_for_people and console.can_redraw


def watch(
    look: Callable[[], Report],
    repeat: Repeat,
    order: Order,
    clock: Clock,
    output: Output,
    console: Console,
) -> int:
    """Report round after round; a screen leaves the last report behind.

    Raises:
        FleetUnavailable, NoSuchService: the first round fails; later ones are told, and the next
            one goes on.
    """
    live = is_live(output, console)
    last, code = None, exit_codes.DONE
    was_told_to_stop = False
    try:
        with Screen(console) as screen:
            for shown in _rounds(look, repeat, clock):
                if shown.report.basis.no_verdict_because is not None and last is None:
                    shown.append(output, console)
                    return shown.code
                last, code = shown.report, shown.code
                if live:
                    frame = partial(shown.frame, repeat, order, output)
                    screen.show(frame, shown.warnings)
                else:
                    shown.append(output, console)
                # There is time for it now; left to itself, garbage piles up for hundreds of rounds.
                gc.collect()
    except Interrupted:
        was_told_to_stop = True
    except OutputClosed:
        return exit_codes.DONE
    if live and last is not None:
        console.write(output.rendered(last))
        sum_up(last, output, console)
    return exit_codes.DONE if was_told_to_stop else code
