"""A fleet behind a CPX API, put together: its transport, its limits, its progress."""

import gc
import resource
from collections.abc import Callable, Mapping
from typing import NamedTuple

import gevent

from cpx_monitor.adapters.clock import SystemClock
from cpx_monitor.adapters.cpx_api.fleet import CpxHttpFleet
from cpx_monitor.adapters.cpx_api.fleet_in_parts import CpxFleetInParts
from cpx_monitor.adapters.cpx_api.measured import MeasuredTransport
from cpx_monitor.adapters.cpx_api.polling.concurrency import AdaptiveLimit, FixedLimit, Limit
from cpx_monitor.adapters.cpx_api.url import CpxUrl
from cpx_monitor.adapters.transports.direct import DirectTransport, tls_context
from cpx_monitor.adapters.transports.port import Transport
from cpx_monitor.app.ports import Clock, Fleet
from cpx_monitor.entrypoints.options.fleet_options import FleetOptions
from cpx_monitor.entrypoints.options.option import UsageError
from cpx_monitor.entrypoints.options.words import without_credentials
from cpx_monitor.entrypoints.terminal.console import Console
from cpx_monitor.entrypoints.terminal.progress import FleetWithProgress
from cpx_monitor.entrypoints.terminal.signals import notice_while_waiting

# Its default is looked up in pprint, which takes long to import.
gevent.config.format_context = "builtins.repr"

MAX_SOCKETS = 1000
MAX_THREADS = 64
SPARE_FILES = 56
# Answers over a connection that are not forgotten where collections overlap.
MAX_REMEMBERED = 1000


def connect_to_api(
    fleet_options: FleetOptions, url: CpxUrl, console: Console, is_verbose: bool
) -> tuple[Fleet, Clock]:
    tell = console.tell if is_verbose else _say_nothing
    fleet = http_fleet(fleet_options, url, console.environ, tell)
    prepare_process(fleet_options, url, console)
    clock = SystemClock(gevent.sleep)
    return fleet if is_verbose else with_progress(fleet, console), clock


def prepare_process(fleet_options: FleetOptions, url: CpxUrl, console: Console) -> None:
    """For a fleet that is polled over the network; warns of what is not as safe as it could be."""
    notice_while_waiting()
    # See launch. What is there by now stays, so it is not looked through again and again.
    gc.freeze()
    gc.enable()
    access = fleet_options.access
    if access.unsent:
        console.warn(access.unsent)
    if not access.checks_certificate and url.address.startswith("https:"):
        console.warn("--insecure: the server's certificate is not verified")
    # A fault in a greenlet is raised again where it is waited for, and told there.
    gevent.get_hub().exception_stream = None


def with_progress(fleet: CpxHttpFleet, console: Console) -> Fleet:
    """A line on stderr tells how far a poll is, where there is a terminal for it."""
    if not console.can_show_progress:
        return fleet
    return FleetWithProgress(fleet, fleet.progress, console)


def http_fleet(
    fleet_options: FleetOptions,
    url: CpxUrl,
    environ: Mapping[str, str],
    tell: Callable[[str], None],
) -> CpxHttpFleet:
    """
    Raises:
        UsageError: the file of certificate authorities holds none.
    """
    transport, limit = _transport_and_limit(fleet_options, url, environ)
    return _fleet(fleet_options, url, transport, limit, tell)


def fleet_in_parts(
    fleet_options: FleetOptions, url: CpxUrl, environ: Mapping[str, str], max_list_age_s: float
) -> CpxFleetInParts:
    """
    Raises:
        UsageError: the file of certificate authorities holds none.
    """
    transport, limit = _transport_and_limit(fleet_options, url, environ, MAX_REMEMBERED)
    return CpxFleetInParts(
        url,
        transport,
        SystemClock(gevent.sleep),
        limit,
        timeout_s=fleet_options.timeout_s,
        deadline_s=fleet_options.deadline_s,
        max_list_age_s=max_list_age_s,
    )


class Examined(NamedTuple):
    """A fleet, and what is written down of its requests; ``proxy`` is the one they go through, if
    they do, without credentials.
    """

    fleet: CpxHttpFleet
    transport: MeasuredTransport
    limit: Limit
    kind: str
    proxy: str | None


def examined_fleet(
    fleet_options: FleetOptions,
    url: CpxUrl,
    environ: Mapping[str, str],
    tell: Callable[[str], None],
) -> Examined:
    """
    Raises:
        UsageError: the file of certificate authorities holds none.
    """
    transport, limit = _transport_and_limit(fleet_options, url, environ)
    measured = MeasuredTransport(transport)
    fleet = _fleet(fleet_options, url, measured, limit, tell)
    is_direct = isinstance(transport, DirectTransport)
    return Examined(
        fleet,
        measured,
        limit,
        "direct" if is_direct else "requests",
        None if is_direct else _proxy(url, environ),
    )


def _transport_and_limit(
    fleet_options: FleetOptions, url: CpxUrl, environ: Mapping[str, str], remembered: int = 0
) -> tuple[Transport, Limit]:
    through_requests = fleet_options.transport == "requests" or (
        fleet_options.transport == "auto" and _proxy(url, environ) is not None
    )
    max_concurrency = MAX_THREADS if through_requests else _max_sockets()
    transport = _transport(fleet_options, url, through_requests, remembered)
    return transport, _limit(fleet_options.concurrency, max_concurrency)


def _fleet(
    fleet_options: FleetOptions,
    url: CpxUrl,
    transport: Transport,
    limit: Limit,
    tell: Callable[[str], None],
) -> CpxHttpFleet:
    return CpxHttpFleet(
        url,
        transport,
        SystemClock(gevent.sleep),
        limit,
        timeout_s=fleet_options.timeout_s,
        deadline_s=fleet_options.deadline_s,
        tell=tell,
    )


def _transport(
    fleet_options: FleetOptions, url: CpxUrl, through_requests: bool, remembered: int
) -> Transport:
    access = fleet_options.access
    if access.ca_file is not None:
        try:
            tls_context(access)
        except OSError:
            raise UsageError(f"{access.ca_file} holds no certificate") from None
    if through_requests:
        from cpx_monitor.adapters.transports.via_requests import RequestsTransport

        return RequestsTransport(
            url.address, fleet_options.concurrency or MAX_THREADS, access, remembered
        )
    return DirectTransport(url.address, access, remembered)


def _max_sockets() -> int:
    """As many as the system lets this process have, some for other files left apart."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed < 0:
        return MAX_SOCKETS
    return max(1, min(MAX_SOCKETS, max(allowed // 2, allowed - SPARE_FILES)))


def _limit(concurrency: int | None, most: int) -> Limit:
    return AdaptiveLimit(most) if concurrency is None else FixedLimit(concurrency)


def _proxy(url: CpxUrl, environ: Mapping[str, str]) -> str | None:
    """The one that applies, without credentials."""
    # Most machines name no proxy, and need not import what knows the rules.
    if not any(name.lower().endswith("_proxy") and value for name, value in environ.items()):
        return None
    from requests.utils import get_environ_proxies, select_proxy

    proxy = select_proxy(url.address, get_environ_proxies(url.address))
    return None if proxy is None else without_credentials(proxy)


def _say_nothing(line: str) -> None:
    pass
