"""The words of a command line, read by the command's help text.

docopt does the reading. It accepts abbreviated options and says nothing but the usage when
something is wrong, so the words are checked first, here.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from cpx_monitor.entrypoints.options.nearest import nearest
from cpx_monitor.entrypoints.options.option import Option, UsageError


class Readable(Protocol):
    """What is to be known of a command to read its words."""

    @property
    def words(self) -> str: ...
    @property
    def help(self) -> str: ...
    @property
    def usage(self) -> str: ...
    @property
    def arguments(self) -> Sequence[Option[Any]]: ...
    @property
    def option_of(self) -> Mapping[str, Option[Any]]: ...


class UnknownOption(UsageError):
    def __init__(self, name: str, hint: str) -> None:
        super().__init__(f"unknown option '{name}'", hint)
        self.name = name


def read_words(command: Readable, argv: Sequence[str]) -> Mapping[str, Any]:
    """What docopt makes of the words: by option or argument, its text, True, False or None.

    Raises:
        UsageError: a word that the command has no place for, or one that is missing.
    """
    from docopt import DocoptExit, docopt

    # docopt takes the = of -o=json for the beginning of the value.
    argv = [re.sub(r"^(-\w)=", r"\1", word) for word in argv]
    _check(command, argv)
    usage = command.help
    if "--" in argv:
        # docopt takes the two dashes for an argument of their own.
        usage = usage.replace(f"\n  {command.usage}", f"\n  {_with_dashes(command)}", 1)
    try:
        return docopt(usage, argv=[*command.words.split()[1:], *argv], default_help=False)
    except DocoptExit:
        raise UsageError(f"invalid arguments for {command.words}", _usage_hint(command)) from None


def _with_dashes(command: Readable) -> str:
    return command.usage.replace(command.words, f"{command.words} [--]", 1)


def without_credentials(word: str) -> str:
    """A URL in the wrong place, or one that is misspelt, without the name and password in it."""
    before, at, behind = word.rpartition("@")
    if not at or ":" not in before:
        return word
    scheme = re.match(r"\w*[:;]?[/\\]+", before)
    return f"{scheme[0] if scheme else ''}{behind}"


def asks_for_help(argv: Sequence[str]) -> bool:
    words = argv[: argv.index("--")] if "--" in argv else argv
    return "-h" in words or "--help" in words


def arguments_in(command: Readable, words: Sequence[str]) -> list[str]:
    """The words that are not options.

    Raises:
        UsageError: there is an option that the command does not have.
    """
    return _split(command, words)[1]


def _check(command: Readable, argv: Sequence[str]) -> None:
    options, arguments = _split(command, argv)
    for name in options:
        if options.count(name) > 1 and not command.option_of[name].is_repeatable:
            raise UsageError(f"{name} is given more than once")
    expected = command.arguments
    if len(arguments) < sum(not each.is_optional for each in expected):
        missing = expected[len(arguments)].metavar
        raise UsageError(f"{command.words} needs {missing}", _usage_hint(command))
    takes_more = bool(expected) and expected[-1].is_repeatable
    if len(arguments) > len(expected) and not takes_more:
        extra = without_credentials(arguments[len(expected)])
        raise UsageError(f"unexpected argument '{extra}'", _usage_hint(command))


def _split(command: Readable, argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """The options, by their long names, and the arguments among the words."""
    known = command.option_of
    options: list[str] = []
    arguments: list[str] = []
    words = list(argv)
    while words:
        word = words.pop(0)
        if word == "--":
            return options, arguments + words
        if word == "-" or not word.startswith("-"):
            arguments.append(word)
            continue
        for name, value in _options_in(word, known):
            if _takes_next_word(command, name, value):
                if not words:
                    raise UsageError(f"{name} needs a value", _help_hint(command))
                words.pop(0)
            options.append(known[name].name)
    return options, arguments


def _options_in(word: str, known: Mapping[str, Option[Any]]) -> list[tuple[str, str | None]]:
    """The options of one word, each with the value attached to it: ``--a=1``, ``-a``, ``-ab1``."""
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        return [(name, value if equals else None)]
    found: list[tuple[str, str | None]] = []
    for index, letter in enumerate(word[1:], start=2):
        name = f"-{letter}"
        if name in known and known[name].takes_value:
            return [*found, (name, word[index:] or None)]
        found.append((name, None))
    return found


def _takes_next_word(command: Readable, name: str, value: str | None) -> bool:
    option = command.option_of.get(name)
    if option is None:
        near = _near_option(name, command.option_of.values())
        raise UnknownOption(name, near or _help_hint(command))
    if value is not None and not option.takes_value:
        raise UsageError(f"{name} takes no value", _help_hint(command))
    return option.takes_value and value is None


def _near_option(name: str, known: Iterable[Option[Any]]) -> str | None:
    """By what follows the dashes, which make all of them look alike."""
    near = nearest(name.lstrip("-"), [option.key for option in known])
    return near.replace("did you mean ", "did you mean --") if near and name[1:2] == "-" else None


def _usage_hint(command: Readable) -> str:
    return f"usage: {command.usage}"


def _help_hint(command: Readable) -> str:
    return f"see `{command.words} --help`"
