"""What every command that reads a fleet can be told."""

import os
import re
from typing import NamedTuple

from cpx_monitor.adapters.cpx_url import CpxUrl, parse_url
from cpx_monitor.adapters.transport import Access
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
MOST_TOKEN_BYTES = 65_536


def _concurrency(text: str) -> int | None:
    if text == "auto":
        return None
    try:
        return whole_number(1, MOST_CONCURRENCY)(text)
    except ValueError as error:
        raise ValueError(f"auto, or {error}") from None


def _token(text: str) -> str:
    """
    Raises:
        ValueError: it would not be one header's value; the message does not repeat it.
    """
    token = text.strip()
    if not re.fullmatch(r"[!-~]+", token, re.ASCII):
        raise ValueError("a token of printable ASCII characters without spaces is wanted")
    return token


def _token_in_file(path: str) -> str:
    return _token(_beginning_of(path, MOST_TOKEN_BYTES).decode("latin-1"))


def _ca_file(path: str) -> str:
    # It is read more than once, which a pipe does not survive.
    if os.path.exists(path) and not os.path.isdir(path) and not os.path.isfile(path):
        raise ValueError("it is not a regular file")
    _beginning_of(path, 1)
    return path


def _beginning_of(path: str, most_bytes: int) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(most_bytes)
    except OSError as error:
        raise ValueError(f"it cannot be read: {(error.strerror or '').lower()}") from None


URL = Option("--url", parse_url, "http://localhost:8080", "CPX_URL", secret=True)
MAX_CPU = Option("--max-cpu", percentage, "90", "CPX_MAX_CPU")
MAX_MEMORY = Option("--max-memory", percentage, "90", "CPX_MAX_MEMORY")
TIMEOUT = Option("--timeout", duration_s, "5")
DEADLINE = Option("--deadline", duration_s, "30")
CONCURRENCY = Option("--concurrency", _concurrency, "auto")
TRANSPORT = Option("--transport", one_of("auto", "direct", "requests"), "auto")
TOKEN_FILE = Option("--token-file", _token_in_file, "", "CPX_TOKEN_FILE")
TOKEN = Option("CPX_TOKEN", _token, "", "CPX_TOKEN", secret=True)
CA_FILE = Option("--ca-file", _ca_file, "")
COLOR = Option("--color", one_of("auto", "always", "never"), "auto")


def _access(arguments: Arguments) -> Access:
    insecure, ca_file = arguments.flag("--insecure"), arguments.given(CA_FILE)
    if insecure and ca_file is not None:
        raise UsageError(
            "--ca-file says whom to trust, --insecure trusts anybody", "leave one of them out"
        )
    token = arguments.given(TOKEN_FILE) or arguments.given(TOKEN)
    return Access(token, ca_file, checks_certificate=not insecure)


class Reading(NamedTuple):
    """What every command that reads a fleet can be told; ``url`` is None for the demo."""

    url: CpxUrl | None
    access: Access
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
            access=Access() if demo else _access(arguments),
            policy=HealthPolicy(arguments.value(MAX_CPU), arguments.value(MAX_MEMORY)),
            timeout_s=arguments.value(TIMEOUT),
            deadline_s=arguments.value(DEADLINE),
            concurrency=arguments.value(CONCURRENCY),
            transport=arguments.value(TRANSPORT),
            color=arguments.value(COLOR),
            verbose=arguments.flag("--verbose"),
        )
