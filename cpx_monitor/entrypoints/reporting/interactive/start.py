"""A session with keys, put together where there is a keyboard."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from cpx_monitor.app.ordering import Order
from cpx_monitor.app.ports import Clock, Fleet
from cpx_monitor.entrypoints.reporting.output import Output
from cpx_monitor.entrypoints.terminal.console import Console
from cpx_monitor.entrypoints.terminal.signals import held, notice_while_waiting

if TYPE_CHECKING:
    from cpx_monitor.entrypoints.reporting.interactive.session import Alarm, Session
    from cpx_monitor.entrypoints.reporting.interactive.subjects import Subject


class Interactive(NamedTuple):
    """A fleet whose rounds are held, a clock whose sleep a key may end, and what keys work on."""

    fleet: Fleet
    clock: Clock
    session: "Session"


def interactive(
    fleet: Fleet,
    clock: Clock,
    subject: "Callable[[], Subject]",
    output: Output,
    console: Console,
    source: str,
    *,
    every_s: float | None = None,
    tracked: str | None = None,
    is_recording: bool = False,
) -> Interactive | None:
    """None where there is no keyboard: then frames are drawn, and there are no keys."""
    if console.keyboard is None:
        return None
    with held():
        from cpx_monitor.entrypoints.reporting.interactive.held import HoldingFleet
        from cpx_monitor.entrypoints.reporting.interactive.keyboard import Keyboard
        from cpx_monitor.entrypoints.reporting.interactive.session import Alarm, Session

    keyboard = Keyboard.at(console.keyboard)
    if keyboard is None:
        return None
    notice_while_waiting()
    holding, alarm = HoldingFleet(fleet), Alarm()
    session = Session(
        subject(),
        holding,
        alarm,
        keyboard,
        output.style,
        console,
        source,
        every_s=every_s,
        tracked=tracked,
        is_recording=is_recording,
    )
    return Interactive(holding, _WakeableClock(clock, alarm), session)


def report_subject(output: Output, every_s: float) -> "Subject":
    """For a report on the whole fleet."""
    from cpx_monitor.entrypoints.reporting.interactive.subjects import ReportSubject

    return ReportSubject(output, every_s)


def track_subject(output: Output, source: str, pace: str, order: Order) -> "Subject":
    """For the instances of a service."""
    from cpx_monitor.entrypoints.reporting.interactive.subjects import TrackSubject

    return TrackSubject(output, source, pace, order)


def fleet_subject(output: Output, source: str, pace: str) -> "Subject":
    """For all services, and the instances of each."""
    from cpx_monitor.entrypoints.reporting.interactive.subjects import FleetSubject

    return FleetSubject(output, source, pace)


class _WakeableClock(Clock):
    def __init__(self, clock: Clock, alarm: "Alarm") -> None:
        self._clock = clock
        self._alarm = alarm

    def now(self) -> datetime:
        return self._clock.now()

    def monotonic_s(self) -> float:
        return self._clock.monotonic_s()

    def sleep(self, seconds: float) -> None:
        self._alarm.sleep(seconds)
