"""The made-up fleet that the simulator serves: its addresses, services and numbers."""

import ipaddress
import json
import random
from collections import Counter
from hashlib import blake2b

SERVICES = (
    "PermissionsService",
    "AuthService",
    "MLService",
    "StorageService",
    "TimeService",
    "GeoService",
    "TicketService",
    "RoleService",
    "IdService",
    "UserService",
)
FIRST_ADDRESS = "10.58.1.1"


class SimulatedFleet:
    """``instances`` addresses from 10.58.1.1 on, shared out among ten services in turn.

    Without a seed the numbers are random at every request. With one, an address's n-th answer
    depends on the seed, the address and n alone.
    """

    def __init__(self, instances: int, seed: int | None) -> None:
        first = int(ipaddress.IPv4Address(FIRST_ADDRESS))
        self.addresses = [str(ipaddress.IPv4Address(first + index)) for index in range(instances)]
        self._service_of = {
            f"/{address}": SERVICES[index % len(SERVICES)]
            for index, address in enumerate(self.addresses)
        }
        self._seed = seed
        self._asked: Counter[str] = Counter()
        in_no_order = self.addresses.copy()
        random.Random(seed).shuffle(in_no_order)
        self._listing = _json(in_no_order)

    def addresses_of(self, service: str) -> list[str]:
        return [ip for ip in self.addresses if self._service_of[f"/{ip}"] == service]

    def answer(self, path: str) -> tuple[int, bytes]:
        """Status and JSON body for a path of the API."""
        if path == "/servers":
            return 200, self._listing
        service = self._service_of.get(path)
        if service is None:
            return 400, _json({"error": "Invalid IP"})
        cpu, memory, first = self._numbers(path)
        fields = [("cpu", f"{cpu}%"), ("service", service), ("memory", f"{memory}%")]
        return 200, _json(dict(fields[first:] + fields[:first]))

    def _numbers(self, path: str) -> tuple[int, int, int]:
        """CPU and memory in percent, and which field comes first."""
        if self._seed is None:
            return random.randrange(101), random.randrange(101), random.randrange(3)
        turn = self._asked[path]
        self._asked[path] += 1
        digest = blake2b(f"{self._seed}{path}/{turn}".encode(), digest_size=12).digest()
        cpu, memory, first = (
            int.from_bytes(digest[start : start + 4], "big") for start in (0, 4, 8)
        )
        return cpu % 101, memory % 101, first % 3


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
