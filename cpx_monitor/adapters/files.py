"""Files that are named by people, and may be pipes or devices."""

import contextlib
import os
import select
import stat
from typing import BinaryIO

SILENT_AFTER_S = 5.0


def opened_to_read(path: str) -> BinaryIO:
    """A file, a pipe or a device, but none that is silent.

    Raises:
        OSError: it cannot be read, or is a pipe or a device from which nothing comes.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode) and not _says_anything(descriptor):
            raise TimeoutError(0, f"nothing came from it within {SILENT_AFTER_S:g} s")
        os.set_blocking(descriptor, True)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def write_whole(path: str, text: str) -> None:
    """Readers see either the old file or the whole new one, for it is written beside it and moved
    there. Its mode is that of a new file. A pipe or a device is written to, not replaced.

    Raises:
        OSError: it cannot be written.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        return
    # Not the link, where it is one.
    path = os.path.realpath(path)
    folder, name = os.path.split(path)
    beside = os.path.join(folder, f".{name}.{os.getpid()}")
    try:
        with open(beside, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise


def _says_anything(descriptor: int) -> bool:
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    return bool(waiting.poll(SILENT_AFTER_S * 1000))
