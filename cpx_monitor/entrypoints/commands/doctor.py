"""Whether it is the fleet or the API: every step of the way, and what to do about it."""

import contextlib
import time
from datetime import UTC, datetime

from cpx_monitor.adapters.cpx_api.url import CpxUrl
from cpx_monitor.adapters.presenters.diagnosis import render_diagnosis
from cpx_monitor.app.diagnosis import diagnose
from cpx_monitor.app.evidence import Concurrency, Evidence, Settings
from cpx_monitor.app.ports import Fleet, FleetUnavailable
from cpx_monitor.app.reports import Grade
from cpx_monitor.domain.fleet import Snapshot
from cpx_monitor.entrypoints import exit_codes
from cpx_monitor.entrypoints.bootstrap import Connect, connected
from cpx_monitor.entrypoints.options import catalogue as options
from cpx_monitor.entrypoints.options.arguments import Arguments
from cpx_monitor.entrypoints.options.fleet_options import FleetOptions, policy_of
from cpx_monitor.entrypoints.reporting.output import Output
from cpx_monitor.entrypoints.terminal.console import Console, OutputClosed
from cpx_monitor.entrypoints.terminal.signals import held

# How often the list is requested, if that does not take too long.
LISTS, LISTS_WITHIN_S = 10, 3.0

_EXIT_CODES = {
    Grade.OK: exit_codes.DONE,
    Grade.WARNING: exit_codes.INCOMPLETE,
    Grade.TROUBLE: exit_codes.TROUBLE,
}


def run(arguments: Arguments, console: Console, connect: Connect) -> int:
    fleet_options = FleetOptions.from_arguments(arguments)
    policy, output = policy_of(arguments, console.warn), Output.from_arguments(arguments, console)
    url = fleet_options.source.url
    if url is None:
        fleet, _ = connected(arguments, fleet_options, console, connect)
        evidence = Evidence(fleet_options.source.name, *_polled(fleet))
    else:
        evidence = _examined(arguments, fleet_options, url, console)
    report = diagnose(evidence, policy, datetime.now(UTC))
    with contextlib.suppress(OutputClosed):
        console.write(render_diagnosis(report, output.format, output.style))
    return _EXIT_CODES[report.verdict]


def _polled(fleet: Fleet) -> tuple[Snapshot | None, FleetUnavailable | None]:
    try:
        return fleet.snapshot(), None
    except FleetUnavailable as error:
        return None, error


def _examined(
    arguments: Arguments, fleet_options: FleetOptions, url: CpxUrl, console: Console
) -> Evidence:
    with held():
        from cpx_monitor.adapters.cpx_api.probe import reach
        from cpx_monitor.entrypoints.api_fleet import (
            examined_fleet,
            prepare_process,
            with_progress,
        )

    tell = console.tell if arguments.flag(options.VERBOSE) else lambda line: None
    examined = examined_fleet(fleet_options, url, console.environ, tell)
    prepare_process(fleet_options, url, console)
    access, timeout_s = fleet_options.access, fleet_options.timeout_s
    way = None if examined.proxy else reach(url.address, access, timeout_s)
    snapshot, failure = _polled(with_progress(examined.fleet, console))
    if snapshot is not None:
        _request_the_list(examined.fleet)
    transport = examined.transport
    return Evidence(
        source=url.shown,
        snapshot=snapshot,
        failure=failure,
        requests=tuple(transport.requests),
        entries=transport.entries,
        list_bytes=None if transport.latest_list is None else len(transport.latest_list),
        reach=way,
        settings=Settings(
            transport=examined.kind,
            proxy=examined.proxy,
            token=_token_origin(arguments, url) if access.token or "@" in url.address else None,
            is_tls=url.address.startswith("https:"),
            verifies=access.checks_certificate,
        ),
        concurrency=Concurrency(examined.limit.value, examined.limit.limited_by),
    )


def _request_the_list(fleet: Fleet) -> None:
    """Repeat the request to measure its latency; a failure is measured as well."""
    began_s = time.monotonic()
    for _ in range(LISTS - 1):
        if time.monotonic() - began_s > LISTS_WITHIN_S:
            return
        with contextlib.suppress(FleetUnavailable):
            fleet.snapshot(lambda listed: ())


def _token_origin(arguments: Arguments, url: CpxUrl) -> str:
    if "@" in url.address and not (
        arguments.given(options.TOKEN_FILE) or arguments.given(options.TOKEN)
    ):
        return "the URL (name and password)"
    option = min(options.TOKEN_FILE, options.TOKEN, key=arguments.origin)
    return arguments.found(option).where
