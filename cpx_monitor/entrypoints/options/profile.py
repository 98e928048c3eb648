"""Named sections of settings in a file: ``--profile=<name>``."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cpx_monitor.adapters.files import opened_to_read
from cpx_monitor.entrypoints.options.arguments import Arguments, Origin, Profile
from cpx_monitor.entrypoints.options.catalogue import HELP, PROFILE
from cpx_monitor.entrypoints.options.nearest import nearest
from cpx_monitor.entrypoints.options.option import Option, UsageError

MAX_BYTES = 1024 * 1024
_NOT_IN_A_PROFILE = (HELP.name, PROFILE.name)


def config_file(environ: Mapping[str, str]) -> Path:
    """Where the XDG base directory specification has it; without a home directory, below ``~``."""
    home = environ.get("XDG_CONFIG_HOME") or os.path.join(environ.get("HOME") or "~", ".config")
    return Path(os.path.expanduser(home)) / "cpx-monitor" / "config.toml"


def with_profile(arguments: Arguments, options: Mapping[str, Option[Any]]) -> Arguments:
    """With the profile that is named, where the command takes one.

    Raises:
        UsageError: a profile is named that cannot be used.
    """
    name = arguments.given(PROFILE)
    if PROFILE.name not in arguments.words or not name:
        return arguments
    profile = load_profile(name, arguments.environ, options)
    is_named_by_flag = arguments.origin(PROFILE) is Origin.FLAG
    return arguments._replace(profile=profile._replace(is_named_by_flag=is_named_by_flag))


def load_profile(
    name: str, environ: Mapping[str, str], options: Mapping[str, Option[Any]]
) -> Profile:
    """
    Args:
        options: those of all commands, by their long names.

    Raises:
        UsageError: the file cannot be read, has no such section, or that holds something else than
            options.
    """
    path = config_file(environ)
    sections = _sections(path)
    section = sections.get(name)
    if not isinstance(section, dict):
        among = _names(sections)
        raise UsageError(
            f"no profile '{name}' in {path}",
            nearest(name, among) or f"add a section [{name}] to that file",
        )
    settings: dict[str, Any] = {}
    for key, value in section.items():
        option = options.get(f"--{key}")
        if option is None or option.name in _NOT_IN_A_PROFILE:
            known = [name.removeprefix("--") for name in options if name not in _NOT_IN_A_PROFILE]
            raise UsageError(
                f"{path}: [{name}] has '{key}', which is not an option",
                nearest(key.replace("_", "-"), known),
            )
        settings[option.name] = _value(option, value, f"{path}: [{name}] {key}")
    return Profile(name, settings)


def profile_names(environ: Mapping[str, str]) -> list[str]:
    """
    Raises:
        UsageError: the file cannot be read.
    """
    return _names(_sections(config_file(environ)))


def _names(sections: Mapping[str, Any]) -> list[str]:
    return [name for name, section in sections.items() if isinstance(section, dict)]


def _sections(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        with opened_to_read(str(path)) as file:
            text = file.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise UsageError(f"{path} has more than {MAX_BYTES // 1024} KiB")
        return tomllib.loads(text.decode())
    except OSError as error:
        raise UsageError(
            f"cannot read the profiles in {path}: {(error.strerror or '').lower()}",
            f"{PROFILE.name} and {PROFILE.variable} name a section of that file",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from None


def _value(option: Option[Any], value: Any, where: str) -> Any:
    if not option.takes_value:
        if not isinstance(value, bool):
            raise UsageError(f"{where}: expected true or false")
        return value
    if option.is_repeatable and isinstance(value, list):
        return [_text(each, where) for each in value]
    return _text(value, where)


def _text(value: Any, where: str) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise UsageError(f"{where}: expected a text or a number")
    return str(value)
