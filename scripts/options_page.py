"""Writes docs/options.md from the catalogue of options; `make man` runs it."""

from collections.abc import Iterator
from pathlib import Path

from cpx_monitor.entrypoints.commands.registry import COMMANDS, every_option
from cpx_monitor.entrypoints.options.catalogue import HELP, THE_FLEET
from cpx_monitor.entrypoints.options.option import Option

PAGE = Path(__file__).parents[1] / "docs" / "options.md"
INTRODUCTION = """\
# Every option

`make man` writes this page. A setting comes from its option, else from the profile that `--profile`
names, else from its variable, else from the profile that `CPX_PROFILE` names; otherwise the default
applies; `cpx-monitor config` shows which. In a profile an option has no dashes.
"""


def page() -> str:
    of_fleet = [each for each in THE_FLEET.options if each != HELP]
    others = [each for each in variants() if each not in THE_FLEET.options]
    return "\n".join(
        [
            INTRODUCTION,
            "## Of every command that reads a fleet\n",
            *table(of_fleet, with_commands=False),
            "\n## Of some commands\n",
            *table(others, with_commands=True),
            "",
        ]
    )


def variants() -> list[Option]:
    """Every option, those of one name together."""
    names = every_option()
    found = {each: None for command in COMMANDS.values() for each in command.options}
    return sorted(found, key=lambda each: list(names).index(each.name))


def table(options: list[Option], *, with_commands: bool) -> Iterator[str]:
    titles = ["option", *(["commands"] if with_commands else []), "variable", "default", "meaning"]
    yield f"| {' | '.join(titles)} |"
    yield f"|{'---|' * len(titles)}"
    for each in options:
        owners = [command.name for command in COMMANDS.values() if each in command.options]
        short = f"{each.short}, " if each.short else ""
        cells = [
            f"`{short}{each.name}{'=' * each.takes_value}{each.metavar}`",
            *([", ".join(owners)] if with_commands else []),
            f"`{each.variable}`" if each.variable else "",
            each.default_note or each.default,
            each.meaning,
        ]
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
