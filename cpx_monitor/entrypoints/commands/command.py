"""What a command is: its words, its options and its help text, told once."""

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from cpx_monitor.entrypoints.options.option import Group, Option
from cpx_monitor.entrypoints.terminal.signals import held

if TYPE_CHECKING:
    from cpx_monitor.entrypoints.bootstrap import Connect
    from cpx_monitor.entrypoints.options.arguments import Arguments
    from cpx_monitor.entrypoints.terminal.console import Console

WIDTH = 80
_MEANING_AT = 30
_UNBROKEN = "\N{NO-BREAK SPACE}"


class Module(Protocol):
    """What the module of a command holds; those that report say of what kind."""

    run: "Callable[[Arguments, Console, Connect], int]"
    REPORT: type[Any]


class Command(NamedTuple):
    """A command of a program.

    Attributes:
        name: as it is typed; empty where the program has no commands.
        summary: one line, without a full stop.
        about: paragraphs of the help text after the summary.
        examples: lines.
        arguments: the positional ones, in their order.
        notes: more of the help text, after the options.
        module: holds its ``run``; imported when the command runs, not to show its help.
    """

    name: str
    summary: str
    examples: str
    groups: tuple[Group, ...]
    arguments: tuple[Option[Any], ...] = ()
    about: str = ""
    notes: str = ""
    module: str = ""
    program: str = "cpx-monitor"

    @property
    def words(self) -> str:
        """What is typed before its arguments."""
        return f"{self.program} {self.name}".strip()

    @property
    def options(self) -> list[Option[Any]]:
        return [option for group in self.groups for option in group.options]

    @property
    def option_of(self) -> dict[str, Option[Any]]:
        """Its options by their long names and by their short ones."""
        names = ((name, each) for each in self.options for name in (each.name, each.short) if name)
        return dict(names)

    @property
    def usage(self) -> str:
        repeatable = (
            f"[{each.name}={each.metavar}]..." for each in self.options if each.is_repeatable
        )
        arguments = (
            f"[{each.metavar}]" if each.is_optional else each.metavar + "..." * each.is_repeatable
            for each in self.arguments
        )
        return " ".join([self.words, *arguments, *repeatable, "[options]"])

    @property
    def help(self) -> str:
        """The help text, by which docopt reads the words, too."""
        parts = [f"{self.summary[:1].upper()}{self.summary[1:]}.", self.about]
        parts.append(f"Usage:\n  {self.usage}")
        if self.arguments:
            parts.append("\n".join(["Arguments:", *map(option_lines, self.arguments)]))
        parts.append(f"Examples:\n{self.examples}")
        for group in self.groups:
            parts.append("\n".join([f"{group.heading}:", *map(option_lines, group.options)]))
        parts.append(self.notes)
        return "\n\n".join(part.rstrip("\n") for part in parts if part) + "\n"

    def load(self) -> Module:
        with held():
            return cast(Module, importlib.import_module(self.module))


def option_lines(option: Option[Any]) -> str:
    """An option and what it means, as the help text has it."""
    if option.metavar == option.name:
        written = f"  {option.name}"
    else:
        short = f"{option.short}, " if option.short else "    "
        written = f"  {short}{option.name}{'=' * option.takes_value}{option.metavar}"
    first, *more = _wrapped(explained(option), WIDTH - _MEANING_AT)
    lines = [f"{written:{_MEANING_AT}}{first}", *(" " * _MEANING_AT + line for line in more)]
    return "\n".join(lines)


def explained(option: Option[Any]) -> str:
    """What it means, and in brackets its variable and its default, which stay on one line."""
    default = option.default_note or option.default
    notes = [f"env: {option.variable}"] if option.variable else []
    notes += [f"default: {default}"] if default else []
    together = f"({'; '.join(notes)})".replace(" ", _UNBROKEN)
    return f"{option.meaning} {together}" if notes else option.meaning


def _wrapped(text: str, width: int) -> list[str]:
    # textwrap does the same, but takes as long to import as all options.
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".lstrip()
        if len(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return [line.replace(_UNBROKEN, " ") for line in lines]
