"""cpx-server: a CPX API to try things on."""

import contextlib
import errno
import gc
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cpx_monitor import __version__
from cpx_monitor.entrypoints import exit_codes
from cpx_monitor.entrypoints.commands.command import Command
from cpx_monitor.entrypoints.options import catalogue as options
from cpx_monitor.entrypoints.options import values
from cpx_monitor.entrypoints.options.arguments import Arguments, read
from cpx_monitor.entrypoints.options.option import Group, Option, UsageError
from cpx_monitor.entrypoints.options.words import asks_for_help, read_words
from cpx_monitor.entrypoints.process import run_as_process
from cpx_monitor.entrypoints.terminal.console import Console
from cpx_monitor.entrypoints.terminal.signals import Interrupted, held, notice_while_waiting
from cpx_monitor.simulator.faults import TLS, Fault, parse_fault
from cpx_monitor.simulator.simulation import Simulation
from cpx_monitor.simulator.stats import SimulatedFleet

if TYPE_CHECKING:
    from ssl import SSLContext

MAX_INSTANCES = 1_000_000


def _host(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._:-]+", text, re.ASCII):
        raise ValueError("expected a host name or an address")
    return text


def _seed(text: str) -> int | None:
    return values.whole_number(0, 999_999_999_999)(text) if text else None


def _latency_s(text: str) -> float:
    return 0.0 if text == "0" else values.duration_s(text)


PORT = Option("<port>", values.whole_number(0, 65_535), "0 takes a free one", "<port>")
HOST = Option("--host", _host, "the address to listen on", "<host>", default="localhost")
BEHAVIOUR = Option(
    "--behaviour",
    values.one_of("reference", "fleet"),
    "reference: one thread, HTTP/1.0, backlog 5; fleet: keep-alive HTTP/1.1, for many instances",
    "<name>",
    default="reference",
    choices=("reference", "fleet"),
)
INSTANCES = Option(
    "--instances",
    values.whole_number(0, MAX_INSTANCES),
    "how many servers it lists",
    "<n>",
    default="150",
)
SEED = Option(
    "--seed",
    _seed,
    "the same seed gives the same numbers",
    "<n>",
    default_note="random at every request",
)
LATENCY = Option("--latency", _latency_s, "how long each answer takes", "<20ms>", default="0")
FAULT = Option(
    "--fault",
    parse_fault,
    "what goes wrong, and where: see below; repeatable, the first that fits counts",
    "<fault>",
    is_repeatable=True,
)
VERSION = Option("--version", bool, "show the version")

SERVER = Command(
    name="",
    program="cpx-server",
    summary="a CPX API to try things on",
    about="""\
The first line on stdout says where it listens. GET /_stats tells how often
each address was requested, and the most requests that were in flight at once.
""",
    examples="""\
  cpx-server 8080
  cpx-server 8080 --behaviour=fleet --instances=10000 --latency=20ms
  cpx-server 8080 --fault=never@10% --fault=list-duplicates --seed=7
""",
    arguments=(PORT,),
    groups=(Group("", (HOST, BEHAVIOUR, INSTANCES, SEED, LATENCY, FAULT, options.HELP, VERSION)),),
    notes="""\
Faults:
  <kind>[*<times>|~<n>][@<instances>], where <instances> is an address, a
  share, a block of neighbours, so many in turn or a service, such as
  reset@10.58.1.7            one instance
  http-503*1@10%             the first answer of a tenth, chosen at random
  never@10.58.1.1-10.58.1.40 a dead rack
  never@1/2                  every second instance
  late-1s@AuthService        all instances of a service
  list-close~5               every fifth list

  connections  close reset reset-in-body never never-in-body late-<n>s drip
               truncated closes (answers, and closes the connection)
               refuse (stop listening once the list was sent)
  HTTP         length-too-long length-too-short length-no-number length-blanks
               no-length bad-chunk header-flood header-long garbage gzip
               gzip-bomb gzip-broken gzip-cut gzip-members gzip-tail too-large
               redirect-self redirect-away interim
               twice twice-kept twice-after-<n>ms (a second answer, unasked)
               http-<status> http-<status>-after-<n>s|date|past|negative|<text>
  values       cpu-bare cpu-spaced cpu-negative cpu-over cpu-nan cpu-arabic
               cpu-exponent cpu-fraction cpu-number cpu-null cpu-list
               cpu-missing memory-over memory-missing service-missing
               service-empty service-number service-long service-escapes
               service-formula service-surrogate service-dash
               service-invisible service-option service-shell json-extra
               json-twice json-nan json-huge-integer json-deep json-list
               json-cut json-empty json-html json-not-utf-8
               load-<n> (CPU and memory at n percent) flips-every-<n> (at 40
               and at 97 percent in turn, for n answers each)
  the list     list-duplicates list-mapped (IPv4 spelt as IPv6) list-empty
               list-object list-html list-cut list-junk list-only-junk
               list-huge list-too-large, and list- before any kind of
               connections or HTTP but refuse
  over time    renames (another name every other time), churn (in every other
               list; every second of them gone when it is asked), list-fresh
               (other addresses in every list); after so many lists:
               leaves-after-<n> joins-after-<n> rolls-every-<n> (replaces
               one instance after the other)
  TLS          tls (no fault) tls-expired tls-self-signed tls-other-name;
               the second line on stdout names the file to trust; needs trustme
               (python -m pip install 'cpx-monitor[simulator]')
""",
)


