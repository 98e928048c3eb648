"""Per service: its instances, how many are healthy, mean CPU and memory.

The means are over the instances that answered. With -o wide also the least,
the 95th percentile and the most, and whether the service survives the loss
of an instance: its load on one instance less is still within the limits.

Usage:
  cpx-monitor averages [--service=<name>]... [options]

Examples:
  cpx-monitor averages --url=http://localhost:8080
  cpx-monitor averages --sort-by=cpu --reverse --top=3
  cpx-monitor averages -o json | jq '.items[].cpu_percent.mean'

"""

from cpx_monitor.entrypoints.options.arguments import Arguments
from cpx_monitor.entrypoints.terminal.console import Console
from cpx_monitor.entrypoints.terminal.signals import held


def run(arguments: Arguments, console: Console) -> int:
    with held():
        from cpx_monitor.app.reports import ServiceAverages
        from cpx_monitor.app.use_cases import averages
        from cpx_monitor.entrypoints.reporting.once import report_on

    return report_on(arguments, console, "averages", ServiceAverages, averages)
