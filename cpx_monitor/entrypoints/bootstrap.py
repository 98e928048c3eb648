"""The fleet and the clock that a command works with, put together from its options."""

import gc
from collections.abc import Mapping
from typing import TYPE_CHECKING

from cpx_monitor.adapters.clock import SystemClock
from cpx_monitor.entrypoints.console import Console
from cpx_monitor.entrypoints.interrupts import held
from cpx_monitor.entrypoints.reading import Reading

if TYPE_CHECKING:
    from cpx_monitor.adapters.concurrency import Limit
    from cpx_monitor.adapters.cpx_url import CpxUrl
    from cpx_monitor.adapters.transport import Transport
    from cpx_monitor.app.ports import Clock, Fleet

MOST_THREADS = 64


def fleet_and_clock(reading: Reading, console: Console) -> "tuple[Fleet, Clock]":
    if reading.url is None:
        from cpx_monitor.adapters.memory import demo_fleet

        clock = SystemClock()
        return demo_fleet(clock), clock
    with held():
        import gevent

        from cpx_monitor.adapters.cpx_http import CpxHttpFleet

        transport = _transport(reading, reading.url, console.environ)
    gc.enable()  # see launch
    # A fault in a greenlet is raised again where it is waited for, and told there.
    gevent.get_hub().exception_stream = None
    clock = SystemClock(gevent.sleep)
    fleet = CpxHttpFleet(
        reading.url,
        transport,
        clock,
        _limit(reading),
        timeout_s=reading.timeout_s,
        deadline_s=reading.deadline_s,
        tell=console.tell if reading.verbose else _say_nothing,
    )
    return fleet, clock


def _limit(reading: Reading) -> "Limit":
    from cpx_monitor.adapters.concurrency import AdaptiveLimit, FixedLimit

    if reading.concurrency is not None:
        return FixedLimit(reading.concurrency)
    return AdaptiveLimit()


def _transport(reading: Reading, url: "CpxUrl", environ: Mapping[str, str]) -> "Transport":
    name = reading.transport
    if name == "requests" or (name == "auto" and _a_proxy_applies(url, environ)):
        from cpx_monitor.adapters.via_requests import RequestsTransport

        return RequestsTransport(url.address, reading.concurrency or MOST_THREADS)
    from cpx_monitor.adapters.direct import DirectTransport

    return DirectTransport(url.address)


def _a_proxy_applies(url: "CpxUrl", environ: Mapping[str, str]) -> bool:
    # Most machines name no proxy, and need not import what knows the rules.
    if not any(name.lower().endswith("_proxy") and value for name, value in environ.items()):
        return False
    from requests.utils import get_environ_proxies, select_proxy

    return select_proxy(url.address, get_environ_proxies(url.address)) is not None


def _say_nothing(line: str) -> None:
    pass
