"""What the shells' completion asks: what the word under the cursor may become.

The scripts of ``completions`` get a candidate a line: its kind, its text and an explanation, with
tabs between them. An ``open`` one is an option that wants a value, a ``word`` is complete, and
``files`` stands for the names of files, which the shell knows best.

A name from the network is data. One that a terminal could act on is not offered, nor one that would
be taken for an option; no shell gets a name that it would act on without quotes around it.
"""

import io
import re
import signal
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from cpx_monitor.adapters.presenters.escape import printable
from cpx_monitor.entrypoints import exit_codes
from cpx_monitor.entrypoints.commands.help import COMMANDS, command, usage_of
from cpx_monitor.entrypoints.options.arguments import Arguments
from cpx_monitor.entrypoints.options.words import (
    KnownOption,
    UsageError,
    known_options,
    positionals_of,
    read_words,
)
from cpx_monitor.entrypoints.terminal.console import Console

# A user who pressed tab waits no longer; the process ends then, whatever it does.
ENDS_AFTER_S = 0.9
ANSWER_WITHIN_S = "0.8"


class Candidate(NamedTuple):
    text: str
    meaning: str = ""
    kind: str = "word"


FILES = Candidate("", kind="files")

_CHOICES = {
    "--color": ("auto", "always", "never"),
    "--transport": ("auto", "direct", "requests"),
    "--status": ("healthy", "unhealthy", "unknown"),
    "--concurrency": ("auto",),
    "--speed": ("max",),
}
_FILES = ("--from", "--record", "--token-file", "--ca-file")


def complete(words: Sequence[str], console: Console) -> int:
    """For zsh and fish, which quote what they insert, with the words up to the cursor."""
    *before, current = words or [""]
    found = _fitting(before, current, console)
    lines = (f"{each.kind}\t{each.text}\t{each.meaning}".rstrip("\t") for each in found)
    console.write("".join(f"{line}\n" for line in lines))
    return exit_codes.DONE


