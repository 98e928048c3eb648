"""cpx-monitor: from the words of a command line to a command and its exit code."""

import re
from collections.abc import Sequence

from cpx_monitor import __version__
from cpx_monitor.entrypoints import exit_codes
from cpx_monitor.entrypoints.bootstrap import Connect, connect
from cpx_monitor.entrypoints.commands.command import Command
from cpx_monitor.entrypoints.commands.registry import COMMANDS, command, every_option
from cpx_monitor.entrypoints.options.arguments import Arguments
from cpx_monitor.entrypoints.options.catalogue import FORMATS, OUTPUT
from cpx_monitor.entrypoints.options.option import UsageError
from cpx_monitor.entrypoints.options.profile import with_profile
from cpx_monitor.entrypoints.options.words import (
    UnknownOption,
    asks_for_help,
    read_words,
    without_credentials,
)
from cpx_monitor.entrypoints.process import run_as_process
from cpx_monitor.entrypoints.terminal.console import Console

HELP = """\
cpx-monitor: what runs on Cloud Provider X, and whether it is healthy.

Usage:
  cpx-monitor <command> [<arguments>...]
  cpx-monitor help <command>
  cpx-monitor --help | --version

Commands:
{commands}
  help        the help of a command

The API is at --url or CPX_URL, by default http://localhost:8080.
No API at hand? `cpx-monitor list --demo`, or start one with `cpx-server 8080`.

Exit codes: 0 done, 1 done but incomplete, 2 a service is at risk (wait: not in
time, diff: differences, doctor: trouble), 3 nothing can be said: no API, no
such service, wrong usage.
"""


def main() -> int:
    """The console script."""
    return run_as_process(run)


def run(argv: Sequence[str], console: Console, connect: Connect = connect) -> int:
    """One command from its words to its exit code; ``connect`` makes the fleet it works with."""
    if not argv:
        raise UsageError(
            "no command is given", f"one of {', '.join(COMMANDS)}; see `cpx-monitor --help`"
        )
    name, rest = argv[0], list(argv[1:])
    if name in ("-h", "--help") or (name == "help" and rest in ([], ["help"], ["--help"])):
        lines = (f"  {each.name:10}  {each.summary}" for each in COMMANDS.values())
        console.write(HELP.format(commands="\n".join(lines)))
    elif name in ("__complete", "__complete_in_bash"):
        from cpx_monitor.entrypoints.completion.candidates import complete, complete_in_bash

        if name == "__complete":
            return complete(rest, console, connect)
        line, replaced = rest
        return complete_in_bash(line, replaced, console, connect)
    elif name == "--version":
        console.write(f"cpx-monitor {__version__}\n")
    elif name == "help":
        if rest[1:]:
            raise UsageError(
                f"unexpected argument '{without_credentials(rest[1])}'",
                "usage: cpx-monitor help <command>",
            )
        console.write(command(rest[0]).help)
    elif asks_for_help(rest):
        console.write(command(name).help)
    else:
        return _run_command(name, rest, console, connect)
    return exit_codes.DONE


def _run_command(name: str, rest: Sequence[str], console: Console, connect: Connect) -> int:
    chosen = command(name)
    try:
        arguments = _arguments(chosen, rest, console)
    except UsageError as error:
        if name == "at-risk" and _ASKS_FOR_NAGIOS.search(" ".join(rest)):
            from cpx_monitor.adapters.presenters.nagios import render_unknown

            # A check says on stdout what is wrong, whatever it is.
            console.write(render_unknown(str(error)))
        raise
    return chosen.load().run(arguments, console, connect)


_ASKS_FOR_NAGIOS = re.compile(r"(?:-o|--output)[ =]?nagios", re.IGNORECASE)


def _arguments(chosen: Command, rest: Sequence[str], console: Console) -> Arguments:
    """
    Raises:
        UsageError: the words are not those of the command.
    """
    try:
        words = read_words(chosen, rest)
    except UnknownOption as error:
        raise UsageError(str(error), _elsewhere(error.name, chosen) or error.hint) from None
    return with_profile(Arguments(words, console.environ), every_option())


_MEANT = {
    **dict.fromkeys(("--watch", "-w", "--follow", "-f"), "--every=<s> polls repeatedly"),
    **dict.fromkeys(("--limit", "--head", "-n"), "--top=<n> keeps the first rows"),
    **dict.fromkeys(("--format", "--out"), "use -o, --output=<format>"),
    **dict.fromkeys(("--sort", "--order-by"), "did you mean --sort-by?"),
    **dict.fromkeys(
        ("--at", "--since", "--until", "--ago"),
        "CPX reports only the present: `track <service> --record=<file>` records, --from reads it",
    ),
}


def _elsewhere(option: str, chosen: Command) -> str | None:
    """Which commands have an option of that name, or what does here what it does elsewhere."""
    owners = [each.name for each in COMMANDS.values() if option in each.option_of]
    if owners:
        *others, last = owners
        return (
            f"it is an option of {', '.join(others)} and {last}"
            if others
            else f"it is an option of {last}"
        )
    if option.removeprefix("--") in FORMATS:
        output = chosen.option_of.get(OUTPUT.name)
        fits = output is not None and option.removeprefix("--") in output.choices
        return f"use -o {option.removeprefix('--')}" if fits else None
    meant = _MEANT.get(option)
    named = re.search(r"--[a-z-]+", meant or "")
    return meant if named and named[0] in chosen.option_of else None
