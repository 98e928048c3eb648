"""Runs our commands as processes of their own that need not import anything first.

It has imported what they import, and forks for each order. An order is a line of json: the script
(``monitor`` or ``server``), its words, its environment, the files for its output, and the pipe for
the reply, which is a line of json as well: how it ended and how long it took; for a server its
number, at once.
"""

import atexit
import gc
import io
import json
import os
import signal
import sys
import threading
import time
import traceback

import requests
import trustme

from cpx_monitor.adapters.cpx_api import fleet as cpx_http
from cpx_monitor.adapters.presenters import records
from cpx_monitor.adapters.transports import direct, via_requests
from cpx_monitor.app import tracking
from cpx_monitor.entrypoints import cli, launch, simulator
from cpx_monitor.entrypoints.commands import at_risk, averages, track
from cpx_monitor.simulator import certificates, keepalive, reference

PRELOADED = (
    *(requests, trustme, cpx_http, direct, via_requests, records, tracking, cli, simulator),
    *(at_risk, averages, track, certificates, keepalive, reference),
)

PROCESS_LIMIT_S = 60
CRASHED = 99


def carry_out(order):
    """In a process of its own, which waits for the one that does it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    began_s = time.monotonic()
    pid = os.fork()
    if not pid:
        become(order)
    reply = {"pid": pid}
    if order["script"] == "monitor":
        _, status = os.waitpid(pid, 0)
        reply = {"code": os.waitstatus_to_exitcode(status), "took_s": time.monotonic() - began_s}
    with open(order["reply"], "w", encoding="utf-8") as pipe:
        pipe.write(json.dumps(reply))


def become(order):
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    os.environ.clear()
    os.environ.update(order["environ"])
    encoding = order["environ"].get("PYTHONIOENCODING", "utf-8")
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), encoding=encoding)
    if order["script"] == "monitor":
        signal.alarm(PROCESS_LIMIT_S)
    sys.argv = [f"cpx-{order['script']}", *order["words"]]
    code = {"monitor": launch.monitor, "server": launch.server}[order["script"]]()
    # What a process waits for at its end; tidying up after all those modules takes longer than all
    # the rest.
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(code)


def main():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.freeze()
    for line in sys.stdin:
        if not os.fork():
            try:
                carry_out(json.loads(line))
            except BaseException:
                traceback.print_exc()
                os._exit(CRASHED)
            os._exit(0)


if __name__ == "__main__":
    main()
