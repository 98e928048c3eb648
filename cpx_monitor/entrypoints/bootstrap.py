"""The fleet and the clock that a command works with, put together from its options."""

from cpx_monitor.adapters.clock import SystemClock
from cpx_monitor.app.ports import Clock, Fleet
from cpx_monitor.entrypoints.console import Console
from cpx_monitor.entrypoints.interrupts import held
from cpx_monitor.entrypoints.options import Reading


def fleet_and_clock(reading: Reading, console: Console) -> tuple[Fleet, Clock]:
    if reading.url is None:
        from cpx_monitor.adapters.memory import demo_fleet

        clock = SystemClock()
        return demo_fleet(clock), clock

    with held():
        import gevent

        from cpx_monitor.adapters.cpx_http import CpxHttpFleet
        from cpx_monitor.adapters.via_requests import RequestsTransport

    # A fault in a greenlet is raised again where it is waited for, and told there.
    gevent.get_hub().exception_stream = None
    clock = SystemClock(gevent.sleep)
    fleet = CpxHttpFleet(
        reading.url,
        RequestsTransport(reading.url.address, reading.concurrency),
        clock,
        timeout_s=reading.timeout_s,
        deadline_s=reading.deadline_s,
        concurrency=reading.concurrency,
        tell=console.tell if reading.verbose else _say_nothing,
    )
    return fleet, clock


def _say_nothing(line: str) -> None:
    pass
