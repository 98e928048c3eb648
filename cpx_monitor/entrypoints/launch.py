"""The console scripts.

A ctrl-c while Python still imports must end the process quietly, so until a command minds it, it
does what it does to other programs; nothing is imported before that is settled. Imports make no
garbage, so the collector is off until a fleet is fetched.
"""

# Not signal, which is Python around it and takes a while to import.
import _signal  # type: ignore[import-not-found]
import gc


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
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
