"""The whole fleet on one screen that is worked with."""

from itertools import islice

from cpx_monitor.app.memory import RememberingFleet
from cpx_monitor.app.overview import overview
from cpx_monitor.app.pace import every
from cpx_monitor.app.reports import Overview
from cpx_monitor.app.rounds import rounds
from cpx_monitor.entrypoints.bootstrap import Connect, watched
from cpx_monitor.entrypoints.commands import averages
from cpx_monitor.entrypoints.options import catalogue as options
from cpx_monitor.entrypoints.options.arguments import Arguments
from cpx_monitor.entrypoints.options.fleet_options import FleetOptions, policy_of
from cpx_monitor.entrypoints.reporting.interactive.start import fleet_subject, interactive
from cpx_monitor.entrypoints.reporting.output import Output, order_of
from cpx_monitor.entrypoints.reporting.poll import Poll
from cpx_monitor.entrypoints.reporting.repeat import endless, pace_sentence
from cpx_monitor.entrypoints.reporting.rounds import ReportView, is_live, show_rounds
from cpx_monitor.entrypoints.terminal.console import Console

REPORT = Overview


def run(arguments: Arguments, console: Console, connect: Connect) -> int:
    output = Output.from_arguments(arguments, console)
    if not is_live(output, console) or arguments.flag(options.CHANGES):
        return averages.run(_as_averages(arguments), console, connect)
    repeat, order = endless(arguments, options.EVERY_2_S), order_of(arguments, REPORT)
    fleet_options, policy = (
        FleetOptions.from_arguments(arguments),
        policy_of(arguments, console.warn),
    )
    source = fleet_options.source.name
    fleet, clock, played = watched(arguments, fleet_options, console, connect, speed=1)
    fleet = RememberingFleet(fleet)
    said = pace_sentence(repeat, is_replay=played is not None)
    working = interactive(
        fleet,
        clock,
        lambda: fleet_subject(output, source, said),
        output,
        console,
        source,
        every_s=repeat.every_s if played is None else None,
        is_recording=played is not None,
    )
    session = None
    if working is not None:
        fleet, clock, session = working
    poll = Poll(
        fleet, overview, policy, arguments.texts(options.SERVICE), (), order, may_vanish=True
    )
    pace = every(clock, repeat.every_s) if played is None else played.pace(clock.sleep)
    polled = rounds(poll, lambda before, reason: before, clock, islice(pace, repeat.rounds))
    return show_rounds(
        polled,
        ReportView(repeat, order, output, console),
        console,
        live=True,
        is_replay=played is not None,
        session=session,
    )


def _as_averages(arguments: Arguments) -> Arguments:
    """It repeats, unless it reads a recording."""
    words = dict(arguments.words)
    if not words.get(options.FROM.name) and not words.get(options.EVERY.name):
        words[options.EVERY.name] = options.EVERY_2_S.default
    return arguments._replace(words=words)
