"""Our commands as real processes, many a second: see ``zygote``."""

import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import CompletedProcess


class Zygote:
    """A process that forks others; several threads may use it at once."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="zygote-")
        self._numbers = itertools.count()
        self._writing = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("zygote.py")],
            stdin=subprocess.PIPE,
            text=True,
        )

    def close(self):
        self._process.stdin.close()
        self._process.wait()
        self._folder.cleanup()

    def monitor(self, *words, environ):
        """cpx-monitor, run to its end; ``took_s`` tells how long it was."""
        stdout, stderr = self._path("stdout"), self._path("stderr")
        reply = self._order("monitor", words, environ, stdout, stderr)
        ended = CompletedProcess(
            words, reply["code"], *(path.read_text(encoding="utf-8") for path in (stdout, stderr))
        )
        ended.took_s = reply["took_s"]
        return ended

    @contextmanager
    def server(self, *words, environ, lines=1):
        """A simulator: the first lines that it prints."""
        stdout = self._pipe("stdout")
        process = os.pidfd_open(self._order("server", words, environ, stdout, os.devnull)["pid"])
        with stdout.open(encoding="utf-8") as printed:
            first = [printed.readline().strip() for _ in range(lines)]
        try:
            yield first
        finally:
            # Not by its number, which another process may have by now.
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(process, signal.SIGTERM)
            os.close(process)

    def _path(self, name):
        return Path(self._folder.name) / f"{next(self._numbers)}-{name}"

    def _pipe(self, name):
        path = self._path(name)
        os.mkfifo(path)
        return path

    def _order(self, script, words, environ, stdout, stderr):
        reply = self._pipe("reply")
        order = {
            "script": script,
            "words": [str(word) for word in words],
            "environ": environ,
            "stdout": str(stdout),
            "stderr": str(stderr),
            "reply": str(reply),
        }
        with self._writing:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
        with reply.open(encoding="utf-8") as answer:
            return json.load(answer)
