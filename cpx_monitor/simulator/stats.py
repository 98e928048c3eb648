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
        addresses = [str(ipaddress.IPv4Address(first + index)) for index in range(instances)]
        self._service_of = {
            address: SERVICES[index % len(SERVICES)] for index, address in enumerate(addresses)
        }
        self._seed = seed
        self._asked: Counter[str] = Counter()
        random.Random(seed).shuffle(addresses)
        self._listing = _json(addresses)

    def answer(self, path: str) -> tuple[int, bytes]:
        """Status and JSON body for a path of the API."""
        if path == "/servers":
            return 200, self._listing
        address = path.removeprefix("/")
        service = self._service_of.get(address)
        if service is None or not path.startswith("/"):
            return 400, _json({"error": "Invalid IP"})
        cpu, memory, order = self._numbers(address)
        fields = [("cpu", f"{cpu % 101}%"), ("service", service), ("memory", f"{memory % 101}%")]
        return 200, _json(dict(fields[order % 3 :] + fields[: order % 3]))

    def _numbers(self, address: str) -> tuple[int, int, int]:
        if self._seed is None:
            return random.randrange(101), random.randrange(101), random.randrange(3)
        turn = self._asked[address]
        self._asked[address] += 1
        digest = blake2b(f"{self._seed}/{address}/{turn}".encode(), digest_size=12).digest()
        cpu, memory, order = (
            int.from_bytes(digest[start : start + 4], "big") for start in (0, 4, 8)
        )
        return cpu, memory, order


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
