"""Every effective setting and where it came from; no request is sent.

A setting comes from its option, else from its variable in the environment,
else from the profile, else it has its default. A profile is a section of
$XDG_CONFIG_HOME/cpx-monitor/config.toml (~/.config where that is not set) that
holds options without their dashes:

  [production]
  url = "https://cpx.internal"
  token-file = "/run/secrets/cpx"
  max-cpu = 80

Usage:
  cpx-monitor config [options]

Examples:
  cpx-monitor config
  cpx-monitor config --profile=production
  CPX_PROFILE=production cpx-monitor list

"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from cpx_monitor.entrypoints import exit_codes
from cpx_monitor.entrypoints.options.arguments import PROFILE, Arguments, Option, Origin
from cpx_monitor.entrypoints.options.words import UsageError
from cpx_monitor.entrypoints.terminal.console import Console
from cpx_monitor.entrypoints.terminal.signals import held

HIDDEN = "(hidden)"
_WRONG = "wrong: "


# Those that are not the same for all commands.
_DEFAULTS = {"--every": "once; track: 5", "--speed": "1 on a screen, max elsewhere"}


class Setting(NamedTuple):
    """``value`` is None where it is not set."""

    setting: str
    value: str | None
    origin: str


def run(arguments: Arguments, console: Console) -> int:
    with held():
        from cpx_monitor.entrypoints.commands.help import every_option
        from cpx_monitor.entrypoints.options.fleet_options import Reading
        from cpx_monitor.entrypoints.reporting.output import OUTPUT, Output

    # How this is to be written is not what it is about.
    own_words = ("--output", "--color", "--no-headers")
    own = Arguments({name: arguments.words[name] for name in own_words}, arguments.environ)
    own_format = own.value(OUTPUT)
    everything = dict.fromkeys(every_option())
    arguments = arguments._replace(words={**everything, **arguments.words, "--output": None})
    settings = list(_settings(arguments))
    output = Output.from_arguments(own, console, own.words["--color"] or "auto")
    console.write(_rendered(settings, own_format, output))
    # Whatever is wrong is shown where it stands, and said in full.
    Reading.from_arguments(arguments)
    return exit_codes.USAGE if any(_WRONG in each.origin for each in settings) else exit_codes.DONE


def _settings(arguments: Arguments) -> Iterator[Setting]:
    from cpx_monitor.entrypoints.commands import at_risk
    from cpx_monitor.entrypoints.commands import list as list_command
    from cpx_monitor.entrypoints.options import fleet_options as reading
    from cpx_monitor.entrypoints.options.fleet_options import source_name
    from cpx_monitor.entrypoints.reporting import output

    options: tuple[Option[Any], ...] = (
        *(reading.URL, reading.FROM, reading.MAX_CPU, reading.MAX_MEMORY, reading.TIMEOUT),
        *(reading.DEADLINE, reading.CONCURRENCY, reading.TRANSPORT, reading.TOKEN_FILE),
        *(reading.TOKEN, reading.CA_FILE, reading.COLOR, reading.RECORD),
        *(output.OUTPUT, output.SORT_BY, output.TOP, output.EVERY, output.COUNT, output.SPEED),
        *(list_command.STATUS, at_risk.THRESHOLD),
        PROFILE,
    )
    flags = ("--demo", "--insecure", "--verbose", "--reverse", "--no-headers")
    found = [_of_option(arguments, option) for option in options]
    found += [
        Setting(name[2:], "on" if arguments.flag(name) else "off", _origin(arguments, name))
        for name in flags
    ]
    used = source_name(arguments)[2:]
    found = [_as_used(each, used) for each in found]
    services = " ".join(arguments.texts("--service")) or None
    found.append(Setting("service", services, _origin(arguments, "--service")))
    return iter(sorted(found))


def _as_used(setting: Setting, source: str) -> Setting:
    """Where the fleet is seen is one of three, and the others say nothing."""
    if setting.setting not in {"url", "demo", "from"} - {source}:
        return setting
    if setting.origin == "default":
        return setting if setting.setting == "demo" else setting._replace(value=None)
    return setting._replace(value=None, origin=f"not used: --{source} is said more strongly")


def _of_option(arguments: Arguments, option: Option[Any]) -> Setting:
    from cpx_monitor.entrypoints.options.fleet_options import TOKEN

    name = "token" if option is TOKEN else option.name.removeprefix("--")
    origin, _, text = arguments.found(option.name, option.environment)
    where = _origin(arguments, option.name, option.environment)
    if option.name == "--color" and origin not in (Origin.FLAG, Origin.NAMED_PROFILE):
        if arguments.environ.get("NO_COLOR"):
            return Setting(name, "never", "variable NO_COLOR")
        if arguments.environ.get("FORCE_COLOR", "0") not in ("", "0"):
            return Setting(name, "always", "variable FORCE_COLOR")
    if text is None:
        return Setting(name, _DEFAULTS.get(option.name, option.default) or None, where)
    try:
        value = arguments.given(option)
    except UsageError as error:
        return Setting(name, HIDDEN if option.secret else text, f"{where}, {_WRONG}{error}")
    if option.secret:
        text = getattr(value, "shown", HIDDEN)
    return Setting(name, text, where)


def _origin(arguments: Arguments, name: str, environment: str | None = None) -> str:
    match arguments.found(name, environment)[0]:
        case Origin.FLAG:
            return "flag"
        case Origin.ENVIRONMENT:
            return f"variable {environment}"
        case Origin.PROFILE | Origin.NAMED_PROFILE:
            return f"profile {arguments.profile.name}"
    return "default"


def _rendered(settings: list[Setting], chosen: str, output: Any) -> str:
    from cpx_monitor.adapters.presenters import layout, records

    if chosen in ("table", "wide"):
        columns = [layout.Column("Setting"), layout.Column("Value"), layout.Column("From")]
        rows = [(each.setting, each.value or "-", each.origin) for each in settings]
        return layout.draw(layout.Table(columns, rows), output.look)
    return records.render_records(
        "Settings", settings, Setting._fields, chosen, headers=output.look.headers
    )
