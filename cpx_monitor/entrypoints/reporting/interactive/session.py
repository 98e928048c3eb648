"""A screen with keys: the rounds held, what is looked at, and what a key changes."""

import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import gevent
from gevent.event import Event

from cpx_monitor.adapters.presenters.layout import Style
from cpx_monitor.adapters.presenters.pages import (
    Place,
    help_frame,
    page_frame,
    rows_that_fit,
)
from cpx_monitor.app.ports import FileUnusable
from cpx_monitor.app.reports import Round
from cpx_monitor.domain.health import Status, Verdict
from cpx_monitor.entrypoints.reporting.interactive.held import (
    HeldRound,
    HeldRounds,
    HoldingFleet,
    let_keys_act,
    write_held,
)
from cpx_monitor.entrypoints.reporting.interactive.keyboard import Keyboard
from cpx_monitor.entrypoints.reporting.interactive.keys import Key
from cpx_monitor.entrypoints.reporting.interactive.state import (
    HELP,
    KEY_LINE,
    NOTHING_YET,
    Effect,
    Situation,
    ViewState,
    press,
    settled,
)
from cpx_monitor.entrypoints.reporting.interactive.subjects import Seen, Subject
from cpx_monitor.entrypoints.terminal.console import Console
from cpx_monitor.entrypoints.terminal.screen import Screen

_POLLING_SHOWS_AFTER_S = 0.3
_OVERDUE_AFTER_S = 2.0
_SORTS_BY = {"c": "CPU", "m": "memory"}


class Alarm:
    """A sleep that a key ends, or one that came before it."""

    def __init__(self) -> None:
        self._event = Event()

    def sleep(self, seconds: float) -> None:
        self._event.wait(max(0.0, seconds))
        self._event.clear()

    def ring(self) -> None:
        self._event.set()


