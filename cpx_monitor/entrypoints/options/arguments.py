"""What was given: typed, in the environment or in a profile, and how strongly."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, NamedTuple, TypeVar

from cpx_monitor.entrypoints.options.nearest import nearest
from cpx_monitor.entrypoints.options.option import NotOneOf, Option, UsageError
from cpx_monitor.entrypoints.options.words import without_credentials

T = TypeVar("T")


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


class Found(NamedTuple):
    """Where an option was given; ``where`` is for people, ``given`` None where it was nowhere."""

    origin: Origin
    where: str
    given: Any


class Arguments(NamedTuple):
    """What was typed, by the names of the options, with the environment and the profile behind it.

    Of the profile only the options that the command has count.
    """

    words: Mapping[str, Any]
    environ: Mapping[str, str]
    profile: Profile = NO_PROFILE

    def value(self, option: Option[T]) -> T:
        """Where it was given most strongly (see ``Origin``), else the default.

        Raises:
            UsageError: the text there is not what the option takes.
        """
        given = self.given(option)
        return option.read(option.default) if given is None else given

    def given(self, option: Option[T]) -> T | None:
        """Where it was given most strongly (see ``Origin``); None where it was nowhere.

        Raises:
            UsageError: the text there is not what the option takes.
        """
        found = self.found(option)
        return None if found.given is None else read(option, found.given, found.where)

    def found(self, option: Option[Any]) -> Found:
        name, variable = option.name, option.variable
        if self.words.get(name) not in (None, False, []):
            return Found(Origin.FLAG, name, self.words[name])
        in_profile = name in self.words and self.profile.settings.get(name, False) is not False
        in_environment = bool(variable and self.environ.get(variable))
        if in_environment and not (in_profile and self.profile.is_named_by_flag):
            assert variable
            return Found(Origin.ENVIRONMENT, variable, self.environ[variable])
        if in_profile:
            where = f"profile {self.profile.name}: {option.key}"
            return Found(self.profile.origin, where, self.profile.settings[name])
        return Found(Origin.DEFAULT, "default", None)

    def origin(self, option: Option[Any]) -> Origin:
        return self.found(option).origin

    def flag(self, option: Option[bool]) -> bool:
        return bool(self.found(option).given)

    def texts(self, option: Option[Any]) -> tuple[str, ...]:
        """Of an option that is repeatable."""
        given = self.found(option).given or ()
        return (given,) if isinstance(given, str) else tuple(given)


def read(option: Option[T], text: str, where: str | None = None) -> T:
    """The text as a value; ``where`` is where it stood, the option's own name by default.

    Raises:
        UsageError: it is not what the option takes.
    """
    try:
        return option.read(text)
    except ValueError as error:
        where = where or option.name
        shown = where if option.is_secret else f"{where}={without_credentials(text)}"
        hint = nearest(text, error.choices) if isinstance(error, NotOneOf) else None
        raise UsageError(f"{shown}: {error}", hint) from None
