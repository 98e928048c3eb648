"""A script by which a shell completes commands, options, values and services.

Services are asked of the API, which has a second to answer.

Usage:
  cpx-monitor completion <shell> [options]

The shell is bash, zsh or fish.

Examples:
  source <(cpx-monitor completion bash)      # in ~/.bashrc
  source <(cpx-monitor completion zsh)       # in ~/.zshrc, after compinit
  cpx-monitor completion fish | source       # in ~/.config/fish/config.fish

Options:
  -h, --help                  this help
"""

from cpx_monitor.entrypoints import exit_codes
from cpx_monitor.entrypoints.options.arguments import Arguments, Option, one_of
from cpx_monitor.entrypoints.terminal.console import Console

SHELLS = ("bash", "zsh", "fish")
SHELL = Option("<shell>", one_of(*SHELLS), "")


def run(arguments: Arguments, console: Console) -> int:
    from importlib.resources import files

    shell = arguments.value(SHELL)
    script = files("cpx_monitor.entrypoints.completion").joinpath(f"cpx-monitor.{shell}")
    console.write(script.read_text(encoding="utf-8"))
    return exit_codes.DONE
