"""What every Transport promises, whatever carries the requests."""

import gzip
import socket
import time

import gevent
import pytest
from asking import ask
from scripted_server import ScriptedServer, answer, dripping, in_turn, late, never, raw

from cpx_monitor.adapters.transports.addresses import QUICK_S
from cpx_monitor.adapters.transports.direct import DirectTransport
from cpx_monitor.adapters.transports.port import BrokenOff, Doubtful, TimedOut, TransportError
from cpx_monitor.adapters.transports.via_requests import RequestsTransport

MAX_BYTES = 1000
GZIP = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"


@pytest.fixture
def make(transport):
    """A transport to a URL."""
    if transport == "direct":
        return DirectTransport
    return lambda url: RequestsTransport(url, concurrency=4)


@pytest.fixture
def get(make, serve):
    """The answer of a server that behaves like this."""

    def get(behaviour, timeout_s=5.0):
        return ask(make(serve({"/x": behaviour}).url), "/x", timeout_s, MAX_BYTES)

    return get


class TestAnAnswer:
    def test_of_another_status_has_headers_in_any_case(self, get):
        got = get(answer(404, b"hello", "X-Thing: A thing"))

        assert got.status == 404
        assert (got.answer.header("x-THING"), got.answer.header("other")) == ("A thing", None)

    @pytest.mark.parametrize(
        "content",
        [
            b"HTTP/1.0 200 OK\r\n\r\nhello",
            b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5 \t\r\n\r\nhello",
            GZIP + gzip.compress(b"hello", mtime=0),
            GZIP + gzip.compress(b"hel", mtime=0) + gzip.compress(b"lo", mtime=0),
        ],
    )
    def test_may_be_framed_in_every_way_of_http(self, get, content):
        response = get(raw(content))

        assert (response.status, response.body) == (200, b"hello")

    def test_may_come_in_pieces(self, get):
        def in_pieces(connection, stopped):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi":
                connection.sendall(bytes([byte]))
                stopped.wait(0.001)

        assert get(in_pieces).body == b"hi"

    @pytest.mark.parametrize("status", [204, 304])
    def test_may_have_no_body(self, get, status):
        assert get(raw(f"HTTP/1.1 {status} Nothing\r\n\r\n".encode())).status == status

    def test_that_redirects_is_an_answer_like_any_other(self, get):
        got = get(answer(301, b"", "Location: http://127.0.0.1:1/"))

        assert (got.status, got.answer.header("location")) == (301, "http://127.0.0.1:1/")

    def test_may_be_large_and_begin_in_a_packet_of_its_own(self, make, serve):
        def in_two(connection, stopped):
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            stopped.wait(0.05)
            connection.sendall(b"Content-Length: 900000\r\n\r\n" + b"x" * 900_000)

        transport = make(serve({"/x": in_two}).url)

        assert len(ask(transport, "/x", 5, 1_000_000).body) == 900_000

    def test_may_be_as_large_as_allowed(self, get):
        assert len(get(answer(200, b"x" * MAX_BYTES)).body) == MAX_BYTES


