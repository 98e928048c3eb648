"""The help texts of the commands, which are also what docopt reads their words by."""

import importlib
from collections.abc import Callable
from typing import Protocol, cast

from cpx_monitor.entrypoints.arguments import Arguments
from cpx_monitor.entrypoints.command_line import UsageError, nearest, without_credentials
from cpx_monitor.entrypoints.console import Console
from cpx_monitor.entrypoints.interrupts import held

COMMANDS = ("list", "averages", "at-risk", "track")

READING_OPTIONS = """\
      --url=<url>             where the CPX API is, or CPX_URL
                              (default: http://localhost:8080)
      --demo                  a built-in fleet in memory, no server needed
      --max-cpu=<percent>     an instance is healthy at or under it,
                              or CPX_MAX_CPU (default: 90)
      --max-memory=<percent>  the same, or CPX_MAX_MEMORY (default: 90)
      --timeout=<s>           for one request, from connect to last byte
                              (default: 5)
      --deadline=<s>          for one look at the whole fleet; what has not
                              answered by then is Unknown (default: 30)
      --concurrency=<n>       how many instances to ask at once
                              (default: auto, which finds it out)
      --transport=<name>      direct: gevent sockets, fast; requests: proxies
                              and netrc; auto: direct where no proxy applies
                              (default: auto)
      --token-file=<file>     holds the API's bearer token, or CPX_TOKEN_FILE;
                              or the token itself in CPX_TOKEN
      --ca-file=<file>        the authorities to trust, instead of the system's
      --insecure              trust whatever answers, and be told so
      --color=<when>          auto, always or never (default: auto)
  -v, --verbose               say on stderr what was asked, how long it took
  -h, --help                  this help
"""


class Command(Protocol):
    """A module of ``commands``; it imports what it needs when it runs, not to show its help."""

    __doc__: str
    run: Callable[[Arguments, Console], int]


def usage_of(name: str) -> str:
    return command(name).__doc__ + READING_OPTIONS


def command(name: str) -> Command:
    """
    Raises:
        UsageError: there is no command of that name.
    """
    if name.startswith("-"):
        raise UsageError(f"'{name}' stands where a command is wanted", "options follow the command")
    if name not in COMMANDS:
        raise UsageError(
            f"unknown command '{without_credentials(name)}'",
            nearest(name, COMMANDS) or "see `cpx-monitor --help`",
        )
    module = f"cpx_monitor.entrypoints.commands.{name.replace('-', '_')}"
    with held():
        return cast(Command, importlib.import_module(module))
