"""Every instance: its address, service, status, CPU and memory.

Usage:
  cpx-monitor list [options]

Examples:
  cpx-monitor list --url=http://localhost:8080
  cpx-monitor list --max-cpu=80
  cpx-monitor list -o json | jq '.items[] | select(.status != "Healthy")'

Options:
  -o, --output=<format>       table, json or csv (default: table)
"""

from cpx_monitor.entrypoints.arguments import Arguments
from cpx_monitor.entrypoints.console import Console
from cpx_monitor.entrypoints.interrupts import held


def run(arguments: Arguments, console: Console) -> int:
    with held():
        from cpx_monitor.app.use_cases import list_instances
        from cpx_monitor.entrypoints.reporting import report_once

    return report_once(arguments, console, list_instances)