class TestNoAnswer:
    @pytest.mark.parametrize(
        ("behaviour", "reason"),
        [
            (raw(b""), "the connection was closed without an answer"),
            (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}"), "the answer was cut off"),
            (raw(b"SSH-2.0-OpenSSH\r\n"), "the answer is not HTTP"),
            (raw(b"<html>"), "the answer is not HTTP"),
            (raw(b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nhi"), "the answer is not HTTP"),
            (raw(b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nhi"), "the answer is not HTTP"),
            (
                raw(
                    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
                    b"2\r\nhi\r\n0\r\n\r\n"
                ),
                "the answer is not HTTP",
            ),
            (
                raw(GZIP.replace(b"\r\n\r\n", b"\r\nContent-Encoding: identity\r\n\r\n") + b"x"),
                "the answer is encoded as 'gzip, identity'",
            ),
            (answer(200, b"x" * (MAX_BYTES + 1)), "an answer of more than 0 KiB"),
            (raw(GZIP + gzip.compress(b"{}", mtime=0)[:-4]), "the compressed answer was cut off"),
            (
                raw(GZIP + gzip.compress(b"{}", mtime=0) + b"{}"),
                "the answer cannot be decompressed",
            ),
            (raw(GZIP + b"{}"), "the answer cannot be decompressed"),
            (raw(GZIP.replace(b"gzip", b"br") + b"{}"), "the answer is encoded as 'br'"),
            (
                raw(GZIP + gzip.compress(b"x" * MAX_BYTES, mtime=0) + gzip.compress(b"x", mtime=0)),
                "an answer of more than",
            ),
            (
                answer(200, gzip.compress(b"x" * 10_000_000, mtime=0), "Content-Encoding: gzip"),
                "an answer of more than",
            ),
            (
                raw(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * (MAX_BYTES + 1)),
                "an answer of more than 0 KiB",
            ),
        ],
    )
    def test_is_told_in_a_few_words(self, get, behaviour, reason):
        with pytest.raises(TransportError, match=reason):
            get(behaviour)

    @pytest.mark.parametrize(
        "header", ["X-Thing: a\r\n" * 200, f"X-Thing: {'a' * 100_000}\r\n"], ids=["many", "long"]
    )
    def test_comes_of_a_flood_of_headers(self, get, header):
        with pytest.raises(TransportError):
            get(raw(b"HTTP/1.1 200 OK\r\n" + header.encode() + b"Content-Length: 0\r\n\r\n"))

    def test_comes_of_a_port_where_nobody_listens(self, make, closed_port_url):
        with pytest.raises(TransportError, match="connection refused"):
            ask(make(closed_port_url), "/x", 5, MAX_BYTES)


class TestTheTimeOut:
    @pytest.mark.parametrize(
        "behaviour",
        [
            never,
            dripping(b"HTTP/1.1 200 OK\r\nX: "),
            dripping(b"HTTP/1.0 200 OK\r\n\r\n{"),
            dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"),
        ],
    )
    def test_is_for_the_whole_exchange_however_it_drags_on(self, get, behaviour):
        began_s = time.monotonic()

        with pytest.raises(TimedOut):
            get(behaviour, timeout_s=0.3)
        assert 0.2 < time.monotonic() - began_s < 2

    def test_covers_a_server_that_takes_no_connection(self, make):
        with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
            place = listener.getsockname()
            with socket.create_connection(place), pytest.raises(TimedOut):
                ask(make(f"http://127.0.0.1:{place[1]}"), "/x", 0.3, MAX_BYTES)

    def test_of_one_request_does_not_touch_another(self, make, serve):
        transport = make(serve({"/x": answer(200, b"x"), "/never": never}, keeps=True).url)
        stuck = gevent.spawn(ask, transport, "/never", 0.3, MAX_BYTES)
        stuck.start()
        answers = [ask(transport, "/x", 5, MAX_BYTES).body for _ in range(20)]
        stuck.join()

        assert answers == [b"x"] * 20
        assert isinstance(stuck.exception, TimedOut)

    def test_is_followed_by_no_second_request_and_the_next_one_is_answered(self, make, serve):
        server = serve({"/x": answer(200, b"x"), "/never": never}, keeps=True)
        transport = make(server.url)
        ask(transport, "/x", 5, MAX_BYTES)

        for _ in range(2):
            with pytest.raises(TimedOut):
                ask(transport, "/never", 0.2, MAX_BYTES)
        assert ask(transport, "/x", 5, MAX_BYTES).body == b"x"
        assert server.asked == {"/x": 2, "/never": 2}


class TestConnections:
    @pytest.mark.parametrize(
        ("content", "keeps"),
        [
            (b"HTTP/1.0 200 OK\r\n\r\n", False),
            (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
            (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", True),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", False),
            (b"HTTP/1.1 200 OK\r\n\r\n", False),
        ],
    )
    def test_are_known_to_be_kept_or_not(self, get, content, keeps):
        assert get(raw(content)).keeps is keeps

    def test_are_kept_where_the_server_keeps_them(self, make, serve):
        server = serve({"/x": answer(200, b"x")}, keeps=True)
        transport = make(server.url)

        assert [ask(transport, "/x", 5, MAX_BYTES).body for _ in range(5)] == [b"x"] * 5
        assert server.connections == 1

    def test_are_as_many_as_there_are_requests_at_once(self, make, serve):
        server = serve({"/x": late(answer(200, b"x"), 0.2)}, keeps=True)
        transport = make(server.url)

        for _ in range(2):
            gevent.joinall([gevent.spawn(ask, transport, "/x", 5, MAX_BYTES) for _ in range(3)])
        assert server.connections == 3

    def test_that_the_server_closes_meanwhile_cost_no_answer(self, make, serve):
        unannounced = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")
        server = serve({"/x": unannounced})
        transport = make(server.url)

        for number in range(1, 5):
            assert ask(transport, "/x", 5, MAX_BYTES).body == b"x"
            server.wait_until_closed(number)
            gevent.sleep(0.001)  # a turn of the loop
        assert server.asked == {"/x": 4}

    def test_that_break_when_they_are_used_again_are_used_no_more(self, make, serve):
        server = serve({"/x": answer(200, b"x")}, drops_kept=True)
        transport = make(server.url)
        ask(transport, "/x", 5, MAX_BYTES)

        with pytest.raises(BrokenOff):
            ask(transport, "/x", 5, MAX_BYTES)
        assert [ask(transport, "/x", 5, MAX_BYTES).body for _ in range(3)] == [b"x"] * 3
        assert server.connections == 4

    def test_of_one_that_is_closed_over_and_over_are_not_all_tried(self, make, serve):
        def poison(connection, stopped):
            pass

        script = {"/x": late(answer(200, b"x"), 0.2), "/poison": poison}
        server = serve(script, keeps=True)
        transport = make(server.url)
        gevent.joinall([gevent.spawn(ask, transport, "/x", 5, MAX_BYTES) for _ in range(4)])
        server.keeps = False

        with pytest.raises(TransportError):
            ask(transport, "/poison", 5, MAX_BYTES)
        assert server.asked["/poison"] <= 5

    def test_on_which_something_came_unasked_are_not_used_again(self, make, serve):
        twice = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx" * 2)
        server = serve({"/x": in_turn(twice, answer(200, b"y"))}, keeps=True)
        transport = make(server.url)

        assert ask(transport, "/x", 5, MAX_BYTES).body == b"x"
        assert ask(transport, "/x", 5, MAX_BYTES).body == b"y"


X = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"


def over(connection, path):
    return connection.get(path, time.monotonic() + 5, MAX_BYTES)


class TestMoreThanWasRequested:
    @pytest.fixture
    def connection(self, make, serve):
        """One that is open; ``twice`` is answered twice at once, ``late`` after 20 ms as well."""

        def late_twice(connection, stopped):
            connection.sendall(X)
            stopped.wait(0.02)
            connection.sendall(X)

        script = {"/x": answer(200, b"x"), "/twice": raw(X + X), "/late": late_twice}
        self.server = serve(script, keeps=True)
        self.transport = make(self.server.url)
        return self.transport.connection()

    def test_puts_all_answers_over_that_connection_in_doubt_but_for_the_first(self, connection):
        over(connection, "x")
        over(connection, "x?2")
        with pytest.raises(Doubtful):
            over(connection, "twice")
        connection.release()

        assert sorted(self.transport.doubtful()) == ["twice", "x?2"]

    def test_is_noticed_at_the_end_of_a_collection_where_it_came_late(self, connection):
        assert [over(connection, "x"), over(connection, "late")] == [b"x", b"x"]
        connection.release()
        gevent.sleep(0.1)

        assert self.transport.doubtful() == ["late"]

    def test_is_noticed_where_another_answer_has_been_taken_for_the_next_one(self, connection):
        over(connection, "x")
        over(connection, "late")
        over(connection, "x?3")  # it may have got what came late
        connection.release()
        gevent.sleep(0.1)

        assert sorted(self.transport.doubtful()) == ["late", "x?3"]

    def test_leaves_the_first_answer_over_a_connection_beyond_doubt(self, connection):
        assert over(connection, "twice") == b"x"
        connection.release()

        assert self.transport.doubtful() == []

    def test_means_that_no_connection_is_used_twice_from_then_on(self, connection):
        over(connection, "twice")
        connection.release()
        before = self.server.connections

        for _ in range(3):
            assert ask(self.transport, "/x", 5, MAX_BYTES).body == b"x"
        assert self.server.connections == before + 3
        assert self.transport.doubtful() == []

    def test_after_an_interim_answer_is_none(self, make, serve):
        early = raw(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + X)
        server = serve({"/x": early}, keeps=True)
        transport = make(server.url)

        assert [ask(transport, "/x", 5, MAX_BYTES).body for _ in range(5)] == [b"x"] * 5
        assert server.connections == 1
        assert transport.doubtful() == []


def test_the_request_names_the_host_and_the_path_below_the_url(make, serve):
    server = serve({"/api/v1/x": answer(200, b"")})

    assert ask(make(f"{server.url}/api/v1"), "/x", 5, MAX_BYTES).status == 200
    lines = server.heads[0].split("\r\n")
    assert lines[0] == "GET /api/v1/x HTTP/1.1"
    assert f"Host: 127.0.0.1:{server.port}" in lines


def test_credentials_in_the_url_are_sent(make, serve):
    server = serve({"/x": answer(200, b"")})

    ask(make(server.url.replace("//", "//ann:s3cr%40t@")), "/x", 5, MAX_BYTES)

    assert "Authorization: Basic YW5uOnMzY3JAdA==" in server.heads[0]
    assert "@" not in server.heads[0]


def test_of_a_name_with_several_addresses_one_that_answers_is_enough(make):
    # localhost is ::1 as well as 127.0.0.1 on most machines; the server is at one of them.
    with ScriptedServer({"/x": answer(200, b"x")}) as server:
        assert ask(make(f"http://localhost:{server.port}"), "/x", 5, MAX_BYTES).body == b"x"


def test_an_ipv6_server_is_reached(make):
    with ScriptedServer({"/x": answer(200, b"x")}, host="::1") as server:
        assert ask(make(server.url), "/x", 5, MAX_BYTES).body == b"x"
        assert f"Host: [::1]:{server.port}" in server.heads[0]


class TestAHostWithTwoAddresses:
    """The first of them does not serve; the second does."""

    @pytest.fixture
    def swallows(self):
        """An address whose listen queue is full, so that packets to it are dropped."""
        with socket.create_server(("127.0.0.2", 0), backlog=0) as listener:
            waiting = []
            for _ in range(3):
                client = socket.socket()
                client.setblocking(False)
                client.connect_ex(listener.getsockname())
                waiting.append(client)
            yield listener.getsockname()
            for client in waiting:
                client.close()

    @pytest.fixture
    def names(self, monkeypatch):
        """Makes "localhost" the name of these addresses."""

        def name(*places):
            found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", place) for place in places]
            monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: list(found))

        return name

    def test_is_asked_at_the_second_where_the_first_swallows_packets(
        self, make, serve, swallows, names
    ):
        server = serve({"/x": answer(200, b"hi")})
        names(swallows, ("127.0.0.1", server.port))

        assert ask(make("http://localhost:1"), "/x", 5, MAX_BYTES).body == b"hi"

    def test_is_asked_at_the_second_where_the_first_refuses(
        self, make, serve, closed_port_url, names
    ):
        server = serve({"/x": answer(200, b"hi")})
        names(("127.0.0.1", int(closed_port_url.rpartition(":")[2])), ("127.0.0.1", server.port))

        assert ask(make("http://localhost:1"), "/x", 5, MAX_BYTES).body == b"hi"

    def test_is_asked_at_the_second_at_once_the_next_time(self, make, serve, swallows, names):
        server = serve({"/x": answer(200, b"hi")})
        names(swallows, ("127.0.0.1", server.port))
        transport = make("http://localhost:1")
        ask(transport, "/x", 5, MAX_BYTES)

        # Less than the first address would take.
        assert ask(transport, "/x", QUICK_S / 2, MAX_BYTES).body == b"hi"

    def test_is_timed_out_where_both_swallow_packets(self, make, swallows, names):
        names(swallows, swallows)

        with pytest.raises(TimedOut):
            ask(make("http://localhost:1"), "/x", 0.6, MAX_BYTES)
