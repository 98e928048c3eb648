"""A thousand rounds of `track` among faults of every kind, on each transport at the same time, and
with other addresses in every round.

Writes docs/soak.md, and ends with 1 where a bound is not kept.
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
RUNS = {
    "direct": ("direct", ()),
    "requests": ("requests", ()),
    "direct, other addresses in every round": ("direct", ("list-fresh",)),
}
MAX_GROWTH_KIB = 1024
MAX_ATTEMPTS = 2
SETTLED = 0.4


ROUNDS = 1000
PAGE = Path(__file__).parents[1] / "docs" / "soak.md"
INTRODUCTION = f"""\
# A thousand rounds among faults

`make soak` runs `cpx-monitor track {SERVICE} --every={EVERY_S} --timeout={TIMEOUT_S}
--deadline={DEADLINE_S}` for {ROUNDS} rounds on each transport, against two hundred simulated
instances with these faults (`~7` is every seventh time, `@5%` a twentieth of the instances), and
once more where every address is another one in every round (`list-fresh`):

{", ".join(f"`{fault}`" for fault in FAULTS)}.

Descriptors and memory are read after a tenth of the rounds, after four tenths, and at the end. The
heap finds its size within the first few hundred rounds; after that it must not grow by more than
{MAX_GROWTH_KIB} KiB in a thousand rounds. Rounds are left out where one before them took longer
than {EVERY_S} s; the longest gap is from one round's start to the next one's. Tries are the most
requests for one instance, divided by the rounds.

"""
HEADER = """\
| run | rounds | old list | left out | descriptors | KiB resident | longest gap s | tries |
|---|---|---|---|---|---|---|---|"""


class Reading(NamedTuple):
    descriptors: int
    memory_kib: int


class Soaked(NamedTuple):
    name: str
    code: int
    rounds: int
    readings: tuple[Reading, ...]
    longest_s: float
    left_out: int
    old_lists: int
    attempts: float

    @property
    def complaints(self) -> list[str]:
        _, settled, late = self.readings
        growth_kib = (late.memory_kib - settled.memory_kib) / (1 - SETTLED) * ROUNDS / self.rounds
        limits = {
            "it did not end with 0": self.code != 0,
            "descriptors leak": late.descriptors > settled.descriptors + 3,
            "memory grows": growth_kib > MAX_GROWTH_KIB,
            "a round outlived its deadline": self.longest_s > DEADLINE_S + 0.5,
            "an instance was asked too often": self.attempts > MAX_ATTEMPTS,
        }
        return [complaint for complaint, holds in limits.items() if holds]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    results: list[Soaked] = []
    threads = [
        threading.Thread(target=lambda name=name: results.append(soak(name, rounds)))
        for name in RUNS
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    table = "\n".join([HEADER, *(row_of(each) for each in sorted(results))])
    print(table)
    if rounds == ROUNDS:
        PAGE.write_text(INTRODUCTION + table + "\n", encoding="utf-8")
    for each in results:
        for complaint in each.complaints:
            print(f"error: {each.name}: {complaint}", file=sys.stderr)
    return 1 if len(results) < len(threads) or any(each.complaints for each in results) else 0


def row_of(soaked: Soaked) -> str:
    cells = (
        soaked.name,
        soaked.rounds,
        soaked.old_lists,
        soaked.left_out,
        ", ".join(str(reading.descriptors) for reading in soaked.readings),
        ", ".join(str(reading.memory_kib) for reading in soaked.readings),
        f"{soaked.longest_s:.2f}",
        f"{soaked.attempts:.2f}",
    )
    return f"| {' | '.join(map(str, cells))} |"


def soak(name: str, rounds: int) -> Soaked:
    transport, more = RUNS[name]
    faults = [f"--fault={fault}" for fault in (*FAULTS, *more)]
    words = ["0", "--behaviour=fleet", "--instances=200", "--seed=7", *faults]
    with subprocess.Popen(
        [BIN / "cpx-server", *words], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        try:
            url = server.stdout.readline().removeprefix("listening on ").strip()
            return track(name, transport, url, rounds)
        finally:
            server.terminate()


def track(name: str, transport: str, url: str, rounds: int) -> Soaked:
    options = [
        *(f"--transport={transport}", f"--url={url}", f"--every={EVERY_S}", f"--count={rounds}"),
        *(f"--timeout={TIMEOUT_S}", f"--deadline={DEADLINE_S}", "--concurrency=8", "-o", "jsonl"),
    ]
    tracking = subprocess.Popen(
        [BIN / "cpx-monitor", "track", SERVICE, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert tracking.stdout
    began: dict[int, datetime] = {}
    readings: list[Reading] = []
    due = [max(2, rounds // 10), int(SETTLED * rounds), rounds - 1]
    lines = (json.loads(line) for line in tracking.stdout)
    rounds_told = (line for line in lines if line.get("kind") == "Round")
    left_out = old_lists = 0
    for told in rounds_told:
        number = told["round"]
        began[number] = datetime.fromisoformat(told["observed_at"])
        left_out += told["missed"]
        old_lists += told["list_age_seconds"] is not None
        if due and number >= due[0]:
            del due[0]
            readings.append(reading_of(tracking.pid))
    code = tracking.wait()
    with urllib.request.urlopen(f"{url}/_stats") as answer:
        stats = json.load(answer)
    moments = sorted(began.values())
    gaps = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(moments)]
    return Soaked(
        name=name,
        code=code,
        rounds=len(began),
        readings=tuple(readings),
        longest_s=max(gaps),
        left_out=left_out,
        old_lists=old_lists,
        attempts=stats["most_attempts"] / rounds,
    )


def reading_of(pid: int) -> Reading:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    memory = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return Reading(len(list(Path(f"/proc/{pid}/fd").iterdir())), int(memory.split()[1]))


if __name__ == "__main__":
    sys.exit(main())
