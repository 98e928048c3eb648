"""Writes man/cpx-monitor.1 from the help texts; `make man` runs it.

The macros are those of man(7), https://man7.org/linux/man-pages/man7/man.7.html.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from cpx_monitor import __version__
from cpx_monitor.entrypoints import cli
from cpx_monitor.entrypoints.commands.command import Command, explained
from cpx_monitor.entrypoints.commands.registry import COMMANDS, every_option
from cpx_monitor.entrypoints.options.catalogue import THE_FLEET
from cpx_monitor.entrypoints.options.option import Option

PAGE = Path(__file__).parents[1] / "man" / "cpx-monitor.1"

CHANGED = "2026-11-22"

FILES = """\
.TP
.I $XDG_CONFIG_HOME/cpx\\-monitor/config.toml
Profiles: sections of options without their dashes, for
.BR \\-\\-profile .
.B ~/.config
is where XDG_CONFIG_HOME is not set."""

ENVIRONMENT = {
    "CPX_TOKEN": "the API's bearer token",
    "NO_COLOR, FORCE_COLOR": "whether to use colour, unless --color is given",
    "HTTP_PROXY, HTTPS_PROXY, NO_PROXY": "proxies, as everywhere",
}
EXIT_STATUS = {
    "0": "done; every listed instance answered; for at-risk: no service at risk",
    "1": "done, but incomplete; for at-risk: a service is possibly at risk",
    "2": "at-risk: a service is certainly at risk",
    "3": "nothing can be said: no API, no such service, wrong usage",
    "130, 143": "interrupted, terminated; commands that repeat exit with 0",
}


def page() -> str:
    lines = [
        f'.TH CPX\\-MONITOR 1 {CHANGED} "cpx\\-monitor {__version__}"',
        ".SH NAME",
        "cpx\\-monitor \\- what runs on Cloud Provider X, and whether it is healthy",
        ".SH SYNOPSIS",
        *(f"{text(usage)}\n.br" for usage in synopses()),
        "cpx\\-monitor \\-\\-help | help <command> | <command> \\-\\-help | \\-\\-version",
        ".SH DESCRIPTION",
        *paragraphs(introduction()),
        ".SH COMMANDS",
    ]
    for command in COMMANDS.values():
        lines += of_command(command)
    lines += [".SH OPTIONS FOR THE FLEET", "Every command that reads a fleet takes these."]
    lines += options(THE_FLEET.options)
    lines += [".SH ENVIRONMENT", *terms(environment()), ".SH FILES", FILES]
    lines += [".SH EXIT STATUS", *terms(EXIT_STATUS)]
    return "\n".join(lines) + "\n"


def synopses() -> Iterator[str]:
    for command in COMMANDS.values():
        yield command.usage


def introduction() -> str:
    return cli.HELP.split("Usage:")[0].partition(": ")[2] + (
        "\nThe CPX API is asked for its list of servers, then every server for its service, CPU and"
        " memory. An instance is healthy while both are at or under their limit; one that is listed"
        " but gives no usable answer is unknown, and never counts as healthy."
    )


def environment() -> dict[str, str]:
    """Of every option that has a variable, and of what is no option."""
    by_option = {each.variable: each.meaning for each in every_option().values() if each.variable}
    return {**by_option, **ENVIRONMENT}


def of_command(command: Command) -> Iterator[str]:
    """Its own words; the options for the fleet are told once."""
    yield f".SS cpx\\-monitor {text(command.name)}"
    yield from paragraphs(f"{command.summary[:1].upper()}{command.summary[1:]}.\n\n{command.about}")
    for group in command.groups:
        if group.what != THE_FLEET.what:
            yield f".PP\n{text(group.heading)}:"
            yield from options(group.options)
    yield ".PP\nExamples:\n.PP\n.nf\n.RS 4"
    yield from (text(line.strip()) for line in command.examples.splitlines())
    yield ".RE\n.fi"


def options(of_group: Sequence[Option]) -> Iterator[str]:
    for each in of_group:
        short = f"{each.short}, " if each.short else ""
        written = f"{short}{each.name}{'=' * each.takes_value}{each.metavar}"
        yield f".TP\n.B {text(written)}\n{text(explained(each))}"


def terms(meanings: dict[str, str]) -> Iterator[str]:
    for term, meaning in meanings.items():
        yield f".TP\n.B {text(term)}\n{text(meaning)}"


def paragraphs(body: str) -> Iterator[str]:
    """Indented lines, which are examples, stay as they are."""
    for number, paragraph in enumerate(body.strip().split("\n\n")):
        if paragraph.startswith(" "):
            yield ".PP\n.nf\n.RS 4"
            yield from (text(line.strip()) for line in paragraph.splitlines())
            yield ".RE\n.fi"
        else:
            # What stands below a title is a paragraph as it is.
            yield (".PP\n" if number else "") + text(" ".join(paragraph.split()))


def text(plain: str) -> str:
    """A line that troff takes for nothing but text."""
    escaped = (
        plain.replace("\N{NO-BREAK SPACE}", " ")
        .replace("\\", "\\e")
        .replace("-", "\\-")
        .replace("'", "\\(aq")
    )
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
