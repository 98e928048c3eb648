"""The options that commands share, as typed and checked values."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from cpx_monitor.adapters.cpx_url import CpxUrl, parse_url
from cpx_monitor.domain.health import HealthPolicy
from cpx_monitor.entrypoints.command_line import UsageError

T = TypeVar("T")

READING_OPTIONS = """\
      --url=<url>             where the CPX API is, or CPX_URL
                              (default: http://localhost:8080)
      --demo                  a built-in fleet in memory, no server needed
      --max-cpu=<percent>     an instance is healthy at or under it,
                              or CPX_MAX_CPU (default: 90)
      --max-memory=<percent>  the same, or CPX_MAX_MEMORY (default: 90)
      --timeout=<s>           for one request, from connect to last byte
                              (default: 5)
      --deadline=<s>          for one look at the whole fleet; what has not
                              answered by then is Unknown (default: 30)
      --concurrency=<n>       how many instances to ask at once
                              (default: auto, which finds it out)
      --transport=<name>      direct: gevent sockets, fast; requests: proxies
                              and netrc; auto: direct where no proxy applies
                              (default: auto)
      --color=<when>          auto, always or never (default: auto)
  -v, --verbose               say on stderr what was asked, how long it took
  -h, --help                  this help
"""

MOST_CONCURRENCY = 1000
LONGEST_DURATION_S = 86_400.0

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+)(ms|s|m|h)?", re.ASCII)
_SECONDS_IN = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}


@dataclass(frozen=True)
class Option(Generic[T]):
    """``read`` raises ValueError where the text will not do, saying what would; ``secret`` text is
    not repeated in the error.
    """

    name: str
    read: Callable[[str], T]
    default: str
    environment: str | None = None
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Arguments:
    """What was typed, by the names of the help text, and the environment behind it."""

    words: Mapping[str, Any]
    environ: Mapping[str, str]

    def value(self, option: Option[T]) -> T:
        """From the command line, else the environment, else the default.

        Raises:
            UsageError: the text there is not what the option takes.
        """
        origins = [(option.name, self.words.get(option.name))]
        if option.environment:
            origins.append((option.environment, self.environ.get(option.environment) or None))
        for origin, text in origins:
            if text is not None:
                try:
                    return option.read(text)
                except ValueError as error:
                    shown = origin if option.secret else f"{origin}={text}"
                    raise UsageError(f"{shown}: {error}") from None
        return option.read(option.default)

    def flag(self, name: str) -> bool:
        return bool(self.words[name])


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
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"{', '.join(choices[:-1])} or {choices[-1]} is wanted")
        return text

    return read


def _concurrency(text: str) -> int | None:
    if text == "auto":
        return None
    try:
        return whole_number(1, MOST_CONCURRENCY)(text)
    except ValueError as error:
        raise ValueError(f"auto, or {error}") from None


URL = Option("--url", parse_url, "http://localhost:8080", "CPX_URL", secret=True)
MAX_CPU = Option("--max-cpu", percentage, "90", "CPX_MAX_CPU")
MAX_MEMORY = Option("--max-memory", percentage, "90", "CPX_MAX_MEMORY")
TIMEOUT = Option("--timeout", duration_s, "5")
DEADLINE = Option("--deadline", duration_s, "30")
CONCURRENCY = Option("--concurrency", _concurrency, "auto")
TRANSPORT = Option("--transport", one_of("auto", "direct", "requests"), "auto")
COLOR = Option("--color", one_of("auto", "always", "never"), "auto")


@dataclass(frozen=True, slots=True)
class Reading:
    """What every command that reads a fleet can be told; ``url`` is None for the demo."""

    url: CpxUrl | None
    policy: HealthPolicy
    timeout_s: float
    deadline_s: float
    concurrency: int | None
    transport: str
    color: str
    verbose: bool

    @classmethod
    def from_arguments(cls, arguments: Arguments) -> "Reading":
        demo = arguments.flag("--demo")
        if demo and arguments.words["--url"] is not None:
            raise UsageError("--demo needs no server, --url names one", "leave one of them out")
        return cls(
            url=None if demo else arguments.value(URL),
            policy=HealthPolicy(arguments.value(MAX_CPU), arguments.value(MAX_MEMORY)),
            timeout_s=arguments.value(TIMEOUT),
            deadline_s=arguments.value(DEADLINE),
            concurrency=arguments.value(CONCURRENCY),
            transport=arguments.value(TRANSPORT),
            color=arguments.value(COLOR),
            verbose=arguments.flag("--verbose"),
        )
