"""cpx-monitor: what runs on Cloud Provider X, and whether it is well.

Usage:
  cpx-monitor <command> [<arguments>...]
  cpx-monitor help <command>
  cpx-monitor --help | --version

Commands:
  list        every instance: address, service, status, CPU and memory
  averages    per service: instances, healthy, mean CPU and memory
  at-risk     services with fewer healthy instances than they need
  track       CPU and memory of a service's instances over time
  plot        a recording as a picture
  config      every effective setting and where it came from
  completion  a script by which bash, zsh or fish completes all this
  help        the help of a command

The API is at --url or CPX_URL, by default http://localhost:8080.
No API at hand? `cpx-monitor list --demo`, or start one with `cpx-server 8080`.

Exit codes: 0 done, 1 done but incomplete, 2 a service is at risk,
3 nothing can be said: no API, no such service, wrong usage.
"""

from collections.abc import Sequence

from cpx_monitor import __version__
from cpx_monitor.entrypoints import exit_codes
from cpx_monitor.entrypoints.commands.help import COMMANDS, command, every_option, usage_of
from cpx_monitor.entrypoints.options.arguments import PROFILE, Arguments, Origin
from cpx_monitor.entrypoints.options.words import (
    UnknownOption,
    UsageError,
    asks_for_help,
    known_options,
    read_words,
)
from cpx_monitor.entrypoints.process import run_as_process
from cpx_monitor.entrypoints.terminal.console import Console


def main() -> int:
    """The console script."""
    return run_as_process(run)


def run(argv: Sequence[str], console: Console) -> int:
    """One command from its words to its exit code."""
    if not argv:
        raise UsageError(
            "no command is given", f"one of {', '.join(COMMANDS)}; see `cpx-monitor --help`"
        )
    name, rest = argv[0], list(argv[1:])
    if name in ("-h", "--help") or (name == "help" and rest in ([], ["help"], ["--help"])):
        console.write(__doc__)
    elif name in ("__complete", "__complete_in_bash"):
        from cpx_monitor.entrypoints.completion.candidates import complete, complete_in_bash

        if name == "__complete":
            return complete(rest, console)
        line, replaced = rest
        return complete_in_bash(line, replaced, console)
    elif name == "--version":
        console.write(f"cpx-monitor {__version__}\n")
    elif name == "help":
        if rest[1:]:
            raise UsageError(
                f"unexpected argument '{rest[1]}'", "usage: cpx-monitor help <command>"
            )
        console.write(usage_of(rest[0]))
    elif asks_for_help(rest):
        console.write(usage_of(name))
    else:
        try:
            words = read_words(usage_of(name), f"cpx-monitor {name}", rest)
        except UnknownOption as error:
            raise UsageError(str(error), _elsewhere(error.name) or error.hint) from None
        return command(name).run(with_profile(Arguments(words, console.environ)), console)
    return exit_codes.DONE


_MEANT = {
    **{f"--{name}": f"use -o {name}" for name in ("json", "jsonl", "csv", "wide", "table")},
    **dict.fromkeys(("--watch", "-w", "--follow", "-f"), "--every=<s> looks again and again"),
    **dict.fromkeys(("--limit", "--head", "-n"), "--top=<n> keeps the first rows"),
    **dict.fromkeys(("--format", "--out"), "use -o, --output=<format>"),
    **dict.fromkeys(("--sort", "--order-by"), "did you mean --sort-by?"),
    **dict.fromkeys(
        ("--at", "--since", "--until", "--ago"),
        "CPX tells only of now: `track <service> --record=<file>` keeps the past, --from reads it",
    ),
}


def _elsewhere(option: str) -> str | None:
    """Where an option is one that is not one here."""
    owners = [name for name in COMMANDS if option in known_options(usage_of(name))]
    if owners:
        return f"it is an option of {' and '.join(owners)}"
    return _MEANT.get(option)


def with_profile(arguments: Arguments) -> Arguments:
    """
    Raises:
        UsageError: a profile is named that cannot be had.
    """
    name = arguments.given(PROFILE)
    if PROFILE.name not in arguments.words or not name:
        return arguments
    from cpx_monitor.entrypoints.options.profile import load_profile

    profile = load_profile(name, arguments.environ, every_option())
    is_named_by_flag = arguments.found(PROFILE.name)[0] is Origin.FLAG
    return arguments._replace(profile=profile._replace(is_named_by_flag=is_named_by_flag))
