"""What an exporter costs: scrapes of simulated fleets beside `list -o json`, on one machine.

python benchmarks/exporter.py [instances ...]
"""

import http.client
import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

BIN = Path(sys.executable).parent
SCRAPES = 7
PROBE_EVERY_S = 0.02
PAGE = os.sysconf("SC_PAGE_SIZE")


@contextmanager
def serving(*words):
    """A process, and where it listens."""
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process, process.stdout.readline().split()[-1]
        finally:
            process.send_signal(signal.SIGTERM)


def get(url, path, **headers):
    """How long it took, and the length of the body."""
    began_s = time.perf_counter()
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)
    connection.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    body = connection.getresponse().read()
    connection.close()
    return time.perf_counter() - began_s, len(body)


def cpu_s(process):
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mib(process):
    return int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * PAGE / 2**20


class Latencies:
    """How long the exporter takes to say that it is healthy while it does something else: as long
    as its loop is blocked.
    """

    def __init__(self, url):
        self.url = url
        self.seen_s = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._probe)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self._thread.join()

    def _probe(self):
        while not self._is_over.wait(PROBE_EVERY_S):
            self.seen_s.append(get(self.url, "/-/healthy")[0])


def measure(instances, latency):
    words = ["--behaviour=fleet", f"--instances={instances}", f"--latency={latency}"]
    with (
        serving(BIN / "cpx-server", "0", *words) as (_, fleet),
        serving(*(BIN / "cpx-monitor", "exporter", f"--url={fleet}", "--listen=localhost:0")) as (
            exporter,
            url,
        ),
    ):
        get(url, "/metrics")
        lists_s, scrapes_s, zipped_s, pages_s = [], [], [], []
        before_s = cpu_s(exporter)
        for _ in range(SCRAPES):
            took_s, size = get(url, "/metrics")
            scrapes_s.append(took_s)
        cpu = (cpu_s(exporter) - before_s) / SCRAPES
        for _ in range(SCRAPES):
            took_s, zipped = get(url, "/metrics", Accept_Encoding="gzip")
            zipped_s.append(took_s)
        for _ in range(SCRAPES):
            began_s = time.perf_counter()
            command = [BIN / "cpx-monitor", "list", "-o", "json", f"--url={fleet}"]
            subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
            lists_s.append(time.perf_counter() - began_s)
        for _ in range(3):
            took_s, page = get(url, "/")
            pages_s.append(took_s)
        with Latencies(url) as latencies:
            for _ in range(3):
                get(url, "/metrics", Accept_Encoding="gzip")
        return {
            "instances": instances,
            "round trip": latency,
            "list_s": statistics.median(lists_s),
            "scrape_s": statistics.median(scrapes_s),
            "zipped_s": statistics.median(zipped_s),
            "cpu_s": cpu,
            "page_s": statistics.median(pages_s),
            "page_kb": page / 1000,
            "mb": size / 1e6,
            "zipped_mb": zipped / 1e6,
            "rss_mib": rss_mib(exporter),
            "blocked_ms": 1000 * max(latencies.seen_s),
            "blocked_p95_ms": 1000 * statistics.quantiles(latencies.seen_s, n=20)[-1],
        }


def main():
    for instances in [int(word) for word in sys.argv[1:]] or [150, 1000, 10_000, 100_000]:
        for latency in ("0", "20ms"):
            found = measure(instances, latency)
            print(
                json.dumps(
                    {k: round(v, 3) if isinstance(v, float) else v for k, v in found.items()}
                ),
                flush=True,
            )


if __name__ == "__main__":
    main()
