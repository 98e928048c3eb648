"""Looking again and again, on a screen of its own or as a stream of records."""

import gc
import os
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from itertools import islice
from typing import NamedTuple

from cpx_monitor.adapters.presenters.frames import Heading, Height, report_frame
from cpx_monitor.adapters.presenters.sentences import rejected_warning, warnings_of_round
from cpx_monitor.app.pace import every
from cpx_monitor.app.ports import Clock, FleetUnavailable
from cpx_monitor.app.reports import Report, Stamp, counted
from cpx_monitor.app.selection import NoSuchService, Order
from cpx_monitor.entrypoints import exit_codes, hints
from cpx_monitor.entrypoints.reporting.once import sum_up
from cpx_monitor.entrypoints.reporting.output import Output, Repeat
from cpx_monitor.entrypoints.terminal.console import Console, OutputClosed
from cpx_monitor.entrypoints.terminal.screen import Screen
from cpx_monitor.entrypoints.terminal.signals import Interrupted

# What follows the place, which is in the line above: there is not much room on a screen.
_CAUSE = re.compile(r".* at \S+?(?: \(port [0-9]+\))?(?: [a-z ]+)?: (.*)", re.DOTALL)


class Outage(NamedTuple):
    """The rounds that failed one after the other, the last of them with that message;
    ``is_of_api`` where it is the API that failed.
    """

    since: datetime
    rounds: int
    failure: str
    is_of_api: bool = True

    @property
    def told(self) -> str:
        """``CPX API unreachable since 12:03:10 (4 rounds): connection refused``."""
        rounds = counted(self.rounds, "round")
        if not self.is_of_api:
            return f"since {self.since:%H:%M:%S} ({rounds}): {self.failure}"
        what = "unreachable" if self.failure.startswith("cannot reach CPX") else "failing"
        cause = _CAUSE.fullmatch(self.failure)
        why = cause[1] if cause else self.failure
        return f"CPX API {what} since {self.since:%H:%M:%S} ({rounds}): {why}"

    @classmethod
    def after(
        cls, before: "Outage | None", at: datetime, failure: str | None, is_of_api: bool = True
    ) -> "Outage | None":
        """With one more round; None where that did not fail."""
        if failure is None:
            return None
        if before is None:
            return cls(at, 1, failure, is_of_api)
        return cls(before.since, before.rounds + 1, failure, is_of_api)


class _Round(NamedTuple):
    """``report`` is the last there was; ``failure`` says why there is none of this round, which
    began at ``began_at``, and ``outage`` since when there was none.
    """

    number: int
    missed: int
    report: Report
    began_at: datetime
    failure: str | None = None
    outage: Outage | None = None

    @property
    def code(self) -> int:
        if self.failure is not None:
            return exit_codes.NO_VERDICT
        return exit_codes.of_report(self.report)

    @property
    def banner(self) -> list[str]:
        """What stands above the rows."""
        if self.outage is None:
            return self.warnings
        missed = warnings_of_round(self.number, self.missed, None, None)
        return [self.outage.told, *missed]

    @property
    def warnings(self) -> list[str]:
        return list(
            warnings_of_round(self.number, self.missed, self.failure, self.report.basis.stale_list)
        )

    def frame(
        self, repeat: Repeat, order: Order, output: Output, size: os.terminal_size
    ) -> list[str]:
        basis = self.report.basis
        rejected = [rejected_warning(basis.rejected)] if basis.rejected else []
        return report_frame(
            self.report,
            Heading(
                when(self.number, self.began_at),
                [*self.banner, *rejected],
                output.where(basis.source),
                [f"every {repeat.every_s:g} s"],
            ),
            output.look._replace(width=size.columns),
            Height(size.lines, keeps_worst=order.is_none),
            wide=output.is_wide,
        )

    def append(self, output: Output, console: Console) -> None:
        basis = self.report.basis
        text = ""
        if self.failure is None:
            text = output.rendered(self.report, Stamp(self.number, basis.observed_at))
        console.write(text + self._as_line(output))
        if self.failure is None:
            sum_up(self.report, output, console)
        for warning in self.warnings:
            console.warn(warning)

    def _as_line(self, output: Output) -> str:
        if output.format != "jsonl":
            return ""
        from cpx_monitor.adapters.presenters.records import render_round

        basis, is_whole = self.report.basis, self.failure is None
        return render_round(
            Stamp(self.number, self.began_at),
            took_seconds=basis.took_seconds if is_whole else None,
            source=basis.source,
            coverage=basis.coverage if is_whole else None,
            verdict=getattr(self.report, "verdict", None) if is_whole else None,
            failure=self.failure,
            missed=self.missed,
            stale_list=basis.stale_list if is_whole else None,
        )


def when(number: int, observed_at: datetime) -> str:
    return f"round {number} at {observed_at.strftime('%Y-%m-%dT%H:%M:%SZ')}"


def _rounds(look: Callable[[], Report], repeat: Repeat, clock: Clock) -> Iterator[_Round]:
    report: Report | None = None
    outage: Outage | None = None
    pace = islice(every(clock, repeat.every_s), repeat.rounds)
    for number, missed in enumerate(pace, start=1):
        failure, is_of_api, began_at = None, True, clock.now()
        try:
            report = look()
        except (FleetUnavailable, NoSuchService) as error:
            if report is None:
                raise
            failure, _ = hints.told(error) or (str(error), None)
            is_of_api = isinstance(error, FleetUnavailable)
        outage = Outage.after(outage, began_at, failure, is_of_api)
        yield _Round(number, missed, report, began_at, failure, outage)


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
    last, code, outage = None, exit_codes.DONE, None
    was_told_to_stop = False
    try:
        with Screen(console) as screen:
            for shown in _rounds(look, repeat, clock):
                if shown.report.basis.no_verdict_because is not None and last is None:
                    shown.append(output, console)
                    return shown.code
                last, code, outage = shown.report, shown.code, shown.outage
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
        if outage is not None:
            console.warn(outage.told)
    return exit_codes.DONE if was_told_to_stop else code
