"""A script by which a shell completes commands, options, values and services."""

from importlib.resources import files

from cpx_monitor.entrypoints import exit_codes
from cpx_monitor.entrypoints.bootstrap import Connect
from cpx_monitor.entrypoints.options import catalogue as options
from cpx_monitor.entrypoints.options.arguments import Arguments
from cpx_monitor.entrypoints.terminal.console import Console


def run(arguments: Arguments, console: Console, connect: Connect) -> int:
    shell = arguments.value(options.SHELL)
    script = files("cpx_monitor.entrypoints.completion").joinpath(f"cpx-monitor.{shell}")
    console.write(script.read_text(encoding="utf-8"))
    return exit_codes.DONE
