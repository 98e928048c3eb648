"""Which fleet is meant and how it is polled: what every command that reads a fleet is told."""

from collections.abc import Callable
from typing import Any, NamedTuple

from cpx_monitor.adapters.cpx_api.url import CpxUrl
from cpx_monitor.adapters.transports.access import Access
from cpx_monitor.domain.health import HealthPolicy
from cpx_monitor.entrypoints.options import catalogue as options
from cpx_monitor.entrypoints.options.arguments import Arguments, Origin, read
from cpx_monitor.entrypoints.options.option import Option, UsageError


class Source(NamedTuple):
    """Where the fleet is seen: at a URL, or in a recording, or neither, which is the demo."""

    url: CpxUrl | None = None
    recording: str | None = None

    @property
    def name(self) -> str:
        """For people and scripts, without credentials."""
        return self.url.shown if self.url else self.recording or "demo"


class FleetOptions(NamedTuple):
    """``concurrency`` is None where it is to be found."""

    source: Source
    access: Access = Access()
    timeout_s: float = float(options.TIMEOUT.default)
    deadline_s: float = float(options.DEADLINE.default)
    concurrency: int | None = None
    transport: str = options.TRANSPORT.default

    @classmethod
    def from_arguments(cls, arguments: Arguments) -> "FleetOptions":
        """
        Raises:
            UsageError: an option cannot be used, or two of them exclude each other.
        """
        source = _source(arguments)
        return cls(
            source=source,
            access=Access() if source.url is None else _access(arguments, source.url),
            timeout_s=arguments.value(options.TIMEOUT),
            deadline_s=arguments.value(options.DEADLINE),
            concurrency=arguments.value(options.CONCURRENCY),
            transport=arguments.value(options.TRANSPORT),
        )


def policy_of(arguments: Arguments, warn: Callable[[str], None]) -> HealthPolicy:
    """When an instance is healthy; warns of limits that look like ratios."""
    policy = HealthPolicy(arguments.value(options.MAX_CPU), arguments.value(options.MAX_MEMORY))
    for option, limit in zip((options.MAX_CPU, options.MAX_MEMORY), policy, strict=True):
        if 0 < limit < 1:
            warn(f"{option.name} is a percentage: {limit:g} means {limit:g} %")
    return policy


def source_option(arguments: Arguments) -> Option[Any]:
    """The option that says where the fleet is seen: of several the one given more strongly.

    Raises:
        UsageError: several were given as strongly.
    """
    origins = {option: arguments.origin(option) for option in _SOURCES}
    strongest = min(origins.values())
    if strongest is Origin.DEFAULT:
        return options.URL
    named = [option for option, origin in origins.items() if origin is strongest]
    if len(named) > 1:
        said = ", ".join(f"{option.name} {_SOURCES[option]}" for option in named)
        raise UsageError(said, "leave one of them out")
    return named[0]


_SOURCES: dict[Option[Any], str] = {
    options.DEMO: "needs no server",
    options.FROM: "reads a recording",
    options.URL: "names a server",
}


def _source(arguments: Arguments) -> Source:
    option = source_option(arguments)
    if option is options.DEMO:
        return Source()
    if option is options.FROM:
        return Source(recording=arguments.given(options.FROM))
    return Source(url=arguments.value(options.URL))


def recording_to_write(arguments: Arguments) -> str | None:
    """The file of ``--record``. One that is only in the profile is ignored where a recording to
    read was given more strongly.

    Raises:
        UsageError: a recording is to be read and written at once.
    """
    record = arguments.given(options.RECORD)
    if record is None or source_option(arguments) is not options.FROM:
        return record
    if arguments.origin(options.FROM) >= arguments.origin(options.RECORD):
        raise UsageError("--from reads a recording, --record makes one", "leave one of them out")
    return None


def _access(arguments: Arguments, url: CpxUrl) -> Access:
    insecure_origin = arguments.origin(options.INSECURE)
    ca_origin = arguments.origin(options.CA_FILE)
    if insecure_origin is ca_origin is not Origin.DEFAULT:
        raise UsageError(
            "--ca-file says which authorities to trust, --insecure trusts any server",
            "leave one of them out",
        )
    insecure = insecure_origin < ca_origin
    token_option = min(options.TOKEN_FILE, options.TOKEN, key=arguments.origin)
    ca_file = None if insecure else arguments.given(options.CA_FILE)
    # A profile's token is for the profile's own URL.
    own = arguments.profile.origin
    if arguments.origin(token_option) is own and url != _profile_url(arguments):
        name = arguments.profile.name
        why = f"{url.shown} is not its url" if _profile_url(arguments) else "it has no url"
        unsent = f"the token of profile {name} is not sent: {why}"
        return Access(None, ca_file, checks_certificate=not insecure, unsent=unsent)
    return Access(arguments.given(token_option), ca_file, checks_certificate=not insecure)


def _profile_url(arguments: Arguments) -> CpxUrl | None:
    text = arguments.profile.settings.get(options.URL.name)
    return None if text is None else read(options.URL, text)


def color_of(arguments: Arguments) -> tuple[str, str | None]:
    """auto, always or never, and the variable that says so, if one does.

    NO_COLOR and FORCE_COLOR (https://no-color.org, https://force-color.org) are weaker than a flag
    and a profile named by one, and stronger than other profiles.
    """
    if arguments.origin(options.COLOR) not in (Origin.FLAG, Origin.NAMED_PROFILE):
        if arguments.environ.get("NO_COLOR"):
            return "never", "NO_COLOR"
        if arguments.environ.get("FORCE_COLOR", "0") not in ("", "0"):
            return "always", "FORCE_COLOR"
    return arguments.value(options.COLOR), None
