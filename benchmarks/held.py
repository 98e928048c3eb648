"""What the rounds held for looking back cost: memory, and the time of a round and its frame.

python benchmarks/held.py
"""

import gc
import os
import resource
import time
from pathlib import Path

from cpx_monitor.adapters.clock import SystemClock
from cpx_monitor.adapters.in_memory import InMemoryFleet
from cpx_monitor.adapters.presenters.layout import Style
from cpx_monitor.adapters.presenters.pages import Place, page_frame, rows_that_fit
from cpx_monitor.app.memory import RememberingFleet
from cpx_monitor.app.overview import overview
from cpx_monitor.app.reports import Round
from cpx_monitor.app.use_cases import list_instances
from cpx_monitor.domain.fleet import Instance
from cpx_monitor.domain.health import HealthPolicy
from cpx_monitor.entrypoints.reporting.interactive.held import HeldRound, HeldRounds, HoldingFleet
from cpx_monitor.entrypoints.reporting.interactive.state import ViewState
from cpx_monitor.entrypoints.reporting.interactive.subjects import FleetSubject, ReportSubject
from cpx_monitor.entrypoints.reporting.output import Output

STYLE = Style(color=True, width=120)
LINES = 40


def fleets(instances):
    """Other loads in every round, and no text that is the same object as before."""
    for number in iter(int, 1):
        del number
        yield [
            Instance(
                f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}",
                f"Service{n % 40}",
                (n * 7 + len(os.urandom(1))) % 101,
                (n * 13) % 101,
            )
            for n in range(instances)
        ]


def rss_mib():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def run(command, instances, rounds):
    policy = HealthPolicy()
    fleet = HoldingFleet(RememberingFleet(InMemoryFleet(fleets(instances), SystemClock())))
    held = HeldRounds()
    output = Output("table", STYLE)
    subject = FleetSubject(output, "bench", "") if command == "top" else ReportSubject(output, 2)
    use_case = overview if command == "top" else list_instances
    worst_s, seen = 0.0, []
    before = rss_mib()
    for number in range(1, rounds + 1):
        snapshot = fleet.snapshot()
        began_s = time.perf_counter()
        report = use_case(snapshot, policy)
        shown = Round(number, 0, snapshot.observed_at, 0.0, report)
        held.append(HeldRound(shown, fleet.latest))
        page = subject.see(held, ViewState(), STYLE).page
        page_frame(page, Place(0, 0), "", STYLE, LINES)
        worst_s = max(worst_s, time.perf_counter() - began_s)
        if number in (120, 240, rounds // 2, rounds):
            gc.collect()
            seen.append(f"{rss_mib() - before:.0f} MiB after {number}")
    page = subject.see(held, ViewState(order=None, filter="service3"), STYLE).page
    began_s = time.perf_counter()
    page_frame(page, Place(5, 0), "", STYLE, LINES)
    scroll_s = time.perf_counter() - began_s
    rows_that_fit(page.head, STYLE, LINES)
    print(
        f"{command}, {instances} instances: {', '.join(seen)} rounds,"
        f" {len(held.numbers)} held; report and frame {worst_s * 1000:.0f} ms at most,"
        f" a frame after a key {scroll_s * 1000:.1f} ms"
    )


if __name__ == "__main__":
    run("top", 1000, 1000)
    run("list", 1000, 1000)
    run("top", 10_000, 150)
    run("list", 10_000, 150)
