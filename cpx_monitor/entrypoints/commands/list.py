"""Every instance: its address, service, status, CPU and memory.

Usage:
  cpx-monitor list [--service=<name>]... [options]

Examples:
  cpx-monitor list --url=http://localhost:8080
  cpx-monitor list --status=unhealthy --sort-by=cpu --reverse --top=10
  cpx-monitor list --service=AuthService --service=UserService -o wide
  cpx-monitor list -o json | jq '.items[] | select(.status != "Healthy")'

"""

from cpx_monitor.entrypoints.options.arguments import Arguments, Option, one_of
from cpx_monitor.entrypoints.terminal.console import Console
from cpx_monitor.entrypoints.terminal.signals import held

STATUS = Option("--status", one_of("healthy", "unhealthy", "unknown"), "")


def run(arguments: Arguments, console: Console) -> int:
    with held():
        from cpx_monitor.app.reports import InstanceList
        from cpx_monitor.app.use_cases import list_instances
        from cpx_monitor.domain.health import Status
        from cpx_monitor.entrypoints.reporting.once import report_on

    wanted = arguments.given(STATUS)
    status = None if wanted is None else Status(wanted.capitalize())
    return report_on(
        arguments,
        console,
        "list",
        InstanceList,
        lambda snapshot, policy, only: list_instances(snapshot, policy, only, status),
    )
