"""A terminal to look at: a pseudo-terminal, and an emulator behind it that knows what is shown."""

import contextlib
import copy
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

import pyte

ENOUGH_S = 20
IDLE_S = 0.6
_ALTERNATE_SCREEN = 1049


def _become_the_terminal_s():
    fcntl.ioctl(1, termios.TIOCSCTTY, 0)
    # The shell that runs the tests may ignore them.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP):
        signal.signal(number, signal.SIG_DFL)


class _Screen(pyte.Screen):
    """pyte's screen has no other one behind it; terminals do."""

    normal = None

    def set_mode(self, *modes, **kwargs):
        if _ALTERNATE_SCREEN in modes and kwargs.get("private"):
            self.normal = (copy.deepcopy(self.buffer), copy.copy(self.cursor))
        super().set_mode(*modes, **kwargs)

    def reset_mode(self, *modes, **kwargs):
        if _ALTERNATE_SCREEN in modes and kwargs.get("private") and self.normal:
            hidden = self.cursor.hidden
            (self.buffer, self.cursor), self.normal = self.normal, None
            self.cursor.hidden = hidden
            self.dirty.update(range(self.lines))
        super().reset_mode(*modes, **kwargs)


class Terminal:
    """Runs one program; ``raw`` is all that it has written. Without a keyboard it is shown on the
    terminal, but reads from elsewhere.
    """

    def __init__(self, words, environ, columns=80, lines=24, *, has_keyboard=True):
        self.screen = _Screen(columns, lines)
        self.raw = b""
        self._stream = pyte.ByteStream(self.screen)
        self._outer, inner = pty.openpty()
        self._set_size(columns, lines)
        self.settings = termios.tcgetattr(self._outer)
        self.process = subprocess.Popen(
            words,
            env=environ,
            stdin=inner if has_keyboard else subprocess.DEVNULL,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
            preexec_fn=_become_the_terminal_s,
        )
        os.close(inner)

    @property
    def lines(self):
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self):
        return "\n".join(self.lines).rstrip()

    @property
    def is_on_the_other_screen(self):
        return self.screen.normal is not None

    def press(self, keys):
        os.write(self._outer, keys)

    def resize(self, columns, lines):
        self.screen.resize(lines, columns)
        self._set_size(columns, lines)

    def forget_size(self):
        """As serial consoles know none; what is shown of it stays as it is."""
        self._set_size(0, 0)

    def wait_for(self, shown):
        """Until the screen is as ``shown`` says: a text that is on it, or a question to ask it."""
        is_so = shown if callable(shown) else lambda: shown in self.text
        ends_at_s = time.monotonic() + ENOUGH_S
        while not is_so():
            left_s = ends_at_s - time.monotonic()
            assert left_s > 0, f"not in time; there is\n{self.text}"
            if not self._read(left_s):
                assert is_so(), f"it has ended; there is\n{self.text}"
                return self.text
        return self.text

    def wait_until_it_waits(self):
        """Until it has run and then uses no processor for a while in which it would."""
        used, since_s = None, time.monotonic()
        ends_at_s = since_s + ENOUGH_S
        while used in (None, 0) or time.monotonic() - since_s < IDLE_S:
            assert time.monotonic() < ends_at_s
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
            before, used = used, int(fields[11]) + int(fields[12])
            if used != before:
                since_s = time.monotonic()
            time.sleep(0.01)

    def wait(self):
        """Its exit code, once it has ended and all is read."""
        while self._read(ENOUGH_S):
            pass
        return self.process.wait(ENOUGH_S)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._outer)

    def settings_now(self):
        return termios.tcgetattr(self._outer)

    def _read(self, within_s):
        """False where the other side is closed."""
        if not select.select([self._outer], [], [], within_s)[0]:
            return True
        data = b""
        with contextlib.suppress(OSError):
            data = os.read(self._outer, 65_536)
        self.raw += data
        self._stream.feed(data)
        return bool(data)

    def _set_size(self, columns, lines):
        fcntl.ioctl(self._outer, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
