"""What changes from round to round, an event a line: for a log, or a webhook."""

import os
from collections.abc import Callable, Collection, Iterable
from typing import Any

from cpx_monitor.adapters.presenters.sentences import missed_sentence, risk_sentence, round_warnings
from cpx_monitor.app.changes import Feed, about
from cpx_monitor.app.reports import Change, Changes, Outage, Report, Round, ServicesAtRisk, counted
from cpx_monitor.entrypoints.options import catalogue as options
from cpx_monitor.entrypoints.options.arguments import Arguments, Origin
from cpx_monitor.entrypoints.options.option import UsageError
from cpx_monitor.entrypoints.reporting.closing import sum_up
from cpx_monitor.entrypoints.reporting.output import Output
from cpx_monitor.entrypoints.reporting.repeat import Repeat
from cpx_monitor.entrypoints.reporting.rounds import round_line
from cpx_monitor.entrypoints.terminal.console import Console


def changes_are_wanted(arguments: Arguments, repeat: Repeat | None) -> bool:
    """
    Raises:
        UsageError: there is no second round to differ from the first, or an order of rows is named.
    """
    if not arguments.flag(options.CHANGES):
        return False
    if repeat is None:
        if arguments.origin(options.CHANGES) is not Origin.FLAG:
            return False
        raise UsageError("--changes compares rounds, and this polls once", "add --every=<s>")
    refuse_order_of_changes(arguments)
    return True


def refuse_order_of_changes(arguments: Arguments) -> None:
    """
    Raises:
        UsageError: an order of rows is named.
    """
    for option in options.ORDER:
        if arguments.origin(option) is Origin.FLAG:
            raise UsageError(
                f"{option.name} arranges rows, and --changes prints events as they happen",
                "leave one of them out",
            )


class ChangesView:
    """The changes in each round but the first, which stderr sums up.

    Args:
        services: only theirs are written; of all where there are none.
        whole: the round's report of all services, where what is shown is of some.
    """

    def __init__(
        self,
        feed: Feed,
        services: Collection[str],
        source: str,
        output: Output,
        console: Console,
        whole: Callable[[], Report] | None = None,
    ) -> None:
        self._feed = feed
        self._is_wanted = about(services)
        self._source = source
        self._output = output
        self._console = console
        self._whole = whole
        self._outage: Outage | None = None
        self._outage_before: Outage | None = None

    def learn(self, shown: Round[Any]) -> None:
        self._outage_before, self._outage = self._outage, shown.outage

    def warnings(self, shown: Round[Any]) -> list[str]:
        """An outage is told when it begins and when it is over."""
        before = self._outage_before
        if before is not None and shown.outage is None:
            failed = counted(before.rounds, "failed round")
            return [
                f"round {shown.number}: CPX answers again after {failed}",
                *round_warnings(shown),
            ]
        if before is not None:
            return list(missed_sentence(shown))
        return list(round_warnings(shown))

    def frame(self, shown: Round[Any], size: os.terminal_size) -> list[str]:
        raise AssertionError("events are no screen")

    def append(self, shown: Round[Any]) -> None:
        found: Iterable[Change] = ()
        if shown.outage is None:
            found = self._feed.learn(self._whole() if self._whole else shown.report)
        events = Changes(shown.report.basis, tuple(filter(self._is_wanted, found)))
        text = ""
        if events.items:
            text = self._output.rendered(events, shown.stamp)
            self._output = self._output.continued()
        self._console.write(text + round_line(shown, self._source, self._output))
        if shown.number == 1:
            if isinstance(shown.report, ServicesAtRisk):
                for item in shown.report.items:
                    self._console.tell(risk_sentence(item))
            sum_up(shown.report, self._output, self._console)
        for warning in self.warnings(shown):
            self._console.warn(warning)

    def conclude(self, last: Round[Any] | None, was_live: bool) -> None:
        pass