class Session:
    """What the keys of one screen work on.

    Args:
        every_s: from round to round; None where nothing is polled.
        tracked: the service that is tracked, where one is.
        is_recording: it is a recording that is played, so nothing is polled.
    """

    def __init__(
        self,
        subject: Subject,
        fleet: HoldingFleet,
        alarm: Alarm,
        keyboard: Keyboard,
        style: Style,
        console: Console,
        source: str,
        *,
        every_s: float | None = None,
        tracked: str | None = None,
        is_recording: bool = False,
    ) -> None:
        self._subject = subject
        self._fleet = fleet
        self._alarm = alarm
        self.keyboard = keyboard
        self._style = style
        self._console = console
        self._source = source
        self._every_s = every_s
        self._learned_s = time.monotonic()
        self._tracked = tracked
        self._is_recording = is_recording
        self._held = HeldRounds(is_recording=is_recording)
        self._state = ViewState()
        self._message = ""
        self._typed_ahead: list[Key] = []
        self._rounds_to_play = 0
        self._screen: Screen | None = None
        self._seen: tuple[object, Seen] | None = None

    def begin(self, screen: Screen) -> None:
        """From now on keys are read, and the screen says that it polls if that takes a while."""
        self._screen = screen
        gevent.spawn_later(_POLLING_SHOWS_AFTER_S, self._show_polling)
        gevent.spawn(self._show_what_is_overdue)
        self._listener = gevent.spawn(self.keyboard.listen, self.on_key)

    def learn(self, shown: Round[Any]) -> None:
        """Hold the round, and draw it unless another one is looked at. What was typed before the
        first round acts on it.
        """
        assert self._fleet.latest is not None  # it is of this round
        self._held.append(HeldRound(shown, self._fleet.latest))
        self._learned_s = time.monotonic()
        if self._rounds_to_play:
            self._play(shown.number)
        typed, self._typed_ahead = self._typed_ahead, []
        for key in typed:
            self.on_key(key)
        let_keys_act()
        self._show()
        let_keys_act()

    def wait(self) -> None:
        """The recording has ended; what was played stays until a key ends it."""
        self._message = "the recording has ended"
        self._show()
        self._listener.join()

    def on_key(self, key: Key) -> None:
        self._message = ""
        if not self._held.numbers:
            self._on_early_key(key)
            return
        situation = self._situation(self._console.size())
        self._state, effect = press(self._state, key, situation)
        match effect:
            case Effect.QUIT:
                _end()
                return
            case Effect.POLL:
                self._poll()
            case Effect.PLAY_ON:
                self._play_on()
            case Effect.WRITE:
                self._write()
        if self._state.typed is None and key.name in _SORTS_BY.keys() - situation.orders.keys():
            self._message = f"there is no {_SORTS_BY[key.name]} here to sort by"
        self._show()

    def _on_early_key(self, key: Key) -> None:
        """Before there is a round. Cases: help, and what ends it; the end; what has to wait."""
        if key.name == "?" or self._state.shows_help:
            self._state, _ = press(self._state, key, NOTHING_YET)
            self._show()
        elif key.name == "q":
            _end()
        else:
            self._typed_ahead.append(key)

    def draw(self, size: os.terminal_size) -> list[str]:
        style = self._style._replace(width=size.columns)
        if self._state.shows_help:
            return help_frame(HELP, self._source, style, size.lines)
        if not self._held.numbers:
            return ["", f"polling {self._source} …"][: size.lines]
        self._state = settled(self._state, self._situation(size))
        place = Place(self._state.place, self._state.first)
        page = self._see(style).page
        height = rows_that_fit(page.head, style, size.lines)
        return page_frame(page, place, self._bottom(style, height), style, size.lines)

    def _overdue_s(self) -> float | None:
        """How long the next round has been under way, if that is longer than it should be."""
        if self._every_s is None:
            return None
        late_s = time.monotonic() - self._learned_s - self._every_s
        return late_s if late_s > _OVERDUE_AFTER_S else None

    def _show_what_is_overdue(self) -> None:
        while True:
            gevent.sleep(1)
            if self._held.numbers and self._overdue_s() is not None:
                self._show()

    def _show(self) -> None:
        if self._screen is not None:
            self._screen.show(self.draw)

    def _show_polling(self) -> None:
        if not self._held.numbers:
            self._show()

    def _see(self, style: Style) -> Seen:
        """Made anew only where something of it has changed."""
        state, numbers = self._state, self._held.numbers
        looked_at = state.round or numbers[-1]
        key = (looked_at, state.inside, state.filter_in_force, state.order, style)
        if self._seen is None or self._seen[0] != key:
            self._seen = key, self._subject.see(self._held, state, style)
        return self._seen[1]

    def _situation(self, size: os.terminal_size) -> Situation:
        style = self._style._replace(width=size.columns)
        seen = self._see(style)
        return Situation(
            rows=seen.rows,
            height=rows_that_fit(seen.page.head, style, size.lines),
            rounds=self._held.numbers,
            orders=seen.orders,
            columns=seen.columns,
            can_enter=seen.can_enter,
        )

    def _bottom(self, style: Style, height: int) -> str:
        """Cases: a filter is typed; something is to be said; the keys, and what is not as usual."""
        state = self._state
        if state.typed is not None:
            return f"/{state.typed}_   enter keeps, esc gives up"
        if self._message:
            return self._message
        unusual = []
        newest = self._held.numbers[-1]
        if state.is_frozen:
            unusual.append(f"frozen at round {state.round}, now {newest}")
        elif state.round is not None:
            unusual.append(f"round {state.round} of {newest}")
        if self._overdue_s() is not None:
            unusual.append(f"polling for {self._overdue_s():.0f} s")
        if state.filter:
            unusual.append(f"filter: {state.filter}")
        if state.order is not None and state.order.sort_by:
            arrows = "^v" if self._style.ascii_only else "↑↓"
            unusual.append(f"by {state.order.sort_by} {arrows[state.order.reverse]}")
        unusual += _out_of_view(self._see(style).states, state.first, height)
        return "  ".join([*(f"[{each}]" for each in unusual), KEY_LINE])

    def _poll(self) -> None:
        if self._is_recording:
            self._message = "this is a recording: there is nothing to poll; ] plays the next round"
        else:
            self._alarm.ring()

    def _play_on(self) -> None:
        """The next round of a recording, now; a fleet has none yet."""
        if self._is_recording:
            self._rounds_to_play += 1
            self._alarm.ring()

    def _play(self, number: int) -> None:
        """A round has come because it was to; the next one, where more were to."""
        self._rounds_to_play -= 1
        if self._state.is_frozen:
            self._state = self._state._replace(round=number)
        if self._rounds_to_play:
            self._alarm.ring()

    def _write(self) -> None:
        try:
            path = write_held(self._held, datetime.now(UTC), os.getcwd(), self._tracked)
        except (OSError, FileUnusable) as error:
            self._message = f"cannot write a recording: {error}"
            return
        rounds = len(self._held.numbers)
        self._message = f"wrote {rounds} rounds to {os.path.basename(path)}"


_WORTH_A_LOOK = (
    *(Status.UNHEALTHY, Status.UNKNOWN),
    *(Verdict.AT_RISK, Verdict.POSSIBLY_AT_RISK, Verdict.NO_HEADROOM),
)


def _out_of_view(states: Sequence[str], first: int, height: int) -> list[str]:
    """``rows 1-20 of 30, elsewhere 3 Unhealthy``; nothing where all rows are on the screen."""
    if len(states) <= height:
        return []
    last = min(first + height, len(states))
    elsewhere = Counter([*states[:first], *states[last:]])
    counts = [f"{elsewhere[each]} {each}" for each in _WORTH_A_LOOK if elsewhere[each]]
    rows = f"rows {first + 1}-{last} of {len(states)}"
    return [f"{rows}, elsewhere {', '.join(counts)}" if counts else rows]


def _end() -> None:
    """As ctrl-c does."""
    os.kill(os.getpid(), signal.SIGINT)
