"""The keyboard of a terminal: one key at a time, unseen, until it is given back."""

import contextlib
import os
import termios
from collections.abc import Callable
from typing import Any

import gevent
from gevent.socket import wait_read

from cpx_monitor.entrypoints.reporting.interactive.keys import PASTE_OFF, PASTE_ON, Key, KeyReader

# After an escape that is alone: what else a terminal sends comes sooner, even over a slow line.
ESCAPE_IS_ALONE_AFTER_S = 0.08


class _NothingMore(Exception):
    """An escape was alone."""


class Keyboard:
    """Standard input, if it is a terminal and this process is in its foreground.

    Signals keep working: ctrl-c, ctrl-z and ctrl-\\ are not read as keys.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._before: list[Any] | None = None

    @classmethod
    def at(cls, descriptor: int) -> "Keyboard | None":
        """None where there is none to be had."""
        try:
            is_ours = os.isatty(descriptor) and os.tcgetpgrp(descriptor) == os.getpgrp()
        except OSError:
            return None
        return cls(descriptor) if is_ours else None

    def take(self) -> str:
        """Read keys as they come, without showing them; what to write to the terminal for it."""
        with contextlib.suppress(termios.error):
            before = termios.tcgetattr(self._descriptor)
            raw = [*before[:3], before[3] & ~(termios.ICANON | termios.ECHO), *before[4:]]
            raw[6] = [*before[6]]
            raw[6][termios.VMIN], raw[6][termios.VTIME] = 1, 0
            termios.tcsetattr(self._descriptor, termios.TCSANOW, raw)
            self._before = before
        return PASTE_ON

    def give_back(self) -> str:
        """As it was before; what to write to the terminal for it."""
        if self._before is None:
            return ""
        with contextlib.suppress(termios.error):
            termios.tcsetattr(self._descriptor, termios.TCSANOW, self._before)
        self._before = None
        return PASTE_OFF

    def listen(self, on_key: Callable[[Key], None]) -> None:
        """Hand each key on, for as long as there are any."""
        reader = KeyReader()
        while True:
            data: bytes | None = None
            try:
                within_s = ESCAPE_IS_ALONE_AFTER_S if reader.is_waiting else None
                with contextlib.suppress(_NothingMore), gevent.Timeout(within_s, _NothingMore):
                    wait_read(self._descriptor)
                    data = os.read(self._descriptor, 4096)
            except OSError:  # the terminal is gone
                return
            if data == b"":
                return
            for key in reader.flush() if data is None else reader.feed(data):
                on_key(key)
