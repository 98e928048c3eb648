"""What an option is: told once, and read, explained and completed from there."""

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

# What completes a value that is not one of a few choices.
FILES, SERVICES, COLUMNS, PROFILES = "files", "services", "columns", "profiles"


class UsageError(Exception):
    """Something is wrong with what the user typed or set."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class NotOneOf(ValueError):
    """The text is not one of the few that are allowed."""

    def __init__(self, choices: Sequence[str]) -> None:
        super().__init__(f"expected {', '.join(choices[:-1])} or {choices[-1]}")
        self.choices = choices


class Option(NamedTuple, Generic[T]):
    """An option; a positional argument where ``name`` is in angle brackets; a variable of the
    environment alone where it is neither.

    Attributes:
        read: makes the value of a text; raises ValueError, saying what is expected instead.
        meaning: for the help text, without the default and the variable, which are added to it.
        metavar: the value's name in the help text; empty for a flag.
        default: the text that stands for the default; empty where there is none.
        default_note: what the help text says of the default instead of that text.
        variable: the environment variable that sets it.
        is_secret: its text is never repeated.
        is_optional: of positional arguments, which otherwise must be given.
        choices: the texts that completion offers; where there are none, ``completes`` says what
            it offers.
    """

    name: str
    read: Callable[[str], T]
    meaning: str
    metavar: str = ""
    default: str = ""
    default_note: str = ""
    variable: str | None = None
    short: str = ""
    is_secret: bool = False
    is_repeatable: bool = False
    is_optional: bool = False
    choices: tuple[str, ...] = ()
    completes: str = ""

    @property
    def takes_value(self) -> bool:
        return bool(self.metavar)

    @property
    def key(self) -> str:
        """Its name in a profile and in ``cpx-monitor config``."""
        return self.name.removeprefix("--")


class Group(NamedTuple):
    """Options under one heading of the help text: ``Options for rows``."""

    what: str
    options: tuple[Option, ...]  # type: ignore[type-arg]

    @property
    def heading(self) -> str:
        return f"Options for {self.what}" if self.what else "Options"
