"""The help texts of the commands, which are also what docopt reads their words by."""

import importlib
from collections.abc import Callable
from typing import Protocol, cast

from cpx_monitor.entrypoints.options.arguments import Arguments
from cpx_monitor.entrypoints.options.words import (
    KnownOption,
    UsageError,
    known_options,
    nearest,
    without_credentials,
)
from cpx_monitor.entrypoints.terminal.console import Console
from cpx_monitor.entrypoints.terminal.signals import held

COMMANDS = ("list", "averages", "at-risk", "track", "plot", "config", "completion")

_SERVICES = """\
      --service=<name>        only this service, in any case; may be given
                              several times
"""
_STATUS = """\
      --status=<status>       only healthy, unhealthy or unknown instances
"""
_ORDER = """\
      --sort-by=<column>      a column of the table or a field of the json
      --reverse               the greatest first; what is missing stays last
      --top=<n>               only the first rows
"""
_EVERY = """\
      --every=<s>             again and again, from the start of one look to the
                              start of the next: 5, 0.5, 5s, 1m
                              (default: {})
      --count=<n>             end after so many (default: {})
"""
_OUTPUT = """\
  -o, --output=<format>       {} (default: table)
      --no-headers            leave them out of table, wide and csv
      --color=<when>          auto, always or never (default: auto)
"""
_RECORD = """\
      --record=<file>         append what was seen to a recording
"""
_SPEED = """\
      --speed=<factor>        of a recording: 1 as it was, max without a pause
                              (default: 1 on a screen, max elsewhere)
"""
_ONCE = _EVERY.format("once; with --count alone 5", "go on, with --every")
_ALL_FORMATS = _OUTPUT.format("table, wide, json, jsonl or csv")
_ROWS = _SERVICES + _ORDER

FLEET_OPTIONS = """\
      --url=<url>             where the CPX API is, or CPX_URL
                              (default: http://localhost:8080)
      --demo                  a built-in fleet in memory, no server needed
      --from=<file>           the last round of a recording instead
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
      --profile=<name>        a section of config.toml, or CPX_PROFILE
  -v, --verbose               say on stderr what was asked, how long it took
  -h, --help                  this help
"""

_SHARED = {
    "list": (_SERVICES + _STATUS + _ORDER, _ALL_FORMATS + _ONCE + _RECORD),
    "averages": (_ROWS, _ALL_FORMATS + _ONCE),
    "at-risk": (_ROWS, _ALL_FORMATS + _ONCE),
    "track": (
        _ORDER,
        _OUTPUT.format("table, wide, jsonl or csv") + _EVERY.format(5, "go on") + _RECORD + _SPEED,
    ),
    "config": ("", _ALL_FORMATS),
}


class Command(Protocol):
    """A module of ``commands``; it imports what it needs when it runs, not to show its help."""

    __doc__: str
    run: Callable[[Arguments, Console], int]


def usage_of(name: str) -> str:
    """The whole help of a command: its own words, then the options that it shares with others."""
    text = command(name).__doc__
    if name not in _SHARED:
        return text
    rows, output = _SHARED[name]
    fleet = FLEET_OPTIONS
    if name == "track":
        fleet = fleet.replace(
            "the last round of a recording instead", "play a recording back instead"
        )
    sections = {"rows": rows, "output": output, "the fleet": fleet}
    return text + "\n".join(
        f"Options for {what}:\n{options}" for what, options in sections.items() if options
    )


def every_option() -> dict[str, KnownOption]:
    """The options of all commands, by their long names, as the first that has one has it."""
    found: dict[str, KnownOption] = {}
    for name in COMMANDS:
        for option in known_options(usage_of(name)).values():
            found.setdefault(option.name, option)
    return found


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
