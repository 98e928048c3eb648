"""Per service: its instances, how many are healthy, mean CPU and memory.

The means are over the instances that answered.

Usage:
  cpx-monitor averages [options]

Examples:
  cpx-monitor averages --url=http://localhost:8080
  cpx-monitor averages -o json | jq '.items[].cpu_percent.mean'

Options:
  -o, --output=<format>       table, json or csv (default: table)
"""

from cpx_monitor.entrypoints.arguments import Arguments
from cpx_monitor.entrypoints.console import Console
from cpx_monitor.entrypoints.interrupts import held


def run(arguments: Arguments, console: Console) -> int:
    with held():
        from cpx_monitor.app.use_cases import averages
        from cpx_monitor.entrypoints.reporting import report_once

    return report_once(arguments, console, averages)
