"""Per service: its instances, how many are healthy, mean CPU and memory."""

from cpx_monitor.app.changes import MeanFeed
from cpx_monitor.app.reports import ServiceAverages
from cpx_monitor.app.use_cases import averages
from cpx_monitor.entrypoints.bootstrap import Connect
from cpx_monitor.entrypoints.options import catalogue as options
from cpx_monitor.entrypoints.options.arguments import Arguments, Origin
from cpx_monitor.entrypoints.options.option import UsageError
from cpx_monitor.entrypoints.reporting.once import report_on
from cpx_monitor.entrypoints.terminal.console import Console

REPORT = ServiceAverages


def run(arguments: Arguments, console: Console, connect: Connect) -> int:
    if arguments.origin(options.BY) is Origin.FLAG and not arguments.flag(options.CHANGES):
        raise UsageError("--by is for --changes", "leave it out, or add --changes")
    feed = MeanFeed(arguments.value(options.BY))
    return report_on(arguments, console, connect, REPORT, averages, feed)