class Server(Protocol):
    @property
    def server_port(self) -> int | None: ...

    def serve_forever(self) -> None: ...


def main() -> int:
    """The console script."""
    return run_as_process(run)


def run(argv: Sequence[str], console: Console) -> int:
    if asks_for_help(argv):
        console.write(SERVER.help)
        return exit_codes.DONE
    if "--version" in argv:
        console.write(f"cpx-server {__version__}\n")
        return exit_codes.DONE
    arguments = Arguments(read_words(SERVER, argv), console.environ)
    host = arguments.value(HOST)
    shown_host = f"[{host}]" if ":" in host else host
    faults = [read(FAULT, text) for text in arguments.texts(FAULT)]
    is_fleet = arguments.value(BEHAVIOUR) == "fleet"
    # Being told to stop is how it ends.
    with contextlib.suppress(Interrupted), _tls(faults, host, is_fleet) as (tls, authority_file):
        server = _listening(arguments, host, faults, tls)
        gc.enable()  # see launch
        scheme = "http" if tls is None else "https"
        console.write(f"listening on {scheme}://{shown_host}:{server.server_port}\n")
        if authority_file is not None:
            console.write(f"its authority is in {authority_file}\n")
        server.serve_forever()
    return exit_codes.DONE


@contextlib.contextmanager
def _tls(
    faults: Sequence[Fault], host: str, is_fleet: bool
) -> Iterator[tuple["SSLContext | None", Path | None]]:
    """What TLS needs where a fault asks for it, and a file that is there for as long."""
    wanted = [fault.name for fault in faults if fault.name in TLS]
    if not wanted:
        yield None, None
        return
    try:
        with held():
            from ssl import PROTOCOL_TLS_SERVER, SSLContext

            from gevent.ssl import SSLContext as NonBlockingContext

            from cpx_monitor.simulator.certificates import secure
    except ImportError:
        raise UsageError(
            f"{wanted[0]} needs trustme, which makes certificates",
            "python -m pip install 'cpx-monitor[simulator]'",
        ) from None
    with tempfile.TemporaryDirectory(prefix="cpx-server-") as folder:
        authority_file = Path(folder) / "authority.pem"
        context = (NonBlockingContext if is_fleet else SSLContext)(PROTOCOL_TLS_SERVER)
        secure(context, wanted[0], host, authority_file)
        yield context, authority_file


def _listening(
    arguments: Arguments, host: str, faults: Sequence[Fault], tls: "SSLContext | None"
) -> Server:
    port, latency_s, seed = (
        arguments.value(PORT),
        arguments.value(LATENCY),
        arguments.value(SEED),
    )
    fleet = SimulatedFleet(arguments.value(INSTANCES), seed)
    for fault in faults:
        if fault.address is not None and fault.address not in fleet.addresses:
            raise UsageError(f"--fault={fault.name}@{fault.address}: no such instance")
    simulation = Simulation(fleet, faults, seed)
    try:
        if arguments.value(BEHAVIOUR) == "fleet":
            with held():
                from cpx_monitor.simulator.keepalive import KeepAliveServer

            notice_while_waiting()
            server = KeepAliveServer(host, port, simulation, latency_s, tls)
            server.start()
            return server
        from cpx_monitor.simulator.reference import ReferenceServer

        return ReferenceServer(host, port, simulation, latency_s, tls)
    except OSError as error:
        # gevent adds the address to the error's own text; a failed look-up has a negative number.
        number = error.errno or 0
        reason = os.strerror(number).lower() if number > 0 else "no such host"
        hint = "port 0 takes a free one" if number == errno.EADDRINUSE else None
        raise UsageError(f"cannot listen on {host}:{port}: {reason}", hint) from None
