"""Seconds of CPU for the table of 100,000 instances."""

from datetime import UTC, datetime
from ipaddress import IPv4Address
from time import process_time

from cpx_monitor.adapters.presenters.layout import Style
from cpx_monitor.adapters.presenters.report_tables import render_table
from cpx_monitor.app.use_cases import list_instances
from cpx_monitor.domain.fleet import Instance, Snapshot
from cpx_monitor.domain.health import HealthPolicy

FIRST = int(IPv4Address("10.58.1.1"))
FLEET = tuple(
    Instance(str(IPv4Address(FIRST + n)), f"Service{n % 10}", n % 101, n * 7 % 101)
    for n in range(100_000)
)


def main():
    report = list_instances(Snapshot("x", datetime.now(UTC), 1.0, FLEET), HealthPolicy())
    began_s = process_time()
    render_table(report, Style(color=True))
    print(process_time() - began_s)


if __name__ == "__main__":
    main()
