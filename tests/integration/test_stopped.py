"""A process that is stopped for a while, by ctrl-z or SIGSTOP, and goes on."""

import os
import signal
import subprocess
import threading
import time

from conftest import BIN
from scripted_server import fleet_script, instance_answer

TIMEOUT_S = 1.0
ENOUGH_S = 30


def test_what_was_answered_meanwhile_is_read_and_not_called_timed_out(serve, environ, transport):
    asked, is_stopped = threading.Event(), threading.Event()

    def answered_meanwhile(connection, stopped):
        asked.set()
        assert is_stopped.wait(ENOUGH_S)
        instance_answer()(connection, stopped)

    server = serve(fleet_script(_1=answered_meanwhile))
    words = ("list", f"--timeout={TIMEOUT_S}", f"--transport={transport}", f"--url={server.url}")
    process = subprocess.Popen(
        [BIN / "cpx-monitor", *words], env=environ, stdout=subprocess.PIPE, text=True
    )
    assert asked.wait(ENOUGH_S)
    os.kill(process.pid, signal.SIGSTOP)
    is_stopped.set()
    time.sleep(2 * TIMEOUT_S)  # as long as it has to be past its time
    os.kill(process.pid, signal.SIGCONT)
    shown, _ = process.communicate(timeout=ENOUGH_S)

    assert "Healthy" in shown
    assert process.returncode == 0
