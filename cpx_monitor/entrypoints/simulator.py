"""cpx-server: a CPX API to try things on.

Usage:
  cpx-server <port> [options]

Port 0 takes a free one. The first line on stdout says where it listens.

Options:
      --host=<host>            the address to listen on (default: localhost)
      --behaviour=<name>       reference: one thread, HTTP/1.0, backlog 5;
                               fleet: keep-alive HTTP/1.1, for many instances
                               (default: reference)
      --instances=<n>          how many servers it lists (default: 150)
      --seed=<n>               the same seed gives the same numbers
                               (default: random at every request)
      --latency=<20ms>         how long it takes over each answer (default: 0)
  -h, --help                   this help
      --version                the version

Examples:
  cpx-server 8080
  cpx-server 8080 --behaviour=fleet --instances=10000 --latency=20ms
"""

import contextlib
import errno
import gc
import os
import re
from collections.abc import Sequence
from typing import Protocol

from cpx_monitor import __version__
from cpx_monitor.entrypoints import exit_codes
from cpx_monitor.entrypoints.arguments import Arguments, Option, duration_s, one_of, whole_number
from cpx_monitor.entrypoints.command_line import UsageError, asks_for_help, read_words
from cpx_monitor.entrypoints.console import Console
from cpx_monitor.entrypoints.interrupts import Interrupted, held
from cpx_monitor.entrypoints.process import run_as_process
from cpx_monitor.simulator.stats import SimulatedFleet

MOST_INSTANCES = 1_000_000


def _host(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._:-]+", text, re.ASCII):
        raise ValueError("a host name or an address is wanted")
    return text


def _seed(text: str) -> int | None:
    return whole_number(0, 999_999_999_999)(text) if text else None


def _latency_s(text: str) -> float:
    return 0.0 if text == "0" else duration_s(text)


PORT = Option("<port>", whole_number(0, 65_535), "8080")
HOST = Option("--host", _host, "localhost")
BEHAVIOUR = Option("--behaviour", one_of("reference", "fleet"), "reference")
INSTANCES = Option("--instances", whole_number(0, MOST_INSTANCES), "150")
SEED = Option("--seed", _seed, "")
LATENCY = Option("--latency", _latency_s, "0")


class Server(Protocol):
    @property
    def server_port(self) -> int | None: ...

    def serve_forever(self) -> None: ...


def main() -> int:
    """The console script."""
    return run_as_process(run)


def run(argv: Sequence[str], console: Console) -> int:
    if asks_for_help(argv):
        console.write(__doc__)
        return exit_codes.DONE
    if "--version" in argv:
        console.write(f"cpx-server {__version__}\n")
        return exit_codes.DONE
    arguments = Arguments(read_words(__doc__, "cpx-server", argv), console.environ)
    host = arguments.value(HOST)
    shown_host = f"[{host}]" if ":" in host else host
    with contextlib.suppress(Interrupted):  # being told to stop is how it ends
        server = _listening(arguments, host)
        gc.enable()  # see launch
        console.write(f"listening on http://{shown_host}:{server.server_port}\n")
        server.serve_forever()
    return exit_codes.DONE


def _listening(arguments: Arguments, host: str) -> Server:
    port, latency_s = arguments.value(PORT), arguments.value(LATENCY)
    fleet = SimulatedFleet(arguments.value(INSTANCES), arguments.value(SEED))
    try:
        if arguments.value(BEHAVIOUR) == "fleet":
            with held():
                from cpx_monitor.simulator.keepalive import KeepAliveServer

            server = KeepAliveServer(host, port, fleet, latency_s)
            server.start()
            return server
        from cpx_monitor.simulator.reference import ReferenceServer

        return ReferenceServer(host, port, fleet, latency_s)
    except OSError as error:
        # gevent adds the address to the error's own text; a failed look-up has a negative number.
        number = error.errno or 0
        reason = os.strerror(number).lower() if number > 0 else "no such host"
        hint = "port 0 takes a free one" if number == errno.EADDRINUSE else None
        raise UsageError(f"cannot listen on {host}:{port}: {reason}", hint) from None
