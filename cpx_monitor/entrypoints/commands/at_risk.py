"""The services with fewer healthy instances than they need, and why."""

from cpx_monitor.adapters.expectations import read_expectation
from cpx_monitor.adapters.presenters.nagios import render_unknown
from cpx_monitor.app.changes import VerdictFeed
from cpx_monitor.app.reports import ServicesAtRisk
from cpx_monitor.app.use_cases import at_risk
from cpx_monitor.entrypoints.bootstrap import Connect
from cpx_monitor.entrypoints.hints import told
from cpx_monitor.entrypoints.options import catalogue as options
from cpx_monitor.entrypoints.options.arguments import Arguments
from cpx_monitor.entrypoints.options.option import UsageError
from cpx_monitor.entrypoints.reporting.once import report_on
from cpx_monitor.entrypoints.terminal.console import Console

REPORT = ServicesAtRisk


def run(arguments: Arguments, console: Console, connect: Connect) -> int:
    try:
        return _run(arguments, console, connect)
    except Exception as error:
        # A check says on stdout what is wrong, whatever it is.
        words = (str(error), None) if isinstance(error, UsageError) else told(error)
        if words and arguments.found(options.OUTPUT_OF_A_CHECK).given == "nagios":
            console.write(render_unknown(words[0]))
        raise


def _run(arguments: Arguments, console: Console, connect: Connect) -> int:
    threshold = arguments.value(options.THRESHOLD)
    headroom = arguments.flag(options.HEADROOM)
    path = arguments.given(options.EXPECT)
    expected = () if path is None else read_expectation(path, console.warn)
    return report_on(
        arguments,
        console,
        connect,
        REPORT,
        lambda snapshot, policy, only: at_risk(
            snapshot, policy, threshold, only, expected, headroom=headroom
        ),
        VerdictFeed(),
        [each.service for each in expected],
        options.OUTPUT_OF_A_CHECK,
    )
