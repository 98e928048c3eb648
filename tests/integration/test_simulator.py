"""The simulator as its clients meet it, on raw sockets: no HTTP library may smooth its quirks."""

import json
import re
import signal
import socket
import subprocess
from collections import Counter
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from conftest import BIN

USAGE = "hint:  usage: cpx-server <port> [--fault=<fault>]... [options]\n"


def connect(url, timeout_s=10):
    address = urlsplit(url)
    return socket.create_connection((address.hostname, address.port), timeout_s)


def ask(connection, path="/servers", version="1.1", method="GET", *headers):
    lines = [f"{method} {path} HTTP/{version}", "Host: localhost", *headers]
    connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")


def read_to_the_end(connection):
    return b"".join(iter(lambda: connection.recv(65_536), b""))


def read_one(connection):
    """One answer with a Content-Length."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65_536)
    head, _, body = received.partition(b"\r\n\r\n")
    (length,) = [
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if b"Content-Length" in line
    ]
    while len(body) < length:
        body += connection.recv(65_536)
    return head.decode(), body


class TestTheReferenceServer:
    def test_answers_in_http_1_0_without_a_length_and_closes(self, simulator):
        with connect(simulator()) as connection:
            ask(connection)
            head, _, body = read_to_the_end(connection).partition(b"\r\n\r\n")

        assert head.startswith(b"HTTP/1.0 200 ")
        assert b"content-length" not in head.lower()
        assert len(set(json.loads(body))) == 150

    def test_tells_an_instance_s_service_and_loads(self, simulator):
        with connect(simulator()) as connection:
            ask(connection, "/10.58.1.121")
            body = json.loads(read_to_the_end(connection).partition(b"\r\n\r\n")[2])

        assert set(body) == {"cpu", "service", "memory"}

    def test_answers_400_to_anything_else(self, simulator):
        with connect(simulator()) as connection:
            ask(connection, "/10.58.1.151")
            answer = read_to_the_end(connection)

        assert answer.startswith(b"HTTP/1.0 400 ")
        assert answer.endswith(b'\r\n\r\n{"error":"Invalid IP"}')

    def test_lets_six_connections_wait_and_drops_the_seventh(self, simulator):
        url = simulator()
        with ExitStack() as stack:
            # The first is taken up, and keeps the server busy, as it sends nothing.
            for _ in range(1 + 6):
                stack.enter_context(connect(url))
            with pytest.raises(TimeoutError):
                stack.enter_context(connect(url, timeout_s=0.5))

    def test_serves_one_client_at_a_time(self, simulator):
        url = simulator()
        with connect(url) as silent, connect(url) as asking:
            ask(asking)
            asking.settimeout(0.3)
            with pytest.raises(TimeoutError):
                asking.recv(1)
            silent.close()
            asking.settimeout(10)
            assert asking.recv(4) == b"HTTP"


class TestTheFleetServer:
    def test_keeps_a_connection_for_many_requests(self, simulator):
        with connect(simulator("--behaviour=fleet", "--instances=3")) as connection:
            for path in ("/servers", "/10.58.1.1", "/10.58.1.2"):
                ask(connection, path)
                head, body = read_one(connection)
                assert head.startswith("HTTP/1.1 200 OK")
                assert json.loads(body)

    def test_answers_requests_that_came_together_in_their_order(self, simulator):
        with connect(simulator("--behaviour=fleet", "--instances=3")) as connection:
            ask(connection, "/nonsense")
            ask(connection, "/10.58.1.1", "1.1", "GET", "Connection: close")
            both = read_to_the_end(connection)

        assert both.startswith(b"HTTP/1.1 400 ")
        assert both.count(b"HTTP/1.1") == 2

    @pytest.mark.parametrize(("version", "header"), [("1.0", "X: y"), ("1.1", "Connection: close")])
    def test_closes_where_the_client_wants_it(self, simulator, version, header):
        with connect(simulator("--behaviour=fleet")) as connection:
            ask(connection, "/10.58.1.1", version, "GET", header)
            assert b"Connection: close" in read_to_the_end(connection)

    def test_refuses_what_is_not_a_get_and_what_is_not_http(self, simulator):
        url = simulator("--behaviour=fleet")
        with connect(url) as connection:
            ask(connection, "/servers", "1.1", "POST")
            assert read_to_the_end(connection).startswith(b"HTTP/1.1 501 ")
        with connect(url) as connection:
            connection.sendall(b"hello\r\n\r\n")
            assert read_to_the_end(connection).startswith(b"HTTP/1.1 400 ")

    def test_serves_others_while_a_client_is_silent(self, simulator):
        url = simulator("--behaviour=fleet")
        with connect(url), connect(url) as asking:
            ask(asking)
            assert read_one(asking)[0].startswith("HTTP/1.1 200 OK")


@pytest.mark.parametrize("behaviour", ["reference", "fleet"])
class TestEither:
    def answer(self, url, path):
        with connect(url) as connection:
            ask(connection, path, "1.1", "GET", "Connection: close")
            return read_to_the_end(connection).partition(b"\r\n\r\n")[2]

    def test_gives_the_same_numbers_for_the_same_seed(self, simulator, behaviour):
        one = simulator("--seed=7", f"--behaviour={behaviour}")
        other = simulator("--seed=7", "--behaviour=reference")

        for _ in range(3):
            assert self.answer(one, "/10.58.1.5") == self.answer(other, "/10.58.1.5")

    def test_takes_its_time_where_told_to(self, simulator, behaviour):
        url = simulator("--latency=60s", f"--behaviour={behaviour}")
        with connect(url) as connection:
            ask(connection)
            connection.settimeout(0.3)
            with pytest.raises(TimeoutError):
                connection.recv(1)

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_ends_quietly_with_0_when_told_to_stop(self, processes, environ, behaviour, number):
        server = processes(
            BIN / "cpx-server",
            "0",
            f"--behaviour={behaviour}",
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        server.stdout.readline()
        server.send_signal(number)

        assert server.communicate(timeout=10) == ("", "")
        assert server.returncode == 0

    def test_ends_with_3_where_the_port_is_taken(self, simulator, environ, behaviour):
        port = urlsplit(simulator()).port
        ended = subprocess.run(
            [BIN / "cpx-server", str(port), f"--behaviour={behaviour}"],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )

        assert (ended.returncode, ended.stdout) == (3, "")
        assert ended.stderr == (
            f"error: cannot listen on localhost:{port}: address already in use\n"
            "hint:  port 0 takes a free one\n"
        )


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ([], "error: cpx-server needs <port>\n" + USAGE),
        (["http"], "error: <port>=http: expected a whole number from 0 to 65535\n"),
        (["0", "--behaviour=x"], "error: --behaviour=x: expected reference or fleet\n"),
        (
            ["0", "--instances=x"],
            "error: --instances=x: expected a whole number from 0 to 1000000\n",
        ),
    ],
)
def test_wrong_usage_ends_with_3_and_says_what_is_wanted(environ, words, error):
    ended = subprocess.run(
        [BIN / "cpx-server", *words], env=environ, capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "", error)


@pytest.fixture(params=["reference", "fleet"])
def behaviour(request):
    return request.param


class TestItsFaults:
    def test_hit_the_share_or_the_address_and_the_list_as_they_were_ordered(self, simulator):
        url = simulator(
            "--fault=http-503@10%", "--fault=close@10.58.1.1", "--fault=list-duplicates"
        )
        listed = json.loads(answer_of(url, "/servers")[2])
        statuses = Counter(answer_of(url, f"/{ip}")[1] for ip in set(listed))

        assert len(listed) == 300
        assert statuses[b"503"] == 15
        assert statuses[None] == (0 if answer_of(url, "/10.58.1.1")[1] == b"503" else 1)

    def test_with_a_number_of_times_pass(self, simulator):
        url = simulator("--fault=http-503*2")

        assert [answer_of(url, "/10.58.1.1")[1] for _ in range(3)] == [b"503", b"503", b"200"]

    def test_are_counted_by_what_was_asked(self, simulator, behaviour):
        url = simulator(f"--behaviour={behaviour}", "--fault=reset@10.58.1.1")
        answer_of(url, "/servers")
        for path in ("/10.58.1.1", "/10.58.1.1", "/10.58.1.2"):
            answer_of(url, path)

        stats = json.loads(answer_of(url, "/_stats")[2])

        assert stats == {
            "lists": 1,
            "attempts": {"10.58.1.1": 2, "10.58.1.2": 1},
            "most_attempts": 2,
            "requests": 4,
            "most_at_once": 1,
            "connections": 5,
        }

    def test_refuse_has_nobody_listen_once_the_list_is_out(self, simulator, behaviour):
        url = simulator(f"--behaviour={behaviour}", "--fault=refuse")
        answer_of(url, "/servers")

        def is_refused():
            try:
                answer_of(url, "/10.58.1.1")
            except ConnectionRefusedError:
                return True

        assert any(is_refused() for _ in range(100))  # the first may still find it listening

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            ("nonsense", "there is no such fault; `cpx-server --help` names them"),
            ("list-reset@10%", "list-reset is not for single addresses"),
            (
                "reset@10.58.1",
                "10.58.1 is neither an address nor a block of them, a share (10%) or a turn (9/10)",
            ),
            ("reset@10.99.1.1", "no such instance"),
            ("churn*2", "churn is for good"),
            ("reset@101%", "101% is no share"),
            ("Re set", "a fault such as reset, http-503@10% or never*1@10.58.1.7 is expected"),
        ],
    )
    def test_that_make_no_sense_end_it_with_3(self, environ, fault, error):
        ended = subprocess.run(
            [BIN / "cpx-server", "0", f"--fault={fault}"],
            env=environ,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )

        assert (ended.returncode, ended.stderr) == (3, f"error: --fault={fault}: {error}\n")

    def test_are_all_named_in_the_help(self):
        from cpx_monitor.entrypoints import simulator
        from cpx_monitor.simulator.faults import BODIES, DELIVERIES, LIST_BODIES, TLS

        words = set(re.findall(r"[a-z0-9-]+", simulator.SERVER.help))
        named = {*DELIVERIES, *BODIES, *LIST_BODIES, *TLS}
        assert {name for name in named - words if name.removeprefix("list-") not in words} == set()


def answer_of(url, path):
    """Version, status (both None where there is none) and body."""
    with connect(url) as connection:
        ask(connection, path, "1.1", "GET", "Connection: close")
        try:
            head, _, body = read_to_the_end(connection).partition(b"\r\n\r\n")
        except ConnectionResetError:
            head = body = b""
    version, status, *_ = [*head.split(b" "), None][:2] if head else (None, None)
    return version, status, body
