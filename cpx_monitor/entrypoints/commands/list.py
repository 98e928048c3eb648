"""Every instance: its address, service, status, CPU and memory."""

from cpx_monitor.app.changes import InstanceFeed
from cpx_monitor.app.reports import InstanceList
from cpx_monitor.app.use_cases import list_instances
from cpx_monitor.domain.health import Status
from cpx_monitor.entrypoints.bootstrap import Connect
from cpx_monitor.entrypoints.options import catalogue as options
from cpx_monitor.entrypoints.options.arguments import Arguments
from cpx_monitor.entrypoints.reporting.once import report_on
from cpx_monitor.entrypoints.terminal.console import Console

REPORT = InstanceList


def run(arguments: Arguments, console: Console, connect: Connect) -> int:
    wanted = arguments.given(options.STATUS)
    status = None if wanted is None else Status(wanted.capitalize())
    # What changes is found among all rows, or one that turns healthy would seem to be gone.
    shown = None if arguments.flag(options.CHANGES) else status
    return report_on(
        arguments,
        console,
        connect,
        REPORT,
        lambda snapshot, policy, only: list_instances(snapshot, policy, only, shown),
        InstanceFeed(status),
    )
