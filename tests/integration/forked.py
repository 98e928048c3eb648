"""Our commands as real processes, many a second: see ``zygote``."""

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import CompletedProcess


class Zygotes:
    """``number`` processes that fork; safe to use from several threads."""

    def __init__(self, number):
        self._idle = queue.SimpleQueue()
        self._folder = tempfile.TemporaryDirectory(prefix="zygotes-")
        self._all = [
            subprocess.Popen(
                [sys.executable, Path(__file__).with_name("zygote.py")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(number)
        ]
        for each in self._all:
            self._idle.put(each)

    def close(self):
        for each in self._all:
            each.stdin.close()
            each.stdout.close()
            each.kill()
            each.wait()
        self._folder.cleanup()

    def monitor(self, *words, environ):
        """cpx-monitor, run to its end; ``took_s`` tells how long it was."""
        zygote = self._idle.get()
        try:
            stdout, stderr = (self._path(zygote, name) for name in ("stdout", "stderr"))
            order = self._order("monitor", words, environ, stdout, stderr, waits=True)
            reply = self._ask(zygote, order)
            ended = CompletedProcess(
                words,
                reply["code"],
                *(Path(path).read_text(encoding="utf-8") for path in (stdout, stderr)),
            )
            ended.took_s = reply["took_s"]
            return ended
        finally:
            self._idle.put(zygote)

    @contextmanager
    def server(self, *words, environ, lines=1):
        """A simulator: the first lines that it prints."""
        zygote = self._idle.get()
        try:
            pipe = self._path(zygote, "pipe")
            with suppress(FileNotFoundError):
                os.unlink(pipe)
            os.mkfifo(pipe)
            order = self._order("server", words, environ, pipe, os.devnull, waits=False)
            pid = self._ask(zygote, order)["pid"]
            with open(pipe, encoding="utf-8") as printed:
                first = [printed.readline().strip() for _ in range(lines)]
        finally:
            self._idle.put(zygote)
        try:
            yield first
        finally:
            os.kill(pid, signal.SIGTERM)

    def _path(self, zygote, name):
        return f"{self._folder.name}/{zygote.pid}-{name}"

    @staticmethod
    def _order(script, words, environ, stdout, stderr, *, waits):
        return {
            "script": script,
            "words": [str(word) for word in words],
            "environ": environ,
            "stdout": stdout,
            "stderr": stderr,
            "waits": waits,
        }

    @staticmethod
    def _ask(zygote, order):
        zygote.stdin.write(json.dumps(order) + "\n")
        zygote.stdin.flush()
        return json.loads(zygote.stdout.readline())
