"""What the shells' completion asks: what the word under the cursor may become.

The scripts beside this file get a candidate a line: its kind, its text and an explanation, with
tabs between them. An ``open`` one is an option that needs a value, a ``word`` is complete, and
``files`` stands for the names of files, which the shell knows best.

A name from the network is data. One that a terminal could act on is not offered, nor one that would
be taken for an option; no shell gets a name that it would act on without quotes around it.
"""

import io
import re
import shlex
import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from cpx_monitor.adapters.presenters.escape import printable
from cpx_monitor.app.ordering import columns_of
from cpx_monitor.entrypoints import exit_codes
from cpx_monitor.entrypoints.bootstrap import Connect
from cpx_monitor.entrypoints.commands.command import Command
from cpx_monitor.entrypoints.commands.registry import COMMANDS, command, every_option
from cpx_monitor.entrypoints.options import catalogue as options
from cpx_monitor.entrypoints.options.arguments import Arguments
from cpx_monitor.entrypoints.options.fleet_options import FleetOptions
from cpx_monitor.entrypoints.options.option import COLUMNS, PROFILES, SERVICES, Option, UsageError
from cpx_monitor.entrypoints.options.option import FILES as FILE_NAMES
from cpx_monitor.entrypoints.options.profile import profile_names, with_profile
from cpx_monitor.entrypoints.options.words import arguments_in, read_words
from cpx_monitor.entrypoints.terminal.console import Console

# A user who pressed tab waits no longer; the process ends then, whatever it does.
ENDS_AFTER_S = 0.9
ANSWER_WITHIN_S = "0.8"


class Candidate(NamedTuple):
    text: str
    meaning: str = ""
    kind: str = "word"


FILES = Candidate("", kind="files")


def complete(words: Sequence[str], console: Console, connect: Connect) -> int:
    """For zsh and fish, which quote what they insert, with the words up to the cursor."""
    _end_in_time()
    *before, current = words or [""]
    found = fitting(before, current, console, connect)
    lines = (f"{each.kind}\t{each.text}\t{each.meaning}".rstrip("\t") for each in found)
    console.write("".join(f"{line}\n" for line in lines))
    return exit_codes.DONE


def complete_in_bash(line: str, replaced: str, console: Console, connect: Connect) -> int:
    """For bash, which inserts what it gets as it is, with the line up to the cursor.

    ``replaced`` is the end of the line for which bash puts it: what follows the last character that
    breaks words there. A word in quotes is not completed.
    """
    _end_in_time()
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
        for each in fitting(before, current, console, connect)
        if each is FILES or each.text.startswith(kept)
    ]
    console.write("".join(f"{line}\n" for line in lines))
    return exit_codes.DONE


def _end_in_time() -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, ENDS_AFTER_S)


def _files_for_bash(typed: str) -> str:
    """Where ``=`` breaks no words, the option is a part of what bash replaces."""
    option = re.match(r"--[a-z-]+=", typed)
    return f"files_of\t{option[0]}\t{typed[option.end() :]}" if option else f"files\t{typed}"


def _without_backslashes(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def quoted_for_bash(text: str) -> str:
    return re.sub(r"[^\w@%+,./:=-]", r"\\\g<0>", text)


def fitting(
    before: Sequence[str], current: str, console: Console, connect: Connect
) -> list[Candidate]:
    """The candidates that begin with what is typed; whatever goes wrong, there are just none."""
    try:
        found = list(_candidates(before, current, console, connect))
    except Exception:
        return []
    typed = current.lower()
    return [
        each
        for each in found
        if each is FILES
        or (each.text.lower().startswith(typed) and printable(each.text) == each.text)
    ]


def _candidates(
    before: Sequence[str], current: str, console: Console, connect: Connect
) -> Iterable[Candidate]:
    """Cases: a command; a value after ``=`` or in a word of its own; an option; an argument."""
    if not before:
        explained = [Candidate(each.name, each.summary) for each in COMMANDS.values()]
        return [*explained, Candidate("help", "the help of a command"), *_words_of(_TOP_OPTIONS)]
    name, *rest = before
    if name == "help":
        return _words_of(COMMANDS)
    option_of = command(name).option_of
    words = _Words(command(name), rest, console, connect)
    if "--" in rest:
        return words.arguments()
    if current.startswith("--") and "=" in current:
        option, _, _ = current.partition("=")
        values = words.values_of(option_of[option])
        return [each if each is FILES else Candidate(f"{option}={each.text}") for each in values]
    if rest and rest[-1] in option_of and option_of[rest[-1]].takes_value:
        return _no_options(words.values_of(option_of[rest[-1]]))
    if current.startswith("-"):
        return _option_names(option_of, rest)
    return _no_options(words.arguments())


_TOP_OPTIONS = ("--help", "--version")


def _words_of(texts: Iterable[str]) -> list[Candidate]:
    return [Candidate(text) for text in texts]


def _no_options(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Without those that would be taken for an option; behind ``--`` they would not."""
    return [each for each in candidates if not each.text.startswith("-")]


def _option_names(option_of: Mapping[str, Option[Any]], rest: Sequence[str]) -> Iterator[Candidate]:
    given = {word.partition("=")[0] for word in rest}
    for option in dict.fromkeys(option_of.values()):
        if option.name not in given or option.is_repeatable:
            kind = "open" if option.takes_value else "word"
            yield Candidate(f"{option.name}{'=' * option.takes_value}", option.meaning, kind)


class _Words:
    """What stands before the cursor, after the command's name."""

    def __init__(
        self, command: Command, rest: Sequence[str], console: Console, connect: Connect
    ) -> None:
        self._command = command
        self._rest = rest
        self._console = console
        self._connect = connect

    def arguments(self) -> Sequence[Candidate]:
        """For the argument that is still missing."""
        there = len(arguments_in(self._command, self._rest))
        arguments = self._command.arguments
        if there < len(arguments) or (arguments and arguments[-1].is_repeatable):
            return self.values_of(arguments[min(there, len(arguments) - 1)])
        return []

    def values_of(self, option: Option[Any]) -> Sequence[Candidate]:
        match option.completes:
            case "":
                return _words_of(option.choices)
            case name if name == FILE_NAMES:
                return [FILES]
            case name if name == SERVICES:
                return self._services()
            case name if name == COLUMNS:
                return _words_of(columns_of(self._command.load().REPORT))
            case name if name == PROFILES:
                return _words_of(profile_names(self._console.environ))
        raise AssertionError(option.completes)

    def _services(self) -> Sequence[Candidate]:
        """
        Raises:
            Exception: they could not be fetched, or not soon enough.
        """
        silent = self._console._replace(stderr=io.StringIO())
        arguments = with_profile(Arguments(self._read(), silent.environ), every_option())
        brief = {each.name: ANSWER_WITHIN_S for each in (options.TIMEOUT, options.DEADLINE)}
        arguments = arguments._replace(words={**arguments.words, **brief})
        # Nothing is recorded, whatever the profile says.
        fleet, _ = self._connect(FleetOptions.from_arguments(arguments), silent, False)
        return _words_of(service.name for service in fleet.snapshot().services)

    def _read(self) -> Any:
        """The words as far as they can be read: the last one may lack its value still."""
        rest = list(self._rest)
        last = self._command.option_of.get(rest[-1]) if rest else None
        if last is not None and last.takes_value:
            rest.pop()
        missing = len(self._command.arguments) - len(arguments_in(self._command, rest))
        try:
            return read_words(self._command, [*rest, *["-"] * missing])
        except UsageError:
            return read_words(self._command, ["-"] * missing)
