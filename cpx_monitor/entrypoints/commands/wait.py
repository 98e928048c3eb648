"""Waits until services are healthy, for deployment scripts and CI."""

from collections.abc import Iterator
from typing import NamedTuple

from cpx_monitor.adapters.presenters.sentences import Silence
from cpx_monitor.app.waiting import (
    Goal,
    Standing,
    WaitRound,
    changes,
    standing_sentence,
    waiting,
)
from cpx_monitor.domain.health import HealthPolicy
from cpx_monitor.entrypoints import exit_codes
from cpx_monitor.entrypoints.bootstrap import Connect, connected
from cpx_monitor.entrypoints.options import catalogue as options
from cpx_monitor.entrypoints.options.arguments import Arguments
from cpx_monitor.entrypoints.options.fleet_options import FleetOptions, policy_of
from cpx_monitor.entrypoints.terminal.console import Console


def run(arguments: Arguments, console: Console, connect: Connect) -> int:
    goal = Goal(
        tuple(dict.fromkeys(arguments.words[options.WAITED_SERVICES.name])),
        arguments.value(options.HEALTHY),
        arguments.value(options.FOR),
    )
    every_s, within_s = arguments.value(options.EVERY_2_S), arguments.value(options.WITHIN)
    policy = policy_of(arguments, console.warn)
    fleet_options = FleetOptions.from_arguments(arguments)
    # A poll that outlives the time to wait is of no use.
    fleet_options = fleet_options._replace(deadline_s=min(fleet_options.deadline_s, within_s))
    fleet, clock = connected(arguments, fleet_options, console, connect)

    last, silence = _Last(), Silence()
    polled = waiting(fleet, clock, goal, policy, every_s=every_s, within_s=within_s)
    for number, shown in enumerate(polled, start=1):
        for standing in changes(last.known, shown.standings):
            console.tell(standing_sentence(standing, goal.healthy, policy))
        if shown.coverage is not None:
            for warning in silence.learn_coverage(number, shown.coverage):
                console.warn(warning)
        if shown.failure is not None and shown.failure != last.failure:
            console.warn(shown.failure)
        if shown.is_met:
            console.write(f"{', '.join(goal.services)}: at least {goal.healthy} healthy\n")
            return exit_codes.DONE
        last = last.after(shown)
    for reason in _why_not(last, goal, policy):
        console.error(f"not within {within_s:g} s: {reason}")
    return exit_codes.AT_RISK if last.has_answered else exit_codes.NO_VERDICT


class _Last(NamedTuple):
    """What is known of the services, and why nothing newer is, if so."""

    known: tuple[Standing, ...] = ()
    failure: str | None = None
    has_answered: bool = False

    def after(self, shown: WaitRound) -> "_Last":
        if shown.failure is not None:
            return self._replace(failure=shown.failure)
        return _Last(shown.standings, None, True)


def _why_not(last: _Last, goal: Goal, policy: HealthPolicy) -> Iterator[str]:
    """Cases: the API fails; services are short; all are well, but not for long enough."""
    if last.failure is not None:
        yield last.failure
    late = [each for each in last.known if each.healthy < goal.healthy]
    for standing in late:
        yield standing_sentence(standing, goal.healthy, policy)
    if last.failure is None and not late:
        yield f"not healthy in {goal.rounds} rounds in a row"
