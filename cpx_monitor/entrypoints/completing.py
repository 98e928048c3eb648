"""What the shells' completion asks: what the word under the cursor may become.

The scripts of ``completions`` call ``cpx-monitor __complete`` with the words up to the
cursor, the last one perhaps empty, and get a candidate a line, some with a tab and an explanation.
``:files`` stands for the names of files, which the shell knows best.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from cpx_monitor.entrypoints import exit_codes
from cpx_monitor.entrypoints.arguments import Arguments
from cpx_monitor.entrypoints.command_line import (
    KnownOption,
    UsageError,
    known_options,
    positionals_of,
    read_words,
)
from cpx_monitor.entrypoints.console import Console
from cpx_monitor.entrypoints.usage import COMMANDS, command, usage_of

FILES = ":files"
# Nobody waits longer for a key.
ANSWER_WITHIN_S = "1"

_CHOICES = {
    "--color": ("auto", "always", "never"),
    "--transport": ("auto", "direct", "requests"),
    "--status": ("healthy", "unhealthy", "unknown"),
    "--concurrency": ("auto",),
    "--speed": ("max",),
}
_FILES = ("--from", "--record", "--token-file", "--ca-file")


def complete(words: Sequence[str], console: Console) -> int:
    """Print the candidates; whatever goes wrong, there are just none."""
    *before, current = words or [""]
    try:
        found = list(_candidates(before, current, console))
    except Exception:
        found = []
    typed = current.lower()
    fitting = (line for line in found if line == FILES or line.lower().startswith(typed))
    console.write("".join(f"{line}\n" for line in fitting))
    return exit_codes.DONE


def _candidates(before: Sequence[str], current: str, console: Console) -> Iterable[str]:
    if not before:
        explained = (f"{name}\t{_first_sentence(name)}" for name in COMMANDS)
        return [*explained, "help\tthe help of a command", "--help", "--version"]
    name, *rest = before
    if name == "help":
        return COMMANDS
    options = known_options(usage_of(name))
    words = _Words(name, rest, console)
    if current.startswith("--") and "=" in current:
        option, _, _ = current.partition("=")
        values = words.values_of(options[option])
        return [value if value == FILES else f"{option}={value}" for value in values]
    if rest and rest[-1] in options and options[rest[-1]].takes_value:
        return words.values_of(options[rest[-1]])
    if current.startswith("-"):
        return _option_names(options, rest)
    return words.positionals()


def _first_sentence(name: str) -> str:
    return command(name).__doc__.split("\n")[0].rstrip(".")


def _option_names(options: dict[str, KnownOption], rest: Sequence[str]) -> Iterator[str]:
    given = {word.partition("=")[0] for word in rest}
    for option in dict.fromkeys(options.values()):
        if option.name not in given or option.is_repeatable:
            yield f"{option.name}{'=' if option.takes_value else ''}\t{option.meaning}"


class _Words:
    """What stands before the cursor, after the command's name."""

    def __init__(self, name: str, rest: Sequence[str], console: Console) -> None:
        self._name = name
        self._rest = rest
        self._console = console

    def positionals(self) -> Sequence[str]:
        if positionals_of(usage_of(self._name), self._rest):
            return []
        match self._name:
            case "track":
                return self._services()
            case "plot":
                return [FILES]
            case "completion":
                from cpx_monitor.entrypoints.commands.completion import SHELLS

                return SHELLS
        return []

    def values_of(self, option: KnownOption) -> Sequence[str]:
        match option.name:
            case "--output":
                return self._outputs()
            case "--service":
                return self._services()
            case "--sort-by":
                return self._columns()
            case "--profile":
                from cpx_monitor.entrypoints.profile import profile_names

                return profile_names(self._console.environ)
            case name if name in _FILES:
                return [FILES]
        return _CHOICES.get(option.name, ())

    def _outputs(self) -> Sequence[str]:
        from cpx_monitor.entrypoints.output import FORMATS

        if self._name == "plot":
            return [FILES]
        return [each for each in FORMATS if not (self._name == "track" and each == "json")]

    def _columns(self) -> Sequence[str]:
        from cpx_monitor.app import reports
        from cpx_monitor.app.selection import columns_of

        kinds: dict[str, type[Any]] = {
            "list": reports.InstanceList,
            "averages": reports.ServiceAverages,
            "at-risk": reports.ServicesAtRisk,
            "track": reports.TrackRound,
        }
        return columns_of(kinds[self._name])

    def _services(self) -> Sequence[str]:
        """
        Raises:
            Exception: nobody tells them, or not soon enough.
        """
        from cpx_monitor.entrypoints.bootstrap import fleet_and_clock
        from cpx_monitor.entrypoints.cli import with_profile
        from cpx_monitor.entrypoints.reading import Reading

        silent = self._console._replace(stderr=io.StringIO())
        arguments = with_profile(Arguments(self._read(), silent.environ))
        brief = {"--timeout": ANSWER_WITHIN_S, "--deadline": ANSWER_WITHIN_S}
        arguments = arguments._replace(words={**arguments.words, **brief, "--record": None})
        fleet, _ = fleet_and_clock(Reading.from_arguments(arguments), silent)
        return [service.name for service in fleet.snapshot().services]

    def _read(self) -> Any:
        """The words as far as they can be read: the last one may want a value still."""
        usage, name = usage_of(self._name), f"cpx-monitor {self._name}"
        rest = list(self._rest)
        last = known_options(usage).get(rest[-1]) if rest else None
        if last is not None and last.takes_value:
            rest.pop()
        missing = ["-"] if "<service>" in usage and not positionals_of(usage, rest) else []
        try:
            return read_words(usage, name, [*rest, *missing])
        except UsageError:
            return read_words(usage, name, missing)
