"""What every command that reads a fleet can be told."""

from typing import NamedTuple

from cpx_monitor.adapters.cpx_url import CpxUrl, parse_url
from cpx_monitor.domain.health import HealthPolicy
from cpx_monitor.entrypoints.arguments import (
    Arguments,
    Option,
    duration_s,
    one_of,
    percentage,
    whole_number,
)
from cpx_monitor.entrypoints.command_line import UsageError

MOST_CONCURRENCY = 1000


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


class Reading(NamedTuple):
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
