"""Runs our commands as processes of their own that need not import anything first.

It has imported what they import, and forks for each order. An order is a line of json: the script
(``monitor`` or ``server``), its words, its environment, the files for its output, and whether to
wait for its end. The reply is a line of json with the process's number, or how and when it ended.
"""

import json
import os
import signal
import sys
import time

import requests
import trustme

from cpx_monitor.adapters import cpx_http, direct, via_requests
from cpx_monitor.adapters.presenters import machine
from cpx_monitor.app import tracking
from cpx_monitor.entrypoints import cli, launch, simulator
from cpx_monitor.entrypoints.commands import at_risk, averages, track
from cpx_monitor.simulator import certificates, keepalive, reference

PRELOADED = (
    *(requests, trustme, cpx_http, direct, via_requests, machine, tracking, cli, simulator),
    *(at_risk, averages, track, certificates, keepalive, reference),
)
PROCESS_LIMIT_S = 60


def become(order):
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    os.environ.clear()
    os.environ.update(order["environ"])
    sys.stdout.reconfigure(encoding=order["environ"].get("PYTHONIOENCODING", "utf-8"))
    if order["waits"]:
        signal.alarm(PROCESS_LIMIT_S)
    sys.argv = [f"cpx-{order['script']}", *order["words"]]
    sys.exit({"monitor": launch.monitor, "server": launch.server}[order["script"]]())


def main():
    for line in sys.stdin:
        order = json.loads(line)
        began_s = time.monotonic()
        pid = os.fork()
        if not pid:
            become(order)
        reply = {"pid": pid}
        if order["waits"]:
            _, status = os.waitpid(pid, 0)
            reply["code"] = os.waitstatus_to_exitcode(status)
            reply["took_s"] = time.monotonic() - began_s
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
