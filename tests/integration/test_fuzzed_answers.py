"""Broken answers over real sockets: each a value or a reason, and nothing else.

`make fuzz` tries twenty thousand.
"""

import json
import os
import random
from collections import Counter

import gevent
import pytest
from gevent.server import StreamServer

from cpx_monitor.adapters.clock import SystemClock
from cpx_monitor.adapters.cpx_api.fleet import CpxHttpFleet
from cpx_monitor.adapters.cpx_api.polling.concurrency import FixedLimit
from cpx_monitor.adapters.cpx_api.url import parse_url
from cpx_monitor.adapters.transports.direct import DirectTransport
from cpx_monitor.adapters.transports.via_requests import RequestsTransport
from cpx_monitor.domain.fleet import Unknown

ADDRESSES = [f"10.58.{number >> 8}.{number & 255}" for number in range(1000)]
BODY = b'{"cpu":"61%","service":"UserService","memory":"4%"}'
WHOLE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 51\r\n\r\n" + BODY,
    b"HTTP/1.0 200 OK\r\nServer: BaseHTTP\r\n\r\n" + BODY,
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n33\r\n" + BODY + b"\r\n0\r\n\r\n",
    b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\n{}",
)
PIECES = (
    *(b"\r\n", b"\r\n\r\n", b"\x00", b"\xff", b"%", b'"', b"{", b"}", b"[", b":", b"0", b"-1"),
    *(b"HTTP/1.1 200 OK\r\n", b"Content-Length: ", b"Transfer-Encoding: chunked\r\n", b"161%"),
    *(b"Content-Encoding: gzip\r\n", b"Connection: keep-alive\r\n", b"Location: /\r\n", b"NaN"),
    *(b"\x1b[2J", b"\\ud800", b"9" * 400, b"Upgrade: x\r\nConnection: upgrade\r\n"),
)


def broken(chance):
    """A whole answer, changed in up to four places."""
    answer = bytearray(chance.choice(WHOLE))
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(answer) + 1)
        match chance.randrange(5):
            case 0:
                answer[place : place + 1] = bytes([chance.randrange(256)])
            case 1:
                del answer[place : place + chance.randint(1, 20)]
            case 2:
                answer[place:place] = chance.choice(PIECES)
            case 3:
                answer[place:place] = answer[place : place + chance.randint(1, 40)]
            case 4:
                del answer[place:]
    return bytes(answer)


@pytest.fixture
def fuzzed_url():
    """Where every instance's answer is another broken one, after which the connection closes."""
    chance = random.Random(20_000)
    listing = json.dumps(ADDRESSES).encode()

    def serve(connection, client):
        request = connection.recv(65_536)
        if request.startswith(b"GET /servers "):
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(listing)}\r\nConnection: close\r\n\r\n"
            connection.sendall(head.encode() + listing)
        else:
            connection.sendall(broken(chance))
        connection.close()

    server = StreamServer(("127.0.0.1", 0), serve, backlog=1000)
    server.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.stop()


ROUNDS = max(1, int(os.environ.get("CPX_FUZZ_CASES", "2000")) // len(ADDRESSES))


@pytest.mark.parametrize(
    ("transport", "rounds"), [("direct", ROUNDS), ("requests", max(2, ROUNDS // 10))]
)
def test_a_broken_answer_is_a_value_or_a_reason(fuzzed_url, transport, rounds):
    fleet = CpxHttpFleet(
        parse_url(fuzzed_url),
        DirectTransport(fuzzed_url) if transport == "direct" else RequestsTransport(fuzzed_url, 16),
        SystemClock(gevent.sleep),
        FixedLimit(16),
        timeout_s=2,
        deadline_s=60,
        tell=lambda line: None,
    )
    reasons = Counter()
    for _ in range(rounds):
        seen = fleet.snapshot()
        assert [each.ip for each in seen.observations] == ADDRESSES
        for each in seen.observations:
            if isinstance(each, Unknown):
                assert each.reason
                assert len(each.reason) < 400
                reasons[each.reason] += 1
            else:
                assert 0 <= each.cpu_percent <= 100
                assert 0 <= each.memory_percent <= 100

    assert {"the answer is not HTTP", "the answer was cut off", "not valid JSON"} <= set(reasons)
    assert reasons.total() < rounds * len(ADDRESSES)
