"""The fleet, its faults, and the count of who asked for what, behind either kind of server."""

import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address

from cpx_monitor.simulator.faults import (
    CHURN,
    FRESH,
    LEAVES,
    REFUSE,
    ROLLS,
    Fault,
    moved_back,
    replaced,
)
from cpx_monitor.simulator.replies import Answer, Step
from cpx_monitor.simulator.stats import SimulatedFleet

LIST, STATS = "/servers", "/_stats"


class Simulation:
    def __init__(self, fleet: SimulatedFleet, faults: Sequence[Fault], seed: int | None) -> None:
        self._fleet = fleet
        self._of_list = [fault for fault in faults if fault.of_list]
        self._of_instances = [fault for fault in faults if not fault.of_list]
        self._hit = [_addresses_hit(fault, fleet, seed) for fault in self._of_instances]
        self._churning = self._churning_addresses()
        self._timed = [
            (fault, fleet.addresses if hit is None else [ip for ip in fleet.addresses if ip in hit])
            for fault, hit in zip(self._of_instances, self._hit, strict=True)
            if fault.after_lists
        ]
        self._before = {
            replaced(ip): ip for fault, hit in self._timed if fault.name == ROLLS for ip in hit
        }
        self._is_fresh = any(fault.name == FRESH for fault in faults)
        self.refuses_after_list = any(fault.name == REFUSE for fault in faults)
        self._asked: Counter[str] = Counter()
        self._under_way = 0
        self._most_at_once = 0
        self.connections = 0

    @contextmanager
    def request(self, path: str) -> Iterator[tuple[Answer, Fault | None]]:
        """What to answer, and the fault by which to deliver it, for as long as that takes."""
        if path == STATS:
            yield Answer(200, self._stats()), None
            return
        self._under_way += 1
        self._most_at_once = max(self._most_at_once, self._under_way)
        try:
            yield self._answer(path)
        finally:
            self._under_way -= 1

    def _answer(self, path: str) -> tuple[Answer, Fault | None]:
        turn = self._asked[path]
        self._asked[path] += 1
        if path == LIST:
            answer, faults = Answer(200, self._listing(turn)), self._of_list
        else:
            address = path.removeprefix("/")
            if self._is_fresh:
                address = moved_back(address)
            address = self._before.get(address, address)
            answer = Answer(*self._fleet.answer(f"/{address}"))
            if address in self._churning and int(address.rpartition(".")[2]) % 2:
                # It was listed, and has gone since.
                answer = Answer(*self._fleet.answer("/gone"))
            faults = [
                fault
                for fault, hit in zip(self._of_instances, self._hit, strict=True)
                if hit is None or address in hit
            ]
        for fault in faults:
            if (fault.change or fault.deliver) and fault.is_due(turn):
                changed = fault.change(answer, turn) if fault.change else answer
                return changed, fault if fault.deliver else None
        return answer, None

    def _listing(self, turn: int) -> bytes:
        """Those that come and go are in every second list, others after or up to some list."""
        _, body = self._fleet.answer(LIST)
        absent = set(self._churning) if turn % 2 else set()
        instead: dict[str, str] = {}
        for fault, hit in self._timed:
            if fault.name == ROLLS:
                instead |= {ip: replaced(ip) for ip in hit[: turn // fault.after_lists]}
            elif (fault.name == LEAVES) == (turn >= fault.after_lists):
                absent.update(hit)
        if not (absent or instead):
            return body
        listed = (instead.get(ip, ip) for ip in json.loads(body) if ip not in absent)
        return json.dumps(list(listed)).encode()

    def _churning_addresses(self) -> frozenset[str]:
        all_addresses = frozenset(self._fleet.addresses)
        return frozenset().union(
            *(
                all_addresses if hit is None else hit
                for fault, hit in zip(self._of_instances, self._hit, strict=True)
                if fault.name == CHURN
            )
        )

    def _stats(self) -> bytes:
        attempts = {
            path.removeprefix("/"): times for path, times in self._asked.items() if path != LIST
        }
        return json.dumps(
            {
                "lists": self._asked[LIST],
                "attempts": attempts,
                "most_attempts": max(attempts.values(), default=0),
                "requests": self._asked.total(),
                "most_at_once": self._most_at_once,
                "connections": self.connections,
            }
        ).encode()


def steps_of(answer: Answer, fault: Fault | None, message: bytes) -> Iterable[Step]:
    """What goes out: the message, or what the fault makes of it."""
    if fault is None or fault.deliver is None:
        return [message]
    return fault.deliver(answer, message)


def _addresses_hit(fault: Fault, fleet: SimulatedFleet, seed: int | None) -> frozenset[str] | None:
    """The addresses that a fault hits, None for all; a share is exact to the instance."""
    if fault.address is not None:
        return frozenset([fault.address])
    if fault.block is not None:
        first, last = fault.block
        return frozenset(ip for ip in fleet.addresses if first <= IPv4Address(ip) <= last)
    if fault.service is not None:
        return frozenset(fleet.addresses_of(fault.service))
    if fault.turn is not None:
        hit, of = fault.turn
        return frozenset(ip for n, ip in enumerate(fleet.addresses) if n % of < hit)
    if fault.share is None:
        return None
    number = round(fault.share * len(fleet.addresses))
    chooser = random.Random(None if seed is None else f"{seed}{fault.name}")
    return frozenset(chooser.sample(fleet.addresses, number))
