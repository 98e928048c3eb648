"""The console scripts.

A ctrl-c while Python still imports must end the process quietly, so until a command minds it, it
does what it does to other programs; nothing is imported before that is settled.
"""

import signal


def monitor() -> int:
    _die_quietly_of_ctrl_c()
    from cpx_monitor.entrypoints.cli import main

    return main()


def server() -> int:
    _die_quietly_of_ctrl_c()
    from cpx_monitor.entrypoints.simulator import main

    return main()


def _die_quietly_of_ctrl_c() -> None:
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
