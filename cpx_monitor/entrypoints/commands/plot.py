"""A recording as a picture: CPU and memory of a service's instances over time."""

import os
from collections.abc import Sequence

from cpx_monitor.adapters.presenters.escape import printable
from cpx_monitor.adapters.presenters.plot import PlotLibraryMissing, draw_plot
from cpx_monitor.adapters.presenters.sentences import warning_of_another_service
from cpx_monitor.adapters.recordings.reader import RecordedRound, Recording
from cpx_monitor.adapters.recordings.replay import Replay
from cpx_monitor.app.ports import FileUnusable
from cpx_monitor.app.reports import Round, TrackRound
from cpx_monitor.app.tracking import track
from cpx_monitor.domain.fleet import Snapshot
from cpx_monitor.domain.health import HealthPolicy
from cpx_monitor.entrypoints import exit_codes
from cpx_monitor.entrypoints.bootstrap import Connect
from cpx_monitor.entrypoints.options import catalogue as options
from cpx_monitor.entrypoints.options.arguments import NO_PROFILE, Arguments
from cpx_monitor.entrypoints.options.fleet_options import policy_of
from cpx_monitor.entrypoints.options.option import UsageError
from cpx_monitor.entrypoints.terminal.console import Console


def run(arguments: Arguments, console: Console, connect: Connect) -> int:
    recording = arguments.value(options.RECORDING)
    # A profile's output is a format, and its services are several.
    own = arguments._replace(profile=NO_PROFILE)
    path = own.given(options.OUTPUT_FILE) or f"{os.path.splitext(recording)[0]}.svg"
    # At once, for a pipe can be read only once.
    recorded = list(Recording(recording, console.warn).rounds())
    if os.path.exists(path) and os.path.samefile(path, recording):
        raise UsageError(f"{path} is the recording itself", "--output=<file> names another file")
    service = own.given(options.ONE_SERVICE) or _tracked(recorded, recording)
    rounds = _rounds_of(service, recorded, policy_of(arguments, console.warn))
    service = rounds[0].report.service
    tracked = [each.tracked for each in recorded if each.tracked is not None]
    if tracked and service not in tracked:
        console.warn(warning_of_another_service(recording, tracked[-1], service))
    try:
        draw_plot(rounds, path)
    except PlotLibraryMissing:
        raise UsageError(
            "plot draws with matplotlib, which is not installed",
            "python -m pip install matplotlib, or this program with its extra: '.[plot]'",
        ) from None
    except OSError as error:
        raise UsageError(f"cannot write {path}: {(error.strerror or '').lower()}") from None
    console.write(f"{printable(path) if console.is_terminal else path}\n")
    return exit_codes.DONE


def _tracked(recorded: Sequence[RecordedRound], path: str) -> str:
    """The service that was tracked last, or the only one there is.

    Raises:
        FileUnusable: there is none.
        UsageError: there are several, and none was tracked.
    """
    if tracked := [each.tracked for each in recorded if each.tracked is not None]:
        return tracked[-1]
    snapshots = [each.outcome for each in recorded if isinstance(each.outcome, Snapshot)]
    names = sorted({service.name for snapshot in snapshots for service in snapshot.services})
    if not names:
        raise FileUnusable(f"{path} holds no round in which a service was seen")
    if len(names) > 1:
        raise UsageError(
            f"{path} holds several services: {', '.join(names)}",
            "--service=<name> says which to draw",
        )
    return names[0]


def _rounds_of(
    service: str, recorded: Sequence[RecordedRound], policy: HealthPolicy
) -> list[Round[TrackRound]]:
    replay = Replay(recorded, lambda _: None, speed=1)
    return list(track(replay, replay, service, policy, replay.pace()))
