"""The services with fewer healthy instances than they need, and why.

A service is PossiblyAtRisk where instances that did not answer could still
make up the number. The exit code is 0 where none is at risk, 1 where one
possibly is, 2 where one certainly is, and 3 where nothing can be said.

Usage:
  cpx-monitor at-risk [--service=<name>]... [options]

Examples:
  cpx-monitor at-risk --url=http://localhost:8080
  cpx-monitor at-risk --threshold=3 --max-memory=80
  cpx-monitor at-risk --service=AuthService --every=30s

Options:
      --threshold=<n>         how many healthy instances a service needs
                              (default: 2)

"""

from cpx_monitor.domain.health import DEFAULT_THRESHOLD
from cpx_monitor.entrypoints.options.arguments import Arguments, Option, whole_number
from cpx_monitor.entrypoints.terminal.console import Console
from cpx_monitor.entrypoints.terminal.signals import held

THRESHOLD = Option("--threshold", whole_number(1, 1_000_000), str(DEFAULT_THRESHOLD))


def run(arguments: Arguments, console: Console) -> int:
    with held():
        from cpx_monitor.app.reports import ServicesAtRisk
        from cpx_monitor.app.use_cases import at_risk
        from cpx_monitor.entrypoints.reporting.once import report_on

    threshold = arguments.value(THRESHOLD)
    return report_on(
        arguments,
        console,
        "at-risk",
        ServicesAtRisk,
        lambda snapshot, policy, only: at_risk(snapshot, policy, threshold, only),
    )
