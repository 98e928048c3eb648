"""The fleet and the clock that a command works with, put together from its options."""

import gc
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from cpx_monitor.adapters.clock import SystemClock
from cpx_monitor.entrypoints.options.fleet_options import Reading
from cpx_monitor.entrypoints.options.words import UsageError
from cpx_monitor.entrypoints.terminal.console import Console
from cpx_monitor.entrypoints.terminal.signals import held, notice_while_waiting

if TYPE_CHECKING:
    from cpx_monitor.adapters.cpx_api.fleet import CpxHttpFleet
    from cpx_monitor.adapters.cpx_api.polling.concurrency import Limit
    from cpx_monitor.adapters.cpx_api.url import CpxUrl
    from cpx_monitor.adapters.recordings.replay import Replay
    from cpx_monitor.adapters.transports.port import Transport
    from cpx_monitor.app.ports import Clock, Fleet

MOST_SOCKETS = 1000
MOST_THREADS = 64
SPARE_FILES = 56


def fleet_and_clock(reading: Reading, console: Console) -> "tuple[Fleet, Clock]":
    """
    Raises:
        UsageError, RecordingUnusable: something that was named cannot be used.
    """
    for name, limit in zip(("--max-cpu", "--max-memory"), reading.policy, strict=True):
        if 0 < limit < 1:
            console.warn(f"{name} is a percentage: {limit:g} means {limit:g} %")
    fleet, clock = _fleet_and_clock(reading, console)
    if reading.record is None:
        return fleet, clock
    from cpx_monitor.adapters.recordings.writer import RecordingFleet

    recording = RecordingFleet(fleet, reading.record, clock, console.warn, reading.tracked)
    return recording, clock


def _sleep(seconds: float) -> None:
    """So that a screen follows what happens meanwhile; who looks once need not import it."""
    import gevent

    notice_while_waiting()
    gevent.sleep(seconds)


def replay(path: str, console: Console, speed: float) -> "Replay":
    """A recording to be tracked as if it were now."""
    import gevent

    from cpx_monitor.adapters.recordings.reader import Recording
    from cpx_monitor.adapters.recordings.replay import Replay

    notice_while_waiting()
    return Replay(Recording(path, console.warn).rounds(), gevent.sleep, speed)


def http_fleet(
    reading: Reading, url: "CpxUrl", environ: Mapping[str, str], tell: Callable[[str], None]
) -> "CpxHttpFleet":
    """
    Raises:
        UsageError: the authorities named are none.
    """
    import gevent

    from cpx_monitor.adapters.cpx_api.fleet import CpxHttpFleet

    through_requests = reading.transport == "requests" or (
        reading.transport == "auto" and _a_proxy_applies(url, environ)
    )
    return CpxHttpFleet(
        url,
        _transport(reading, url, through_requests),
        SystemClock(gevent.sleep),
        _limit(reading.concurrency, MOST_THREADS if through_requests else _most_sockets()),
        timeout_s=reading.timeout_s,
        deadline_s=reading.deadline_s,
        tell=tell,
    )


def _fleet_and_clock(reading: Reading, console: Console) -> "tuple[Fleet, Clock]":
    url = reading.source.url
    if url is None:
        return _fleet_in_memory(reading.source.recording, console)
    with held():
        import gevent

        # Its default is looked up in pprint, which takes long to import.
        gevent.config.format_context = "builtins.repr"
        tell = console.tell if reading.verbose else _say_nothing
        tell(reading.told)
        fleet = http_fleet(reading, url, console.environ, tell)
    notice_while_waiting()
    # See launch. What is there by now stays, so it is not looked through again and again.
    gc.freeze()
    gc.enable()
    if reading.access.unsent:
        console.warn(reading.access.unsent)
    if not reading.access.checks_certificate and url.address.startswith("https:"):
        console.warn("--insecure: the server's certificate is not verified")
    # A fault in a greenlet is raised again where it is waited for, and told there.
    gevent.get_hub().exception_stream = None
    clock = SystemClock(gevent.sleep)
    if not console.can_show_progress or reading.verbose:
        return fleet, clock
    from cpx_monitor.entrypoints.terminal.progress import FleetWithProgress

    return FleetWithProgress(fleet, fleet.progress, console), clock


def _fleet_in_memory(recording: str | None, console: Console) -> "tuple[Fleet, Clock]":
    if recording is None:
        from cpx_monitor.adapters.demo import demo_fleet

        clock = SystemClock(_sleep)
        return demo_fleet(clock), clock
    from cpx_monitor.adapters.recordings.reader import Recording
    from cpx_monitor.adapters.recordings.replay import RecordedFleet

    return RecordedFleet(Recording(recording, console.warn)), SystemClock()


def _transport(reading: Reading, url: "CpxUrl", through_requests: bool) -> "Transport":
    from cpx_monitor.adapters.transports.direct import DirectTransport, tls_context

    access = reading.access
    if access.ca_file is not None:
        try:
            tls_context(access)
        except OSError:
            raise UsageError(f"--ca-file={access.ca_file}: it holds no certificate") from None
    if through_requests:
        from cpx_monitor.adapters.transports.via_requests import RequestsTransport

        return RequestsTransport(url.address, reading.concurrency or MOST_THREADS, access)
    return DirectTransport(url.address, access)


def _most_sockets() -> int:
    """As many as the system lets this process have, some for other files left apart."""
    import resource

    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed < 0:
        return MOST_SOCKETS
    return max(1, min(MOST_SOCKETS, max(allowed // 2, allowed - SPARE_FILES)))


def _limit(concurrency: int | None, most: int) -> "Limit":
    from cpx_monitor.adapters.cpx_api.polling.concurrency import AdaptiveLimit, FixedLimit

    return AdaptiveLimit(most) if concurrency is None else FixedLimit(concurrency)


def _a_proxy_applies(url: "CpxUrl", environ: Mapping[str, str]) -> bool:
    # Most machines name no proxy, and need not import what knows the rules.
    if not any(name.lower().endswith("_proxy") and value for name, value in environ.items()):
        return False
    from requests.utils import get_environ_proxies, select_proxy

    return select_proxy(url.address, get_environ_proxies(url.address)) is not None


def _say_nothing(line: str) -> None:
    pass
