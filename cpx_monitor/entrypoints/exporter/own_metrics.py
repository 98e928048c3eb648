"""What the exporter tells of itself, apart from the fleet."""

import os
import resource
import time
from collections import Counter, defaultdict
from pathlib import Path

from cpx_monitor.adapters.presenters.exposition import Metric, labels

_BEGAN_S = time.time()


class OwnMetrics:
    """Requests are counted here; ``collections`` and the like are counted where they happen.
    ``in_flight`` are the requests whose answers are not sent yet.
    """

    def __init__(self) -> None:
        self.in_flight = 0
        self.requests: Counter[tuple[str, str]] = Counter()
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def on_answered(self, path: str, status: str, took_s: float) -> None:
        """``path`` is a known one, to bound the number of series."""
        self.requests[path, status] += 1
        self.seconds[path] += took_s

    def metrics(self, collections: int, list_requests: int) -> list[Metric]:
        return [
            Metric(
                "cpx_exporter_requests_total",
                "Requests answered.",
                [
                    (labels({"path": path, "code": status}), count)
                    for (path, status), count in sorted(self.requests.items())
                ],
                "counter",
            ),
            Metric(
                "cpx_exporter_request_seconds_total",
                "Time that answering them took.",
                [
                    (labels({"path": path}), round(seconds, 6))
                    for path, seconds in sorted(self.seconds.items())
                ],
                "counter",
            ),
            Metric(
                "cpx_exporter_requests_in_flight",
                "Requests whose answers are not sent yet, this one included.",
                [("", self.in_flight)],
            ),
            Metric(
                "cpx_exporter_collections_total",
                "Collections; scrapes that overlap share one.",
                [("", collections)],
                "counter",
            ),
            Metric(
                "cpx_exporter_list_requests_total",
                "How often the list of servers was requested.",
                [("", list_requests)],
                "counter",
            ),
            *_of_process(),
        ]


def _of_process() -> list[Metric]:
    """As Prometheus names them:
    https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    values = (
        ("process_cpu_seconds_total", "CPU time.", used.ru_utime + used.ru_stime, "counter"),
        ("process_resident_memory_bytes", "Memory.", pages * resource.getpagesize(), "gauge"),
        ("process_open_fds", "Open files.", len(os.listdir("/proc/self/fd")), "gauge"),
        ("process_max_fds", "Files that may be open.", soft, "gauge"),
        ("process_start_time_seconds", "When it was started.", round(_BEGAN_S, 3), "gauge"),
    )
    return [Metric(name, meaning, [("", value)], kind) for name, meaning, value, kind in values]
