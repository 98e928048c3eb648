"""A thousand rounds of `track` among faults of every kind, on each transport at the same time.

Told for each: rounds, how many of them had to do with an old list, how many were left out, the
descriptors open and the memory resident after the first tenth and at the end, the longest time from
one round to the next, and the most requests for one instance in a round. Ends with 1 where a bound
is not kept.
"""

import argparse
import itertools
import json
import subprocess
import sys
import threading
import urllib.request
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

BIN = Path(sys.executable).parent
SERVICE = "AuthService"
EVERY_S, TIMEOUT_S, DEADLINE_S = 0.2, 0.1, 1.0
FAULTS = (
    *("reset~7@5%", "reset-in-body~5@5%", "close~6@5%", "truncated~4@5%", "never~9@2%"),
    *("drip~11@2%", "http-500~5@5%", "http-502~3@5%", "http-503~8@5%", "cpu-over~4@5%"),
    *("garbage~6@5%", "json-deep~5@5%", "gzip-bomb~9@2%", "header-flood~7@2%", "too-large~8@2%"),
    *("service-escapes@1%", "churn@5%", "renames@2%"),
    *("list-http-503~9", "list-reset~13", "list-http-500~17", "list-cut~19", "list-junk~23"),
)
MOST_GROWTH_KIB = 1024
MOST_ATTEMPTS = 2


class Reading(NamedTuple):
    descriptors: int
    memory_kib: int


class Soaked(NamedTuple):
    transport: str
    code: int
    rounds: int
    early: Reading
    late: Reading
    longest_s: float
    left_out: int
    old_lists: int
    attempts: float

    @property
    def complaints(self) -> list[str]:
        limits = {
            "it did not end with 0": self.code != 0,
            "descriptors leak": self.late.descriptors > self.early.descriptors + 2,
            "memory grows": self.late.memory_kib > self.early.memory_kib + MOST_GROWTH_KIB,
            "a round outlived its deadline": self.longest_s > DEADLINE_S + 0.5,
            "an instance was asked too often": self.attempts > MOST_ATTEMPTS,
        }
        return [complaint for complaint, holds in limits.items() if holds]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000)
    rounds = parser.parse_args().rounds
    results: list[Soaked] = []
    threads = [
        threading.Thread(target=lambda name=name: results.append(soak(name, rounds)))
        for name in ("direct", "requests")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("transport  rounds  old list  left out  descriptors  memory KiB      longest s  attempts")
    for each in sorted(results):
        print(
            f"{each.transport:9}  {each.rounds:6}  {each.old_lists:8}  {each.left_out:8}"
            f"  {each.early.descriptors:4} - {each.late.descriptors:4}"
            f"  {each.early.memory_kib:6} - {each.late.memory_kib:6}"
            f"  {each.longest_s:9.2f}  {each.attempts:8.2f}"
        )
        for complaint in each.complaints:
            print(f"error: {each.transport}: {complaint}", file=sys.stderr)
    return 1 if len(results) < len(threads) or any(each.complaints for each in results) else 0


def soak(transport: str, rounds: int) -> Soaked:
    faults = [f"--fault={fault}" for fault in FAULTS]
    words = ["0", "--behaviour=fleet", "--instances=200", "--seed=7", *faults]
    with subprocess.Popen(
        [BIN / "cpx-server", *words], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        try:
            url = server.stdout.readline().removeprefix("listening on ").strip()
            return track(transport, url, rounds)
        finally:
            server.terminate()


def track(transport: str, url: str, rounds: int) -> Soaked:
    options = [
        *(f"--transport={transport}", f"--url={url}", f"--every={EVERY_S}", f"--count={rounds}"),
        *(f"--timeout={TIMEOUT_S}", f"--deadline={DEADLINE_S}", "--concurrency=8", "-o", "jsonl"),
    ]
    tracking = subprocess.Popen(
        [BIN / "cpx-monitor", "track", SERVICE, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert tracking.stdout
    assert tracking.stderr
    warnings: list[str] = []
    listener = threading.Thread(target=lambda: warnings.extend(tracking.stderr or ()))
    listener.start()
    began: dict[int, datetime] = {}
    early = late = Reading(0, 0)
    samples = (json.loads(line) for line in tracking.stdout)
    for number, of_round in itertools.groupby(samples, key=lambda sample: sample["round"]):
        began[number] = datetime.fromisoformat(next(of_round)["observed_at"])
        if number == max(2, rounds // 10):
            early = reading_of(tracking.pid)
        if number >= rounds - 1 and not late.descriptors:
            late = reading_of(tracking.pid)
    code = tracking.wait()
    listener.join()
    with urllib.request.urlopen(f"{url}/_stats") as answer:
        stats = json.load(answer)
    moments = sorted(began.values())
    gaps = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(moments)]
    return Soaked(
        transport=transport,
        code=code,
        rounds=len(began),
        early=early,
        late=late,
        longest_s=max(gaps),
        left_out=sum("left out" in line and "came due" in line for line in warnings),
        old_lists=sum("old: " in line for line in warnings),
        attempts=stats["most_attempts"] / rounds,
    )


def reading_of(pid: int) -> Reading:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    memory = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return Reading(len(list(Path(f"/proc/{pid}/fd").iterdir())), int(memory.split()[1]))


if __name__ == "__main__":
    sys.exit(main())
