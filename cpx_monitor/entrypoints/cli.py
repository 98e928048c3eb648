"""cpx-monitor: what runs on Cloud Provider X, and whether it is well.

Usage:
  cpx-monitor <command> [<arguments>...]
  cpx-monitor help <command>
  cpx-monitor --help | --version

Commands:
  list       every instance: address, service, status, CPU and memory
  averages   per service: instances, healthy, mean CPU and memory
  at-risk    services with fewer healthy instances than they need
  track      CPU and memory of a service's instances over time
  help       the help of a command

The API is at --url or CPX_URL, by default http://localhost:8080.
No API at hand? `cpx-monitor list --demo`, or start one with `cpx-server 8080`.

Exit codes: 0 done, 1 done but incomplete, 2 a service is at risk,
3 nothing can be said: no API, no such service, wrong usage.
"""

import importlib
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Protocol, cast

from cpx_monitor import __version__
from cpx_monitor.app.ports import FleetUnavailable, Trouble
from cpx_monitor.app.tracking import NoSuchService
from cpx_monitor.entrypoints import exit_codes
from cpx_monitor.entrypoints.command_line import UsageError, asks_for_help, nearest, read_words
from cpx_monitor.entrypoints.console import Console, OutputClosed, OutputFailed
from cpx_monitor.entrypoints.interrupts import Interrupted, interruptible
from cpx_monitor.entrypoints.options import READING_OPTIONS, Arguments

TRACEBACK_VARIABLE = "CPX_TRACEBACK"
COMMANDS = ("list", "averages", "at-risk", "track")


class Command(Protocol):
    __doc__: str
    run: Callable[[Arguments, Console], int]


def main() -> int:
    """The console script."""
    try:
        with interruptible():
            return run(sys.argv[1:], Console.of_process())
    except Interrupted as interrupted:
        return exit_codes.of_signal(interrupted.signal_number)
    except KeyboardInterrupt:
        return exit_codes.of_signal(signal.SIGINT)


def run(argv: Sequence[str], console: Console) -> int:
    """One command from its words to its exit code."""
    try:
        return _dispatch(argv, console)
    except OutputClosed:
        return exit_codes.DONE
    except OutputFailed as error:
        console.error(str(error))
    except UsageError as error:
        console.error(str(error), error.hint)
    except FleetUnavailable as error:
        console.error(str(error), _hint_for(error))
    except NoSuchService as error:
        console.error(*_no_such_service(error))
    except Exception as error:
        if console.environ.get(TRACEBACK_VARIABLE):
            raise
        # Not Python's own exit code, which would say "done, but incomplete".
        console.error(
            f"a fault in cpx-monitor itself: {type(error).__name__}: {error}",
            f"{TRACEBACK_VARIABLE}=1 shows where; please report it",
        )
    return exit_codes.NO_VERDICT


def _dispatch(argv: Sequence[str], console: Console) -> int:
    if not argv:
        raise UsageError(
            "no command is given", f"one of {', '.join(COMMANDS)}; see `cpx-monitor --help`"
        )
    name, rest = argv[0], argv[1:]
    if name in ("-h", "--help") or (name == "help" and not rest):
        console.write(__doc__)
    elif name == "--version":
        console.write(f"cpx-monitor {__version__}\n")
    elif name == "help":
        console.write(usage_of(rest[0]))
    elif asks_for_help(rest):
        console.write(usage_of(name))
    else:
        words = read_words(usage_of(name), f"cpx-monitor {name}", rest)
        return _command(name).run(Arguments(words, console.environ), console)
    return exit_codes.DONE


def usage_of(name: str) -> str:
    """The whole help text of a command, which is also what docopt reads its words by."""
    return _command(name).__doc__ + READING_OPTIONS


def _command(name: str) -> Command:
    if name.startswith("-"):
        raise UsageError(f"'{name}' stands where a command is wanted", "options follow the command")
    if name not in COMMANDS:
        raise UsageError(
            f"unknown command '{name}'", nearest(name, COMMANDS) or "see `cpx-monitor --help`"
        )
    module = f"cpx_monitor.entrypoints.commands.{name.replace('-', '_')}"
    return cast(Command, importlib.import_module(module))


def _hint_for(error: FleetUnavailable) -> str:
    match error.trouble:
        case Trouble.UNREACHABLE:
            return "start a simulator with `cpx-server 8080`, or point --url or CPX_URL at yours"
        case Trouble.REFUSED:
            return "credentials can be given in --url as http://name:password@host, or in ~/.netrc"
        case Trouble.NOT_CPX:
            return "is --url or CPX_URL the right CPX API? `cpx-monitor list` shows what it lists"


def _no_such_service(error: NoSuchService) -> tuple[str, str]:
    among = f"among {len(error.known)} service{'' if len(error.known) == 1 else 's'}"
    if error.unattributed:
        among += f" ({error.unattributed} instances did not say theirs)"
    return (
        f"no service '{error.name}' {among}",
        nearest(error.name, error.known) or "`cpx-monitor averages` shows the services there are",
    )
