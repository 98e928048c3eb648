"""The words of a command line, read by the command's help text.

docopt does the reading. It accepts abbreviated options and says nothing but the usage when
something is wrong, so the words are checked first, here.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

_OPTION_LINE = re.compile(r"^ +(?:(-\w), )?(--[a-z-]+)(=<[^>]+>)? +(.*)$", re.MULTILINE)
_USAGE_LINE = re.compile(r"^Usage:\s*\n\s*(.+)$", re.MULTILINE)
_POSITIONAL = re.compile(r"(?<!=)<[^>]+>")


class UsageError(Exception):
    """Something is wrong with what the user typed or set."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class UnknownOption(UsageError):
    def __init__(self, name: str, hint: str) -> None:
        super().__init__(f"unknown option '{name}'", hint)
        self.name = name


def read_words(usage: str, command: str, argv: Sequence[str]) -> Mapping[str, Any]:
    """What docopt makes of the words: by option or positional, its text, True, False or None.

    Raises:
        UsageError: a word that the help text has no place for, or one that is missing.
    """
    from docopt import DocoptExit, docopt

    # docopt takes the = of -o=json for the beginning of the value.
    argv = [re.sub(r"^(-\w)=", r"\1", word) for word in argv]
    _check(usage, command, argv)
    if "--" in argv:
        # docopt takes the two dashes for a positional of their own.
        usage = _USAGE_LINE.sub(lambda line: line[0].replace(command, f"{command} [--]"), usage)
    try:
        return docopt(usage, argv=[*command.split()[1:], *argv], default_help=False)
    except DocoptExit:
        raise UsageError(f"these words do not fit {command}", _usage_hint(usage)) from None


def without_credentials(word: str) -> str:
    """A URL in the wrong place, or one that is spelt wrong, without the name and password in it."""
    before, at, behind = word.rpartition("@")
    if not at or ":" not in before:
        return word
    scheme = re.match(r"\w*[:;]?[/\\]+", before)
    return f"{scheme[0] if scheme else ''}{behind}"


def asks_for_help(argv: Sequence[str]) -> bool:
    words = argv[: argv.index("--")] if "--" in argv else argv
    return "-h" in words or "--help" in words


MOST_COMPARED = 500


def nearest(word: str, known: Sequence[str]) -> str | None:
    """``did you mean …?``, where something known is near.

    Of many, only those are compared that are about as long and begin alike.
    """
    from difflib import get_close_matches

    typed = word.lower()
    spelling_of = {name.lower(): name for name in known}
    likely: Sequence[str] = list(spelling_of)
    if len(likely) > MOST_COMPARED:
        likely = [name for name in likely if name[:1] == typed[:1]]
        likely = sorted(likely, key=lambda name: abs(len(name) - len(typed)))[:MOST_COMPARED]
    near = get_close_matches(typed, likely, n=1)
    near = near or sorted(name for name in spelling_of if typed and typed in name)
    return f"did you mean {spelling_of[near[0]]}?" if near else None


class KnownOption(NamedTuple):
    """``name`` is the long one; ``meaning`` is how the help text explains it, in one line."""

    name: str
    takes_value: bool
    is_repeatable: bool
    meaning: str


def known_options(usage: str) -> dict[str, KnownOption]:
    """Every option of a help text, by its long and by its short name."""
    found: dict[str, KnownOption] = {}
    for short, long, value, meaning in _OPTION_LINE.findall(usage):
        repeatable = re.search(rf"\[{long}=<[^>]+>\]\.\.\.", usage) is not None
        option = KnownOption(long, bool(value), repeatable, meaning.strip())
        found.update({name: option for name in (short, long) if name})
    return found


def positionals_of(usage: str, words: Sequence[str]) -> list[str]:
    """
    Raises:
        UsageError: there is an option that the help text does not know.
    """
    return _split(words, known_options(usage), "")[1]


def _check(usage: str, command: str, argv: Sequence[str]) -> None:
    known = known_options(usage)
    options, positionals = _split(argv, known, command)
    for name in options:
        if options.count(name) > 1 and not known[name].is_repeatable:
            raise UsageError(f"{name} is given more than once")
    expected = _POSITIONAL.findall(_usage_of(usage))
    if len(positionals) < len(expected):
        raise UsageError(f"{command} wants {expected[len(positionals)]}", _usage_hint(usage))
    if len(positionals) > len(expected):
        extra = positionals[len(expected)]
        raise UsageError(f"unexpected argument '{without_credentials(extra)}'", _usage_hint(usage))


def _split(
    argv: Sequence[str], known: Mapping[str, KnownOption], command: str
) -> tuple[list[str], list[str]]:
    """The options, by their long names, and the positionals among the words."""
    options: list[str] = []
    positionals: list[str] = []
    words = list(argv)
    while words:
        word = words.pop(0)
        if word == "--":
            return options, positionals + words
        if word == "-" or not word.startswith("-"):
            positionals.append(word)
            continue
        for name, value in _options_in(word, known):
            if _takes_next_word(name, value, known, command):
                if not words:
                    raise UsageError(f"{name} wants a value", _help_hint(command))
                words.pop(0)
            options.append(known[name].name)
    return options, positionals


def _near_option(name: str, known: Mapping[str, KnownOption]) -> str | None:
    """By what follows the dashes, which make all of them look alike."""
    bare = [option.name.removeprefix("--") for option in known.values()]
    near = nearest(name.lstrip("-"), bare)
    return near.replace("did you mean ", "did you mean --") if near and name[1:2] == "-" else None


def _options_in(word: str, known: Mapping[str, KnownOption]) -> list[tuple[str, str | None]]:
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


def _takes_next_word(
    name: str, value: str | None, known: Mapping[str, KnownOption], command: str
) -> bool:
    if name not in known:
        raise UnknownOption(name, _near_option(name, known) or _help_hint(command))
    if value is not None and not known[name].takes_value:
        raise UsageError(f"{name} takes no value", _help_hint(command))
    return known[name].takes_value and value is None


def _usage_of(usage: str) -> str:
    found = _USAGE_LINE.search(usage)
    return found[1].strip() if found else ""


def _usage_hint(usage: str) -> str:
    return f"usage: {_usage_of(usage)}"


def _help_hint(command: str) -> str:
    return f"see `{command} --help`"
