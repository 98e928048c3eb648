"""Servers that exist only in simulated time, and a client that asks them as a limit allows."""

import heapq
from dataclasses import dataclass, field

from cpx_monitor.adapters.cpx_api.polling.concurrency import Failure


@dataclass
class OneThread:
    """Serves one after the other; beyond ``backlog`` + 1 waiting, a connection stalls a second."""

    service_s: float
    backlog: int = 5
    free_at_s: float = 0.0
    overflows: int = 0
    in_system: list[float] = field(default_factory=list)

    def answer(self, now_s):
        self.in_system = [ends_s for ends_s in self.in_system if ends_s > now_s]
        if len(self.in_system) > self.backlog + 1:
            self.overflows += 1
            now_s += 1.0
        self.free_at_s = max(self.free_at_s, now_s) + self.service_s
        self.in_system.append(self.free_at_s)
        return self.free_at_s, None


@dataclass
class FarAway:
    """Takes any number at once, each as long as the next."""

    latency_s: float

    def answer(self, now_s):
        return now_s + self.latency_s, None


@dataclass
class Workers:
    """So many at once; more wait, or with ``refuses`` are sent away."""

    count: int
    service_s: float
    refuses: bool = False
    free_at_s: list[float] = field(default_factory=list)
    refusals: int = 0

    def answer(self, now_s):
        self.free_at_s = [at_s for at_s in self.free_at_s if at_s > now_s]
        if len(self.free_at_s) < self.count:
            begins_s = now_s
        elif self.refuses:
            self.refusals += 1
            return now_s + 0.001, Failure.REFUSED
        else:
            begins_s = sorted(self.free_at_s)[-self.count]
        self.free_at_s.append(begins_s + self.service_s)
        return begins_s + self.service_s, None


def collect(limit, server, requests, client_s=20e-6, now_s=0.0):
    """Ask so many times; returns when it was over, and the most that were under way at once."""
    under_way: list[tuple[float, int, float, int, Failure | None]] = []
    most = begun = 0
    while begun < requests or under_way:
        if begun < requests and len(under_way) < limit.value:
            now_s += client_s / 2
            ends_s, trouble = server.answer(now_s)
            heapq.heappush(under_way, (ends_s, begun, now_s, limit.round, trouble))
            begun += 1
            most = max(most, len(under_way))
        else:
            ends_s, _, began_s, begun_in, trouble = heapq.heappop(under_way)
            now_s = max(now_s, ends_s) + client_s / 2
            limit.end(begun_in, began_s, now_s, trouble)
    return now_s, most
