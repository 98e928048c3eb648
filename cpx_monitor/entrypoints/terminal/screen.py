"""The terminal, taken over for as long as something is watched, and given back however it ends."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterable, Sequence
from types import FrameType, TracebackType
from typing import Protocol

from cpx_monitor.entrypoints.terminal.console import Console, OutputClosed
from cpx_monitor.entrypoints.terminal.signals import first_of_all, notice_while_waiting

# https://invisible-island.net/xterm/ctlseqs/ctlseqs.html: the alternate screen, the cursor.
_ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J"
_LEAVE = "\x1b[?25h\x1b[?1049l"
_HOME, _ERASE_LINE, _ERASE_BELOW, _ERASE_ALL = "\x1b[H", "\x1b[K", "\x1b[J", "\x1b[2J"

# What would end the process without giving it time to tidy up.
_DEADLY = (signal.SIGHUP, signal.SIGQUIT)

Draw = Callable[[os.terminal_size], Sequence[str]]
"""The lines of a frame for a terminal of that size; none is wider or more than it has."""


class Keyboard(Protocol):
    """What is taken over with the screen; each returns what to write to the terminal for it."""

    def take(self) -> str: ...
    def give_back(self) -> str: ...


class Screen:
    """Frames are drawn over one another, each in one write; a resize draws the last one anew.

    Nothing is touched before the first frame.
    """

    def __init__(self, console: Console, keyboard: "Keyboard | None" = None) -> None:
        self._console = console
        self._keyboard = keyboard
        self._draw: Draw | None = None
        self._has_screen = self._is_over = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> "Screen":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_over = True  # whatever greenlet is still about
        if self._draw is None:
            return
        self._draw, self._has_screen = None, False
        self._console.write(self._keyboard_given_back() + _LEAVE)
        first_of_all(None)
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def keep(self, warnings: Iterable[str]) -> None:
        """The warnings, which are in the frame as well, where stderr leads elsewhere."""
        if not self._console.stderr.isatty():
            for warning in warnings:
                self._console.warn(warning)

    def show(self, draw: Draw) -> None:
        if self._is_over:
            return
        is_first, self._draw = self._draw is None, draw
        if is_first:
            self._take_over()
        self._redraw()

    def _take_over(self) -> None:
        notice_while_waiting()
        first_of_all(self._give_back)
        handlers = {
            **dict.fromkeys(_DEADLY, self._on_deadly_signal),
            signal.SIGTSTP: self._on_stop,
            signal.SIGWINCH: self._on_resize,
        }
        for number, handler in handlers.items():
            if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
                self._before[number] = signal.signal(number, handler)
        self._has_screen = True
        self._console.write(_ENTER + self._keyboard_taken())

    def _keyboard_taken(self) -> str:
        return self._keyboard.take() if self._keyboard else ""

    def _keyboard_given_back(self) -> str:
        return self._keyboard.give_back() if self._keyboard else ""

    def _redraw(self, before: str = "") -> None:
        if self._draw is None or not self._has_screen:
            return
        size = self._console.size()
        # A line is erased before it is written: after a full one that would take its last column.
        lines = [_ERASE_LINE + line for line in self._draw(size)]
        self._console.write(before + _HOME + "\r\n".join(lines) + _ERASE_BELOW)

    def _redraw_if_taken(self, before: str) -> None:
        # Told to stop, the main greenlet has the last word.
        with contextlib.suppress(OutputClosed):
            self._redraw(before)

    def _give_back(self) -> None:
        self._has_screen = False
        # Not through the buffer, which a frame may be on its way through.
        self._console.offer(self._console.stdout, self._keyboard_given_back() + _LEAVE)

    def _soon(self, before: str) -> None:
        """Where no frame is being written: between two steps of gevent's loop."""
        from gevent import get_hub

        get_hub().loop.run_callback(self._redraw_if_taken, before)

    def _on_resize(self, number: int, frame: FrameType | None) -> None:
        self._soon(_ERASE_ALL)

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        self._give_back()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        # Here the process goes on when it is told to.
        signal.signal(number, self._on_stop)
        self._has_screen = True
        self._soon(_ENTER + self._keyboard_taken())

    def _on_deadly_signal(self, number: int, frame: FrameType | None) -> None:
        self._give_back()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
