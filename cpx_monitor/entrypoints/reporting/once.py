"""What the commands that report on a whole fleet share: once, or as often as is asked for."""

import contextlib
from collections.abc import Callable, Collection, Sequence
from itertools import islice

from cpx_monitor.app.changes import Feed
from cpx_monitor.app.memory import ServiceMemory
from cpx_monitor.app.ordering import Order, arranged, the_services
from cpx_monitor.app.pace import every
from cpx_monitor.app.ports import Fleet, FleetUnavailable, Trouble
from cpx_monitor.app.reports import Report
from cpx_monitor.app.rounds import rounds
from cpx_monitor.app.use_cases import why_no_verdict
from cpx_monitor.domain.fleet import Snapshot
from cpx_monitor.domain.health import HealthPolicy
from cpx_monitor.entrypoints.bootstrap import Connect, connected
from cpx_monitor.entrypoints.options import catalogue as options
from cpx_monitor.entrypoints.options.arguments import Arguments
from cpx_monitor.entrypoints.options.fleet_options import FleetOptions, policy_of
from cpx_monitor.entrypoints.options.option import Option
from cpx_monitor.entrypoints.reporting.closing import sum_up, warn_if_silent
from cpx_monitor.entrypoints.reporting.feed import ChangesView, changes_are_wanted
from cpx_monitor.entrypoints.reporting.interactive.start import interactive, report_subject
from cpx_monitor.entrypoints.reporting.output import Output, order_of
from cpx_monitor.entrypoints.reporting.repeat import repeat_of
from cpx_monitor.entrypoints.reporting.rounds import ReportView, View, is_live, show_rounds
from cpx_monitor.entrypoints.reporting.verdict import exit_code_of
from cpx_monitor.entrypoints.terminal.console import Console, OutputClosed

UseCase = Callable[[Snapshot, HealthPolicy, Collection[str] | None], Report]


def report_on(
    arguments: Arguments,
    console: Console,
    connect: Connect,
    kind: type[Report],
    use_case: UseCase,
    feed: Feed,
    expected: Collection[str] = (),
    output_option: Option[str] = options.OUTPUT,
) -> int:
    """Poll the fleet, make the report, write it; the exit code. ``feed`` finds what changes from
    round to round; ``expected`` are services that may be named though none of their instances is
    listed.
    """
    fleet_options, policy = (
        FleetOptions.from_arguments(arguments),
        policy_of(arguments, console.warn),
    )
    output = Output.from_arguments(arguments, console, output_option)
    order, repeat = order_of(arguments, kind), repeat_of(arguments, output_option)
    wanted, source = arguments.texts(options.SERVICE), fleet_options.source.name
    prints_changes = changes_are_wanted(arguments, repeat)
    fleet, clock = connected(arguments, fleet_options, console, connect)

    poll = _Poll(fleet, use_case, policy, wanted, expected, order)
    if prints_changes:
        poll.memory = ServiceMemory()
    if repeat is None:
        report = poll()
        # A reader that stops early, as head does, still gets the exit code.
        with contextlib.suppress(OutputClosed):
            console.write(output.rendered(report))
            is_recorded = fleet_options.source.recording is not None
            sum_up(report, output, console, is_recorded=is_recorded)
            warn_if_silent(report.basis, console)
        return exit_code_of(report)
    live = is_live(output, console) and not prints_changes
    working = session = None
    if live:
        every_s = repeat.every_s
        working = interactive(
            fleet,
            clock,
            lambda: report_subject(output, every_s),
            output,
            console,
            source,
            every_s=every_s,
        )
    if working is not None:
        poll.fleet, clock, session = working
    pace = islice(every(clock, repeat.every_s), repeat.rounds)
    polled = rounds(poll, lambda before, reason: before, clock, pace)
    view: View = ReportView(repeat, order, output, console)
    if prints_changes:
        view = ChangesView(feed, wanted, source, output, console, whole=poll.whole)
    return show_rounds(polled, view, console, live=live, session=session)


class _Poll:
    """A poll of the fleet, made into a report. With a ``memory``, for what changes, silent
    instances have the service that they are remembered by, and a service may vanish.
    """

    def __init__(
        self,
        fleet: Fleet,
        use_case: UseCase,
        policy: HealthPolicy,
        wanted: Sequence[str],
        expected: Collection[str],
        order: Order,
    ) -> None:
        self.fleet = fleet
        self.memory: ServiceMemory | None = None
        self._use_case = use_case
        self._policy = policy
        self._wanted = wanted
        self._expected = expected
        self._order = order
        self._latest: Snapshot | None = None

    def __call__(self) -> Report:
        snapshot, is_first = self.fleet.snapshot(), self._latest is None
        if not (is_first or snapshot.observations):
            # What was last known stays in view.
            raise FleetUnavailable(f"{snapshot.source} lists no servers", Trouble.LISTS_NOTHING)
        if self.memory is not None:
            snapshot = self.memory.filled(snapshot)
        self._latest = snapshot
        may_vanish = self.memory is not None and not is_first
        return arranged(
            self._use_case(snapshot, self._policy, self._chosen(snapshot, may_vanish)), self._order
        )

    def whole(self) -> Report:
        """The latest report, of all services."""
        assert self._latest is not None  # it was called before
        return self._use_case(self._latest, self._policy, None)

    def _chosen(self, snapshot: Snapshot, may_vanish: bool) -> Collection[str] | None:
        if not self._wanted:
            return None
        if why_no_verdict(snapshot) is not None:
            return self._wanted
        names = [*self._expected, *self._wanted] if may_vanish else self._expected
        return the_services(snapshot, self._wanted, names)