def complete_in_bash(line: str, replaced: str, console: Console) -> int:
    """For bash, which inserts what it gets as it is, with the line up to the cursor.

    ``replaced`` is the end of the line for which bash puts it: what follows the last character that
    breaks words there. A word in quotes is not completed.
    """
    import shlex

    raw = re.search(r"(?:\\.|[^\s\\])*$", line)
    if raw is None or set("\"'") & set(raw[0]) or not raw[0].endswith(replaced):
        return exit_codes.DONE
    lexer = shlex.shlex(f"{line[: raw.start()]} ", posix=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        _, *before = lexer
    except ValueError:  # a quote that is still open
        return exit_codes.DONE
    current = _without_backslashes(raw[0])
    kept = _without_backslashes(raw[0].removesuffix(replaced))
    lines = [
        _files_for_bash(current.removeprefix(kept))
        if each is FILES
        else f"{each.kind}\t{quoted_for_bash(each.text.removeprefix(kept))}"
        for each in _fitting(before, current, console)
        if each is FILES or each.text.startswith(kept)
    ]
    console.write("".join(f"{line}\n" for line in lines))
    return exit_codes.DONE


def _files_for_bash(typed: str) -> str:
    """Where ``=`` breaks no words, the option is a part of what bash replaces."""
    option = re.match(r"--[a-z-]+=", typed)
    return f"files_of\t{option[0]}\t{typed[option.end() :]}" if option else f"files\t{typed}"


def _without_backslashes(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def quoted_for_bash(text: str) -> str:
    return re.sub(r"[^\w@%+,./:=-]", r"\\\g<0>", text)


def _fitting(before: Sequence[str], current: str, console: Console) -> list[Candidate]:
    """The candidates that begin with what is typed; whatever goes wrong, there are just none."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, ENDS_AFTER_S)
    try:
        found = list(_candidates(before, current, console))
    except Exception:
        return []
    typed = current.lower()
    return [
        each
        for each in found
        if each is FILES
        or (each.text.lower().startswith(typed) and printable(each.text) == each.text)
    ]


def _candidates(before: Sequence[str], current: str, console: Console) -> Iterable[Candidate]:
    if not before:
        explained = [Candidate(name, _first_sentence(name)) for name in COMMANDS]
        return [*explained, Candidate("help", "the help of a command"), *_words_of(_TOP_OPTIONS)]
    name, *rest = before
    if name == "help":
        return _words_of(COMMANDS)
    options = known_options(usage_of(name))
    words = _Words(name, rest, console)
    if "--" in rest:
        return words.positionals()
    if current.startswith("--") and "=" in current:
        option, _, _ = current.partition("=")
        values = words.values_of(options[option])
        return [each if each is FILES else Candidate(f"{option}={each.text}") for each in values]
    if rest and rest[-1] in options and options[rest[-1]].takes_value:
        return _no_options(words.values_of(options[rest[-1]]))
    if current.startswith("-"):
        return _option_names(options, rest)
    return _no_options(words.positionals())


_TOP_OPTIONS = ("--help", "--version")


def _words_of(texts: Iterable[str]) -> list[Candidate]:
    return [Candidate(text) for text in texts]


def _no_options(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Without those that would be taken for an option; behind ``--`` they would not."""
    return [each for each in candidates if not each.text.startswith("-")]


def _first_sentence(name: str) -> str:
    return command(name).__doc__.split("\n")[0].rstrip(".")


def _option_names(options: dict[str, KnownOption], rest: Sequence[str]) -> Iterator[Candidate]:
    given = {word.partition("=")[0] for word in rest}
    for option in dict.fromkeys(options.values()):
        if option.name not in given or option.is_repeatable:
            kind = "open" if option.takes_value else "word"
            yield Candidate(f"{option.name}{'=' * option.takes_value}", option.meaning, kind)


class _Words:
    """What stands before the cursor, after the command's name."""

    def __init__(self, name: str, rest: Sequence[str], console: Console) -> None:
        self._name = name
        self._rest = rest
        self._console = console

    def positionals(self) -> Sequence[Candidate]:
        if positionals_of(usage_of(self._name), self._rest):
            return []
        match self._name:
            case "track":
                return self._services()
            case "plot":
                return [FILES]
            case "completion":
                from cpx_monitor.entrypoints.commands.completion import SHELLS

                return _words_of(SHELLS)
        return []

    def values_of(self, option: KnownOption) -> Sequence[Candidate]:
        match option.name:
            case "--output":
                return self._outputs()
            case "--service":
                return self._services()
            case "--sort-by":
                return self._columns()
            case "--profile":
                from cpx_monitor.entrypoints.options.profile import profile_names

                return _words_of(profile_names(self._console.environ))
            case name if name in _FILES:
                return [FILES]
        return _words_of(_CHOICES.get(option.name, ()))

    def _outputs(self) -> Sequence[Candidate]:
        from cpx_monitor.entrypoints.reporting.output import FORMATS

        if self._name == "plot":
            return [FILES]
        return _words_of(each for each in FORMATS if not (self._name == "track" and each == "json"))

    def _columns(self) -> Sequence[Candidate]:
        from cpx_monitor.app import reports
        from cpx_monitor.app.selection import columns_of

        kinds: dict[str, type[Any]] = {
            "list": reports.InstanceList,
            "averages": reports.ServiceAverages,
            "at-risk": reports.ServicesAtRisk,
            "track": reports.TrackRound,
        }
        return _words_of(columns_of(kinds[self._name]))

    def _services(self) -> Sequence[Candidate]:
        """
        Raises:
            Exception: they could not be fetched, or not soon enough.
        """
        from cpx_monitor.entrypoints.bootstrap import fleet_and_clock
        from cpx_monitor.entrypoints.cli import with_profile
        from cpx_monitor.entrypoints.options.fleet_options import Reading

        silent = self._console._replace(stderr=io.StringIO())
        arguments = with_profile(Arguments(self._read(), silent.environ))
        brief = {"--timeout": ANSWER_WITHIN_S, "--deadline": ANSWER_WITHIN_S}
        arguments = arguments._replace(words={**arguments.words, **brief})
        reading = Reading.from_arguments(arguments)._replace(record=None)  # nor the profile's
        fleet, _ = fleet_and_clock(reading, silent)
        return _words_of(service.name for service in fleet.snapshot().services)

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
