"""Named sections of settings in a file: ``--profile=<name>``."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cpx_monitor.adapters.files import opened_to_read
from cpx_monitor.entrypoints.options.arguments import PROFILE, Profile
from cpx_monitor.entrypoints.options.words import KnownOption, UsageError, nearest

MOST_BYTES = 1024 * 1024
_NOT_IN_A_PROFILE = ("--help", "--version", "--profile")


def config_file(environ: Mapping[str, str]) -> Path:
    """Where the XDG base directory specification has it; without a home directory, below ``~``."""
    home = environ.get("XDG_CONFIG_HOME") or os.path.join(environ.get("HOME") or "~", ".config")
    return Path(os.path.expanduser(home)) / "cpx-monitor" / "config.toml"


def load_profile(
    name: str, environ: Mapping[str, str], options: Mapping[str, KnownOption]
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
            nearest(name, among) or f"a section [{name}] there would hold its settings",
        )
    settings: dict[str, Any] = {}
    for key, value in section.items():
        option = options.get(f"--{key}")
        if option is None or option.name in _NOT_IN_A_PROFILE:
            known = [name.removeprefix("--") for name in options if name not in _NOT_IN_A_PROFILE]
            raise UsageError(
                f"{path}: [{name}] has '{key}', which is no option",
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
            text = file.read(MOST_BYTES + 1)
        if len(text) > MOST_BYTES:
            raise UsageError(f"{path} has more than {MOST_BYTES // 1024} KiB")
        return tomllib.loads(text.decode())
    except OSError as error:
        raise UsageError(
            f"a profile is wanted, and {path} cannot be read: {(error.strerror or '').lower()}",
            f"{PROFILE.name} and {PROFILE.environment} name a section of that file",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is no TOML: {error}") from None


def _value(option: KnownOption, value: Any, where: str) -> Any:
    if not option.takes_value:
        if not isinstance(value, bool):
            raise UsageError(f"{where}: true or false is wanted")
        return value
    if option.is_repeatable and isinstance(value, list):
        return [_text(each, where) for each in value]
    return _text(value, where)


def _text(value: Any, where: str) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise UsageError(f"{where}: a text or a number is wanted")
    return str(value)
