"""What both console scripts share: from the process's arguments to its exit code."""

import sys
from collections.abc import Callable, Sequence

from cpx_monitor.entrypoints import exit_codes
from cpx_monitor.entrypoints.options.option import UsageError
from cpx_monitor.entrypoints.terminal.console import Console, OutputClosed, OutputFailed
from cpx_monitor.entrypoints.terminal.signals import Interrupted, ignore_repetitions, interruptible

TRACEBACK_VARIABLE = "CPX_TRACEBACK"

Run = Callable[[Sequence[str], Console], int]


def run_as_process(run: Run) -> int:
    console = Console.of_process()
    try:
        with interruptible():
            return run_guarded(run, sys.argv[1:], console)
    except Interrupted as interrupted:
        return exit_codes.of_signal(interrupted.signal_number)
    finally:
        console.finish()
        ignore_repetitions()


def run_guarded(run: Run, argv: Sequence[str], console: Console) -> int:
    """The run's exit code; whatever goes wrong is told in two lines, without a traceback."""
    try:
        return run(argv, console)
    except OutputClosed:
        return exit_codes.DONE
    except OutputFailed as error:
        console.error(str(error))
    except UsageError as error:
        console.error(str(error), error.hint)
    except Exception as error:
        from cpx_monitor.entrypoints.hints import told

        if words := told(error):
            console.error(*words)
            return exit_codes.NO_VERDICT
        if console.environ.get(TRACEBACK_VARIABLE):
            raise
        # Not Python's own exit code, which would say "done, but incomplete".
        console.error(
            f"internal error: {type(error).__name__}: {error}",
            f"{TRACEBACK_VARIABLE}=1 shows where; please report it",
        )
    return exit_codes.NO_VERDICT
