"""The fleet and the clock that a command works with, put together from its options.

What knows gevent and HTTP is imported here only where an API is polled: a fleet in memory and the
help are there without it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from cpx_monitor.adapters.clock import SystemClock
from cpx_monitor.app.ports import Clock, Fleet
from cpx_monitor.entrypoints.options import catalogue as options
from cpx_monitor.entrypoints.options.arguments import Arguments
from cpx_monitor.entrypoints.options.fleet_options import (
    FleetOptions,
    recording_to_write,
)
from cpx_monitor.entrypoints.terminal.console import Console
from cpx_monitor.entrypoints.terminal.signals import held, notice_while_waiting

if TYPE_CHECKING:
    from cpx_monitor.adapters.recordings.replay import Replay

Connect = Callable[[FleetOptions, Console, bool], tuple[Fleet, Clock]]
"""Makes the fleet and the clock of the options; the flag says whether to be verbose."""


def connected(
    arguments: Arguments,
    fleet_options: FleetOptions,
    console: Console,
    connect: Connect,
    tracked: str | None = None,
) -> tuple[Fleet, Clock]:
    """The fleet and its clock; recorded if ``--record`` is given. ``tracked`` is the service that
    is tracked, if one is.

    Raises:
        UsageError, FileUnusable: something that was named cannot be used.
    """
    record = recording_to_write(arguments)
    is_verbose = arguments.flag(options.VERBOSE)
    if is_verbose and fleet_options.source.url is not None:
        by = f" by profile {arguments.profile.name}" if arguments.profile.name else ""
        console.tell(f"polling {fleet_options.source.name}{by}")
    fleet, clock = connect(fleet_options, console, is_verbose)
    if record is None:
        return fleet, clock
    from cpx_monitor.adapters.recordings.writer import RecordingFleet

    return RecordingFleet(fleet, record, clock, console.warn, tracked), clock


def connect(fleet_options: FleetOptions, console: Console, is_verbose: bool) -> tuple[Fleet, Clock]:
    """
    Raises:
        UsageError, FileUnusable: something that was named cannot be used.
    """
    source = fleet_options.source
    if source.url is not None:
        with held():
            from cpx_monitor.entrypoints.api_fleet import connect_to_api

        return connect_to_api(fleet_options, source.url, console, is_verbose)
    if source.recording is not None:
        from cpx_monitor.adapters.recordings.reader import Recording
        from cpx_monitor.adapters.recordings.replay import RecordedFleet

        return RecordedFleet(Recording(source.recording, console.warn)), SystemClock()
    from cpx_monitor.adapters.demo import demo_fleet

    clock = SystemClock(_sleep)
    return demo_fleet(clock), clock


class Watched(NamedTuple):
    """A fleet over time and its clock; ``played`` is the recording, where it is one."""

    fleet: Fleet
    clock: Clock
    played: "Replay | None" = None


def watched(
    arguments: Arguments,
    fleet_options: FleetOptions,
    console: Console,
    connect: Connect,
    speed: float,
    tracked: str | None = None,
) -> Watched:
    """What is to be watched; a recording is played at ``speed`` unless ``--speed`` is given.

    Raises:
        UsageError, FileUnusable: something that was named cannot be used.
    """
    recording = fleet_options.source.recording
    if recording is None:
        return Watched(*connected(arguments, fleet_options, console, connect, tracked))
    recording_to_write(arguments)  # which cannot be another one
    played = replay(recording, console, arguments.given(options.SPEED) or speed)
    return Watched(played, played, played)


def replay(path: str, console: Console, speed: float) -> "Replay":
    """A recording to be tracked as if it were now."""
    with held():
        import gevent

        from cpx_monitor.adapters.recordings.reader import Recording
        from cpx_monitor.adapters.recordings.replay import Replay

    notice_while_waiting()
    return Replay(Recording(path, console.warn).rounds(), gevent.sleep, speed)


def _sleep(seconds: float) -> None:
    """So that a screen follows what happens meanwhile; what polls once need not import it."""
    with held():
        import gevent

    notice_while_waiting()
    gevent.sleep(seconds)
