"""How often a fleet is polled."""

from typing import NamedTuple

from cpx_monitor.entrypoints.options import catalogue as options
from cpx_monitor.entrypoints.options.arguments import Arguments, Origin
from cpx_monitor.entrypoints.options.fleet_options import source_option
from cpx_monitor.entrypoints.options.option import Option, UsageError


class Repeat(NamedTuple):
    """``rounds`` is None where there is no end."""

    every_s: float
    rounds: int | None


def pace_sentence(repeat: Repeat, *, is_replay: bool) -> str:
    return "replayed" if is_replay else f"every {repeat.every_s:g} s"


def endless(arguments: Arguments, every: Option[float] = options.EVERY) -> Repeat:
    """Of a command that goes on until it is told to stop; ``every`` is its own option.

    Raises:
        UsageError: an option does not fit.
    """
    if source_option(arguments) is options.FROM:
        if arguments.origin(options.EVERY) is Origin.FLAG:
            raise UsageError(
                "--every does not apply to a recording, which has its own timing", "use --speed"
            )
    elif arguments.origin(options.SPEED) is Origin.FLAG:
        raise UsageError("--speed is for a recording", "--from=<file> names one")
    _check_format(arguments, "track prints several rounds")
    return Repeat(arguments.value(every), arguments.given(options.COUNT))


def repeat_of(arguments: Arguments, output: Option[str] = options.OUTPUT) -> Repeat | None:
    """Of a command that polls once, and again where that is asked for; None for once.

    Raises:
        UsageError: an option does not fit.
    """
    if source_option(arguments) is options.FROM:
        _check_not_repeated(arguments)
        return None
    every_s, rounds = arguments.given(options.EVERY), arguments.given(options.COUNT)
    if rounds == 1 or (every_s is None and rounds is None):
        return None
    # What was typed is stronger than how often the profile polls.
    wants_json = arguments.value(output) in _ONE_DOCUMENT
    asks_to_repeat = min(arguments.origin(options.EVERY), arguments.origin(options.COUNT))
    if wants_json and arguments.origin(options.OUTPUT) < asks_to_repeat:
        return None
    _check_format(arguments, "this prints several", output)
    return Repeat(arguments.value(options.EVERY), rounds)


_ONE_DOCUMENT = ("json", "nagios")


def _check_format(arguments: Arguments, why: str, output: Option[str] = options.OUTPUT) -> None:
    chosen = arguments.value(output)
    if chosen in _ONE_DOCUMENT and arguments.origin(output) is Origin.FLAG:
        raise UsageError(f"{chosen} is one document, and {why}", "use -o jsonl")


def _check_not_repeated(arguments: Arguments) -> None:
    for option in (options.EVERY, options.COUNT):
        if arguments.origin(option) is Origin.FLAG:
            recording = arguments.given(options.FROM)
            raise UsageError(
                f"{option.name} polls repeatedly, but --from={recording} does not change",
                "`cpx-monitor track <service> --from=<file>` plays a recording back",
            )
