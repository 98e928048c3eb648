"""Ctrl-c and SIGTERM as an exception in the main greenlet, wherever it waits."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any

from cpx_monitor.entrypoints.terminal.stream import is_writing, raise_after_write, stop_waiting

_watcher: Any = None
_before_anything_else: Callable[[], object] | None = None
_is_holding = False
_held_back: int | None = None
TAKEN_FOR_ONE_S = 0.3
_WATCHED = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number


@contextmanager
def interruptible() -> Iterator[None]:
    """Within it the first signal raises ``Interrupted``; one that comes a while later ends the
    process at once.

    A KeyboardInterrupt would surface in whichever greenlet runs, and gevent would print it.
    """
    watched = [number for number in _WATCHED if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _on_signal) for number in watched}
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is _on_signal:
                signal.signal(number, handler)


def ignore_repetitions() -> None:
    """From now on a signal that was sent before is ignored; for a process about to exit.

    timeout(1) signals a process, and then its group, which it is part of. The second signal would
    meet a process that has given up its handlers, and end with 130 what was done with 0.
    """
    for number in _WATCHED:
        if isinstance(signal.getsignal(number), partial):
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def held() -> Iterator[None]:
    """Within it signals wait: an import that one breaks off may swallow it, or stay half done, and
    so may a finalizer.

    Blocking them is not enough: where there are threads, another one takes the signal, and Python
    runs the handler in this one.
    """
    global _is_holding, _held_back
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    was_holding, _is_holding = _is_holding, True
    try:
        yield
    finally:
        _is_holding = was_holding
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if _held_back is not None and not _is_holding:
            number, _held_back = _held_back, None
            _on_signal(number, None)


def notice_while_waiting() -> None:
    """Let signals wake gevent's loop; once is enough.

    Python runs a handler between two steps of its own. A signal that comes after the last step and
    before the loop waits would be noticed only when something else happens.
    """
    from gevent import get_hub

    global _watcher
    if _watcher is not None:
        return
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    _watcher = get_hub().loop.io(reader, 1, ref=False)
    _watcher.start(os.read, reader, 512)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)


def first_of_all(action: Callable[[], object] | None) -> None:
    """What the first signal does at once, for a second one leaves no time for anything."""
    global _before_anything_else
    _before_anything_else = action


def _on_another_signal(first_s: float, number: int, frame: FrameType | None) -> None:
    # timeout(1) and others signal a process, and then its group, which it is part of.
    if time.monotonic() - first_s > TAKEN_FOR_ONE_S:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def _on_signal(number: int, frame: FrameType | None) -> None:
    global _held_back
    if _is_holding:
        _held_back = number
        return
    stop_waiting()
    if _before_anything_else is not None:
        _before_anything_else()
    signal.signal(number, partial(_on_another_signal, time.monotonic()))
    if "gevent" in sys.modules:
        from gevent import get_hub, getcurrent

        hub = get_hub()
        main = hub.parent
        if main is not None and getcurrent() is not main:
            hub.loop.run_callback(main.throw, Interrupted(number))
            return
    if is_writing():
        raise_after_write(Interrupted(number))
        return
    raise Interrupted(number)
