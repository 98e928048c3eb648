"""The file behind stdout and stderr: all of it is written, unless the process is to end.

Cases: the file takes it; it does not block and is full, so it is waited for; it blocks and takes
nothing, as a terminal after ctrl-s or a hung ssh. The last two may last for ever. Once the process
is told to stop, they are given up after a while in which nothing was taken.
"""

import errno
import io
import os
import select
import signal
import time
from types import FrameType
from typing import Any

PATIENCE_S = 0.1
_LOOK_EVERY_S = 0.05
# Small once the process is to end: what a slow terminal takes between two looks shows.
_CHUNK_BYTES, _LAST_CHUNK_BYTES = 1 << 20, 256

_is_stopping = False
_pending: BaseException | None = None
_began_s: float | None = None  # when the write that is under way began


class Stalled(OSError):
    def __init__(self) -> None:
        super().__init__(errno.ETIMEDOUT, "it accepts no more output")


class Stream(io.FileIO):
    """To be wrapped into a buffer, which writes on where a write took a part."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._has_stalled = False

    def write(self, data: Any) -> int:
        """How much was taken, which is something.

        Raises:
            OSError: it cannot be written; ``Stalled``, the process is to end, and nothing is taken.
        """
        global _began_s
        if self._has_stalled:
            raise Stalled
        most = _LAST_CHUNK_BYTES if _is_stopping else _CHUNK_BYTES
        chunk = memoryview(data).cast("B")[:most]
        _began_s = time.monotonic()
        try:
            while True:
                try:
                    return os.write(self.fileno(), chunk)
                except BlockingIOError:
                    self._is_ready(None)
        except Stalled:
            self._has_stalled = True
            raise
        finally:
            _began_s = None

    def offer(self, text: str) -> None:
        """Write something short past the buffer, unless that means to wait."""
        if self._is_ready(0):
            os.write(self.fileno(), text.encode())

    def _is_ready(self, timeout_ms: int | None) -> bool:
        waiting = select.poll()
        waiting.register(self.fileno(), select.POLLOUT)
        return bool(waiting.poll(timeout_ms))


def is_writing() -> bool:
    return _began_s is not None


def raise_after_write(error: BaseException) -> None:
    """Not within it: how much was taken would be lost, and it would be written again."""
    global _pending
    _pending = error


def raise_pending() -> None:
    global _pending
    if _pending is not None:
        error, _pending = _pending, None
        raise error


def stop_waiting() -> None:
    """The process is to end: from now on a write that makes no progress is given up."""
    global _is_stopping, _began_s
    _is_stopping = True
    _began_s = _began_s and time.monotonic()
    signal.signal(signal.SIGALRM, _on_look)
    signal.setitimer(signal.ITIMER_REAL, _LOOK_EVERY_S, _LOOK_EVERY_S)


def stop_looking() -> None:
    """The process ends, and with it what handles the signal: it would end it in another way."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_IGN)


def _on_look(number: int, frame: FrameType | None) -> None:
    if _began_s is not None and time.monotonic() - _began_s > PATIENCE_S:
        raise Stalled
