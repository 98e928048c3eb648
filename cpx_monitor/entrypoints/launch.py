"""The console scripts.

A ctrl-c while Python still imports must end the process quietly, so until a command minds it, it
does what it does to other programs; nothing is imported before that is settled. Imports make no
garbage, so nobody looks for any until a fleet is fetched.
"""

import gc
import signal


def monitor() -> int:
    _prepare()
    from cpx_monitor.entrypoints.cli import main

    return main()


def server() -> int:
    _prepare()
    from cpx_monitor.entrypoints.simulator import main

    return main()


def _prepare() -> None:
    gc.disable()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
