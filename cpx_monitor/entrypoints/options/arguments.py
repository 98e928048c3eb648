"""Options and arguments: from text, typed or in the environment, to checked values."""

import re
from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import Any, Generic, NamedTuple, TypeVar

from cpx_monitor.entrypoints.options.words import UsageError, nearest, without_credentials

T = TypeVar("T")

LONGEST_DURATION_S = 86_400.0

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+)(ms|s|m|h)?", re.ASCII)
_SECONDS_IN = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}


class Option(NamedTuple, Generic[T]):
    """``read`` raises ValueError where the text will not do, saying what would; ``secret`` text is
    not repeated in the error.
    """

    name: str
    read: Callable[[str], T]
    default: str
    environment: str | None = None
    secret: bool = False


class NotOneOf(ValueError):
    """Only a few words will do, and this is none of them."""

    def __init__(self, choices: Sequence[str]) -> None:
        super().__init__(f"{', '.join(choices[:-1])} or {choices[-1]} is wanted")
        self.choices = choices


class Origin(IntEnum):
    """Where a setting was said, the strongest first. A profile that a flag names is stronger than
    the environment, one that CPX_PROFILE names is weaker.
    """

    FLAG = 0
    NAMED_PROFILE = 1
    ENVIRONMENT = 2
    PROFILE = 3
    DEFAULT = 4


class Profile(NamedTuple):
    """A named section of the configuration: by option, its text, or True for a flag that is on, or
    several texts.
    """

    name: str
    settings: Mapping[str, Any]
    is_named_by_flag: bool = False

    @property
    def origin(self) -> Origin:
        return Origin.NAMED_PROFILE if self.is_named_by_flag else Origin.PROFILE


NO_PROFILE = Profile("", {})


class Arguments(NamedTuple):
    """What was typed, by the names of the help text, the environment and the profile behind it."""

    words: Mapping[str, Any]
    environ: Mapping[str, str]
    profile: Profile = NO_PROFILE

    def value(self, option: Option[T]) -> T:
        """Where it was said most strongly (see ``Origin``), else the default.

        Raises:
            UsageError: the text there is not what the option takes.
        """
        given = self.given(option)
        return option.read(option.default) if given is None else given

    def given(self, option: Option[T]) -> T | None:
        """Where it was said most strongly (see ``Origin``); None where it was said nowhere.

        Raises:
            UsageError: the text there is not what the option takes.
        """
        _, where, text = self.found(option.name, option.environment)
        return None if text is None else self.read(option, text, where)

    def found(self, name: str, environment: str | None = None) -> tuple[Origin, str, Any]:
        """Where an option was said, how that place is called, and what was said."""
        if self.words.get(name) not in (None, False, []):
            return Origin.FLAG, name, self.words[name]
        in_profile = name in self.words and self.profile.settings.get(name, False) is not False
        in_environment = bool(environment and self.environ.get(environment))
        if in_environment and not (in_profile and self.profile.is_named_by_flag):
            assert environment
            return Origin.ENVIRONMENT, environment, self.environ[environment]
        if in_profile:
            where = f"profile {self.profile.name}: {name.removeprefix('--')}"
            return self.profile.origin, where, self.profile.settings[name]
        return Origin.DEFAULT, "default", None

    @staticmethod
    def read(option: Option[T], text: str, origin: str | None = None) -> T:
        """The text as a value; ``origin`` is where it stood, the option's own name by default.

        Raises:
            UsageError: it is not what the option takes.
        """
        try:
            return option.read(text)
        except ValueError as error:
            where = origin or option.name
            shown = where if option.secret else f"{where}={without_credentials(text)}"
            hint = nearest(text, error.choices) if isinstance(error, NotOneOf) else None
            raise UsageError(f"{shown}: {error}", hint) from None

    def flag(self, name: str) -> bool:
        return bool(self.found(name)[2])

    def texts(self, name: str) -> tuple[str, ...]:
        """Of an option that may be given several times."""
        found = self.found(name)[2] or ()
        return (found,) if isinstance(found, str) else tuple(found)


PROFILE = Option("--profile", str, "", "CPX_PROFILE")


def percentage(text: str) -> float:
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?%?", text, re.ASCII):
        raise ValueError("a percentage from 0 to 100 is wanted")
    value = float(text.removesuffix("%"))
    if value > 100:
        raise ValueError("a percentage from 0 to 100 is wanted")
    return int(value) if value.is_integer() else value


def duration_s(text: str) -> float:
    """Seconds, or with a unit: ``5``, ``0.5``, ``5s``, ``200ms``, ``1m``, ``1h``."""
    found = _DURATION.fullmatch(text)
    seconds = float(found[1]) * _SECONDS_IN[found[2]] if found else 0.0
    if not 0.001 <= seconds <= LONGEST_DURATION_S:
        raise ValueError("a time such as 5, 0.5, 5s, 200ms or 1m is wanted, a day at the most")
    return seconds


def whole_number(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,12}", text, re.ASCII) or not least <= int(text) <= most:
            raise ValueError(f"a whole number from {least} to {most} is wanted")
        return int(text)

    return read


def one_of(*choices: str) -> Callable[[str], str]:
    """One of these words, in any case."""

    def read(text: str) -> str:
        if text.lower() not in choices:
            raise NotOneOf(choices)
        return text.lower()

    return read
