"""The fleet for Prometheus and for a browser, or once for node_exporter."""

import contextlib
import errno
import gc
import os
import resource
from typing import TYPE_CHECKING, Protocol

from cpx_monitor.adapters.files import write_whole
from cpx_monitor.adapters.presenters.exposition import TEXT, fleet_metrics, render
from cpx_monitor.app.ports import FileUnusable, FleetInParts, Part
from cpx_monitor.app.scraping import RememberingParts, scrape_of
from cpx_monitor.app.use_cases import basis_of
from cpx_monitor.entrypoints import exit_codes
from cpx_monitor.entrypoints.bootstrap import Connect, connected
from cpx_monitor.entrypoints.exporter.access import WebAccess
from cpx_monitor.entrypoints.options import catalogue as options
from cpx_monitor.entrypoints.options.arguments import Arguments, read
from cpx_monitor.entrypoints.options.fleet_options import FleetOptions, policy_of
from cpx_monitor.entrypoints.options.option import UsageError
from cpx_monitor.entrypoints.reporting.closing import warn_if_silent
from cpx_monitor.entrypoints.terminal.console import Console
from cpx_monitor.entrypoints.terminal.signals import Interrupted, held, notice_while_waiting

if TYPE_CHECKING:
    from cpx_monitor.entrypoints.exporter.routes import Settings
    from cpx_monitor.entrypoints.exporter.server import Server

END_WITHIN_S = 60.0
MIN_REQUESTS, MAX_REQUESTS = 100, 2000
# As many sockets as pollers and clients may need, where the system lets this process have them.
WANTED_FILES = 8192
# A look through all objects stops everything for a tenth of a second where there are a hundred
# thousand instances; what a scrape makes has no cycles, and goes without.
GC_THRESHOLDS = (20_000, 50, 100)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class CountingParts(FleetInParts, Protocol):
    """``collections`` and ``list_requests`` count what there was so far."""

    collections: int
    list_requests: int


def run(arguments: Arguments, console: Console, connect: Connect) -> int:
    textfile = arguments.given(options.TEXTFILE)
    if arguments.flag(options.ONCE) != (textfile is not None):
        raise UsageError("--once and --textfile=<file> belong together", "add the other one")
    fleet_options = FleetOptions.from_arguments(arguments)
    if textfile is not None:
        return _write_once(arguments, fleet_options, console, connect, textfile)
    return _serve(arguments, fleet_options, console, connect)


def _serve(
    arguments: Arguments, fleet_options: FleetOptions, console: Console, connect: Connect
) -> int:
    access = _access(arguments)
    host, port = arguments.value(options.LISTEN)
    shown = f"[{host}]" if ":" in host else host
    _raise_the_limit_on_files()
    fleet = _fleet_in_parts(arguments, fleet_options, console, connect)
    with held():
        from cpx_monitor.entrypoints.exporter.own_metrics import OwnMetrics
        from cpx_monitor.entrypoints.exporter.routes import Routes
        from cpx_monitor.entrypoints.exporter.server import Server
        from cpx_monitor.entrypoints.exporter.wsgi import Application

    notice_while_waiting()
    settings, own = _settings(arguments, fleet_options, console), OwnMetrics()
    routes = Routes(
        RememberingParts(fleet),
        settings,
        own,
        lambda: (fleet.collections, fleet.list_requests),
        console.warn,
    )
    tell = console.tell if arguments.flag(options.VERBOSE) else lambda line: None
    application = Application(routes, access, own, _max_requests(), console.warn, tell)
    server = Server((host, port), application)
    _start(server, f"{shown}:{port}")
    if access.is_open and host not in _LOOPBACK:
        console.warn(
            "anyone who can reach this address can see the fleet:"
            " require credentials with --web-token-file or --web-user-file"
        )
    try:
        console.write(f"listening on http://{shown or 'localhost'}:{server.server_port}\n")
        server.serve_forever()
    except Interrupted:
        server.end(END_WITHIN_S)
    return exit_codes.DONE


def _max_requests() -> int:
    """In flight: as many as may wait for instances that hang, each with a connection of its own."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_REQUESTS if files < 0 else max(MIN_REQUESTS, min(MAX_REQUESTS, files // 4))


def _access(arguments: Arguments) -> WebAccess:
    token, users = arguments.given(options.WEB_TOKEN_FILE), arguments.given(options.WEB_USER_FILE)
    if token and users:
        raise UsageError(
            "--web-token-file asks for a token, --web-user-file for a name and a password",
            "leave one of them out",
        )
    return WebAccess(token, users or {})


def _settings(arguments: Arguments, fleet_options: FleetOptions, console: Console) -> "Settings":
    from cpx_monitor.entrypoints.exporter.routes import Settings

    return Settings(
        source=fleet_options.source.name,
        policy=policy_of(arguments, console.warn),
        deadline_s=fleet_options.deadline_s,
        buckets=arguments.value(options.BUCKETS),
        advertised=[read(options.ADVERTISE, each) for each in arguments.texts(options.ADVERTISE)],
        with_instances=arguments.value(options.SERIES) == "all",
    )


def _fleet_in_parts(
    arguments: Arguments, fleet_options: FleetOptions, console: Console, connect: Connect
) -> CountingParts:
    url, max_list_age_s = fleet_options.source.url, arguments.value(options.LIST_AGE)
    if url is None:
        from cpx_monitor.adapters.in_parts import PolledInParts

        return PolledInParts(*connected(arguments, fleet_options, console, connect))
    with held():
        from cpx_monitor.entrypoints.api_fleet import fleet_in_parts, prepare_process

    fleet = fleet_in_parts(fleet_options, url, console.environ, max_list_age_s)
    prepare_process(fleet_options, url, console)
    gc.set_threshold(*GC_THRESHOLDS)
    return fleet


def _raise_the_limit_on_files() -> None:
    """To what the system allows; many set it low for the sake of programs that use select."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_FILES if hard == resource.RLIM_INFINITY else min(WANTED_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _start(server: "Server", address: str) -> None:
    try:
        server.start()
    except OSError as error:
        number = error.errno or 0
        reason = os.strerror(number).lower() if number > 0 else "no such host"
        hint = "--listen names another port" if number == errno.EADDRINUSE else None
        raise UsageError(f"cannot listen on {address}: {reason}", hint) from None


def _write_once(
    arguments: Arguments,
    fleet_options: FleetOptions,
    console: Console,
    connect: Connect,
    path: str,
) -> int:
    """Where there is no list the file says so, for what stood there before is no longer true."""
    policy = policy_of(arguments, console.warn)
    fleet = _fleet_in_parts(arguments, fleet_options, console, connect)
    collected = fleet.collect(Part(), fleet_options.deadline_s)
    with_instances = arguments.value(options.SERIES) == "all"
    metrics = fleet_metrics(scrape_of(collected, policy), with_instances=with_instances)
    try:
        write_whole(path, render(metrics, TEXT))
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise FileUnusable(f"{path} cannot be written: {reason}") from None
    if collected.snapshot is None:
        console.error(collected.failure or "there is no list of servers")
        return exit_codes.NO_VERDICT
    basis = basis_of(collected.snapshot, policy)
    warn_if_silent(basis, console)
    if basis.no_verdict_because is not None:
        console.error(basis.no_verdict_because)
        return exit_codes.NO_VERDICT
    return exit_codes.DONE if basis.is_complete else exit_codes.INCOMPLETE
