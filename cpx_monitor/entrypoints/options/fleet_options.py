"""What every command that reads a fleet can be told."""

import os
import re
from typing import Any, NamedTuple

from cpx_monitor.adapters.cpx_api.url import CpxUrl, parse_url
from cpx_monitor.adapters.files import opened_to_read
from cpx_monitor.adapters.transports.access import Access
from cpx_monitor.domain.health import HealthPolicy
from cpx_monitor.entrypoints.options.arguments import (
    Arguments,
    Option,
    Origin,
    duration_s,
    one_of,
    percentage,
    whole_number,
)
from cpx_monitor.entrypoints.options.words import UsageError

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


def _file(path: str) -> str:
    if not path:
        raise ValueError("a file is wanted")
    return path


def _beginning_of(path: str, most_bytes: int) -> bytes:
    try:
        with opened_to_read(path) as file:
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
FROM = Option("--from", _file, "")
RECORD = Option("--record", _file, "")


def _access(arguments: Arguments, url: CpxUrl) -> Access:
    insecure_said, ca_said = arguments.found("--insecure")[0], _said(arguments, CA_FILE)
    if insecure_said is ca_said is not Origin.DEFAULT:
        raise UsageError(
            "--ca-file says whom to trust, --insecure trusts anybody", "leave one of them out"
        )
    insecure = insecure_said < ca_said
    token_option = min(TOKEN_FILE, TOKEN, key=lambda option: _said(arguments, option))
    ca_file = None if insecure else arguments.given(CA_FILE)
    # A profile's token is for the profile's own URL.
    own = arguments.profile.origin
    if _said(arguments, token_option) is own and url != _profile_url(arguments):
        name = arguments.profile.name
        unsent = f"the token of profile {name} is not sent: {url.shown} is not its url"
        return Access(None, ca_file, checks_certificate=not insecure, unsent=unsent)
    return Access(arguments.given(token_option), ca_file, checks_certificate=not insecure)


def _profile_url(arguments: Arguments) -> CpxUrl | None:
    text = arguments.profile.settings.get(URL.name)
    return None if text is None else arguments.read(URL, text)


def _said(arguments: Arguments, option: Option[Any]) -> Origin:
    return arguments.found(option.name, option.environment)[0]


class Source(NamedTuple):
    """Where the fleet is seen: at a URL, or in a recording, or neither, which is the demo."""

    url: CpxUrl | None = None
    recording: str | None = None

    @property
    def name(self) -> str:
        """For people and scripts, without credentials."""
        return self.url.shown if self.url else self.recording or "demo"


def source_name(arguments: Arguments) -> str:
    """The option that says where the fleet is seen: of several the one said more strongly.

    Raises:
        UsageError: several were said as strongly.
    """
    origins = {
        "--demo": arguments.found("--demo")[0],
        "--from": arguments.found("--from")[0],
        "--url": arguments.found("--url", URL.environment)[0],
    }
    strongest = min(origins.values())
    named = [name for name, origin in origins.items() if origin is strongest]
    if strongest is Origin.DEFAULT:
        return "--url"
    if len(named) > 1:
        said = ", ".join(f"{name} {_MEANING[name]}" for name in named)
        raise UsageError(said, "leave one of them out")
    return named[0]


def _source(arguments: Arguments) -> Source:
    match source_name(arguments):
        case "--demo":
            return Source()
        case "--from":
            return Source(recording=arguments.given(FROM))
    return Source(url=arguments.value(URL))


_MEANING = {
    "--demo": "needs no server",
    "--from": "reads a recording",
    "--url": "names a server",
}


class Reading(NamedTuple):
    """What every command that reads a fleet can be told; ``tracked`` is the one service that is
    looked at.
    """

    source: Source
    access: Access
    policy: HealthPolicy
    timeout_s: float
    deadline_s: float
    concurrency: int | None
    transport: str
    color: str
    verbose: bool
    record: str | None = None
    tracked: str | None = None
    profile: str = ""

    @property
    def told(self) -> str:
        """Where the fleet is seen, and by whose settings."""
        by_whom = f" by profile {self.profile}" if self.profile else ""
        return f"polling {self.source.name}{by_whom}"

    @classmethod
    def from_arguments(cls, arguments: Arguments) -> "Reading":
        source, record = _source(arguments), arguments.given(RECORD)
        if record is not None and source.recording is not None:
            _check_not_both(arguments)
            record = None
        return cls(
            source=source,
            access=Access() if source.url is None else _access(arguments, source.url),
            policy=HealthPolicy(arguments.value(MAX_CPU), arguments.value(MAX_MEMORY)),
            timeout_s=arguments.value(TIMEOUT),
            deadline_s=arguments.value(DEADLINE),
            concurrency=arguments.value(CONCURRENCY),
            transport=arguments.value(TRANSPORT),
            color=_color(arguments),
            verbose=arguments.flag("--verbose"),
            record=record,
            profile=arguments.profile.name,
        )


def _check_not_both(arguments: Arguments) -> None:
    """One that is only in the profile is passed over where the other was said more strongly."""
    from_said, record_said = (_said(arguments, option) for option in (FROM, RECORD))
    if from_said >= record_said:
        raise UsageError("--from reads a recording, --record makes one", "leave one of them out")


def _color(arguments: Arguments) -> str:
    """The variables are stronger than a profile; they are looked at where the stream is known."""
    variables = any(arguments.environ.get(name) for name in ("NO_COLOR", "FORCE_COLOR"))
    if variables and arguments.found("--color")[0] is Origin.PROFILE:
        return "auto"
    return arguments.value(COLOR)
