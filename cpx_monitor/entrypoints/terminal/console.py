"""The streams and the environment that a command talks to, as one argument."""

import contextlib
import io
import os
import sys
from collections.abc import Callable, Mapping
from typing import NamedTuple, TextIO

from cpx_monitor.adapters.presenters.escape import printable
from cpx_monitor.entrypoints.terminal.stream import Stalled, Stream, raise_pending, stop_looking


class OutputClosed(Exception):
    """The reader of our output has gone."""


class OutputFailed(Exception):
    """Our output cannot be written: the disk is full, say. The message says why."""


def _terminal_size(stream: TextIO) -> os.terminal_size:
    """As it says, and where it says nothing, or 0 as serial consoles do, COLUMNS × LINES or
    80 × 24.
    """
    import shutil

    columns = lines = 0
    with contextlib.suppress(OSError):
        columns, lines = os.get_terminal_size(stream.fileno())
    otherwise = shutil.get_terminal_size()
    return os.terminal_size((columns or otherwise.columns, lines or otherwise.lines))


class Console(NamedTuple):
    stdout: TextIO
    stderr: TextIO
    environ: Mapping[str, str]
    size_of: Callable[[TextIO], os.terminal_size] = _terminal_size
    keyboard: int | None = None  # the descriptor that keys are read from

    @classmethod
    def of_process(cls) -> "Console":
        return cls(_usable(sys.stdout), _usable(sys.stderr), os.environ, keyboard=0)

    def write(self, text: str) -> None:
        """Put data on stdout, in one write.

        Raises:
            OutputClosed: its reader has gone.
            OutputFailed: it cannot be written.
        """
        try:
            self.stdout.write(text)
            self.stdout.flush()
        except Stalled:
            raise_pending()
            raise OutputClosed from None
        except BrokenPipeError:
            _discard(self.stdout)
            raise OutputClosed from None
        except OSError as error:
            _discard(self.stdout)
            raise OutputFailed(f"cannot write the output: {error.strerror}") from None
        raise_pending()

    def finish(self) -> None:
        """The process ends: what is left is written, or given up."""
        for stream in (self.stdout, self.stderr):
            try:
                stream.flush()
            except OSError:
                _discard(stream)
        stop_looking()

    def tell(self, line: str) -> None:
        """Put a line for people on stderr; one that cannot be written is dropped."""
        self.put_on_stderr(printable(line) + "\n")

    def put_on_stderr(self, text: str) -> None:
        """The text as it is: a line's end and what it does to the terminal are the caller's."""
        try:
            self.stderr.write(text)
            self.stderr.flush()
        except Stalled:
            pass
        except OSError:
            _discard(self.stderr)
        raise_pending()

    def offer(self, stream: TextIO, text: str) -> None:
        """Something short for a terminal, at once or not at all; nor does it matter to one that is
        gone.
        """
        with contextlib.suppress(OSError, AttributeError):
            stream.buffer.raw.offer(text)  # type: ignore[attr-defined]

    def warn(self, line: str) -> None:
        self.tell(f"warning: {line}")

    def error(self, message: str, hint: str | None = None) -> None:
        self.tell(f"error: {message}")
        if hint:
            self.tell(f"hint:  {hint}")

    @property
    def is_terminal(self) -> bool:
        """Whether stdout is one, be it one that understands no control codes."""
        return self.stdout.isatty()

    @property
    def can_redraw(self) -> bool:
        return self.is_terminal and self.environ.get("TERM", "dumb") != "dumb"

    @property
    def can_show_progress(self) -> bool:
        return self.stderr.isatty() and self.environ.get("TERM", "dumb") != "dumb"

    def size(self) -> os.terminal_size:
        return self.size_of(self.stdout)

    def shows(self, characters: str) -> bool:
        try:
            characters.encode(self.stdout.encoding or "utf-8")
        except UnicodeEncodeError:
            return False
        return True

    def wants_color(self, when: str) -> bool:
        """Whether stdout is to be coloured; ``when`` is auto, always or never."""
        if when != "auto":
            return when == "always"
        return self.environ.get("TERM") != "dumb" and self.stdout.isatty()


def _usable(stream: TextIO | None) -> TextIO:
    """The stream, made to escape what its encoding lacks; nowhere, where the process has none.

    Opened again to have a buffer of its own: with PYTHONUNBUFFERED Python's has none, and takes a
    write that a closing pipe cuts short for a whole one.
    """
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")
    file = io.BufferedWriter(Stream(stream.fileno()))
    return io.TextIOWrapper(file, encoding=stream.encoding, errors="backslashreplace")


def _discard(stream: TextIO) -> None:
    """Send what is left in the stream's buffer nowhere, or Python complains of it at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
