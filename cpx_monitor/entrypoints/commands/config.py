"""Every effective setting and where it came from; no request is sent."""

from typing import Any, NamedTuple

from cpx_monitor.adapters.presenters.layout import Column, Table, draw
from cpx_monitor.adapters.presenters.records import render_records
from cpx_monitor.entrypoints import exit_codes
from cpx_monitor.entrypoints.bootstrap import Connect
from cpx_monitor.entrypoints.commands.registry import every_option
from cpx_monitor.entrypoints.options import catalogue as options
from cpx_monitor.entrypoints.options.arguments import Arguments, Origin
from cpx_monitor.entrypoints.options.fleet_options import (
    FleetOptions,
    color_of,
    policy_of,
    recording_to_write,
    source_option,
)
from cpx_monitor.entrypoints.options.option import Option, UsageError
from cpx_monitor.entrypoints.reporting.output import Output
from cpx_monitor.entrypoints.terminal.console import Console

HIDDEN = "(hidden)"
_WRONG = "wrong: "


class Setting(NamedTuple):
    """``value`` is None where it is not set."""

    setting: str
    value: str | None
    origin: str


def run(arguments: Arguments, console: Console, connect: Connect) -> int:
    # How this is to be written is not what it is about.
    own_words = {option.name: arguments.words[option.name] for option in options.STYLE}
    own = Arguments(own_words, arguments.environ)
    everything = dict.fromkeys(every_option())
    arguments = arguments._replace(
        words={**everything, **arguments.words, options.OUTPUT.name: None}
    )
    settings = settings_of(arguments)
    console.write(_rendered(settings, Output.from_arguments(own, console)))
    # Whatever is wrong is shown where it stands, and said in full.
    if unsent := FleetOptions.from_arguments(arguments).access.unsent:
        console.warn(unsent)
    policy_of(arguments, console.warn)
    recording_to_write(arguments)
    return exit_codes.USAGE if any(_WRONG in each.origin for each in settings) else exit_codes.DONE


def settings_of(arguments: Arguments) -> list[Setting]:
    """Of every option, in the order of their names."""
    used = source_option(arguments)
    shown = (each for each in (*every_option().values(), options.TOKEN) if each != options.HELP)
    found = [_as_used(_setting(arguments, option), used) for option in shown]
    if color_variable := color_of(arguments)[1]:
        color = Setting(options.COLOR.key, color_of(arguments)[0], f"variable {color_variable}")
        found = [color if each.setting == color.setting else each for each in found]
    return sorted(found)


def _as_used(setting: Setting, used: Option[Any]) -> Setting:
    """Where the fleet is seen is one of three, and the others say nothing."""
    sources = {options.URL.key, options.DEMO.key, options.FROM.key}
    if setting.setting not in sources - {used.key}:
        return setting
    if setting.origin == "default":
        return setting if setting.setting == options.DEMO.key else setting._replace(value=None)
    return setting._replace(value=None, origin=f"not used: {used.name} has precedence")


def _setting(arguments: Arguments, option: Option[Any]) -> Setting:
    """Cases: several texts; a flag; not set; a text, which may be wrong."""
    name, where = option.key, _where(arguments, option)
    if option.is_repeatable:
        return Setting(name, " ".join(arguments.texts(option)) or None, where)
    if not option.takes_value and option is not options.TOKEN:
        return Setting(name, "on" if arguments.flag(option) else "off", where)
    text = arguments.found(option).given
    if text is None:
        default = option.default and (option.default_note or option.default)
        return Setting(name, default or None, where)
    try:
        value = arguments.given(option)
    except UsageError as error:
        why = str(error).rpartition(": ")[2]
        return Setting(name, HIDDEN if option.is_secret else text, f"{where}, {_WRONG}{why}")
    return Setting(name, getattr(value, "shown", HIDDEN) if option.is_secret else text, where)


def _where(arguments: Arguments, option: Option[Any]) -> str:
    match arguments.origin(option):
        case Origin.FLAG:
            return "flag"
        case Origin.ENVIRONMENT:
            return f"variable {option.variable}"
        case Origin.PROFILE | Origin.NAMED_PROFILE:
            return f"profile {arguments.profile.name}"
    return "default"


def _rendered(settings: list[Setting], output: Output) -> str:
    if output.is_for_people:
        columns = [Column("Setting"), Column("Value"), Column("From")]
        rows = [(each.setting, each.value or "-", each.origin) for each in settings]
        return draw(Table(columns, rows), output.style)
    headers = output.style.headers
    return render_records("Settings", settings, Setting._fields, output.format, headers=headers)
