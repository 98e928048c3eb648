"""The exporter among clients that are slow, idle, many, wrong or not allowed."""

import base64
import resource
import socket
import threading
import time
from contextlib import ExitStack, suppress
from types import SimpleNamespace

import pytest
from scripted_server import answer, fleet_script, instance_answer

HEAD = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture
def running(exporter, serve):
    return exporter(serve(fleet_script(_1=instance_answer())).url)


@pytest.fixture
def connect(running):
    """Opens a connection to the exporter: ``connect(b"GET / ")`` has sent that."""
    host, port = running.address.split(":")
    with ExitStack() as stack:

        def opened(sent=b""):
            connection = stack.enter_context(socket.create_connection((host, port), timeout=30))
            connection.sendall(sent)
            return connection

        yield opened


@pytest.fixture
def many_files():
    """This process may have as many open files as the system allows."""
    before = soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 11_000:
        pytest.skip("needs 11,000 open files (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 11_000), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def said(connection):
    """All that comes until the connection is closed."""
    found = b""
    try:
        while data := connection.recv(65_536):
            found += data
    except ConnectionResetError:
        pass
    return found


class TestARequest:
    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "X"])
    def test_of_another_method_is_refused_and_its_body_not_read(self, running, method):
        found = running.get(method=method, body=b"x" * 1_000_000 if method == "POST" else b"x")

        assert (found.status, found.headers["Allow"]) == (405, "GET, HEAD")

    def test_for_the_head_alone_gets_it(self, running):
        found = running.get(method="HEAD")

        assert (found.status, found.content) == (200, b"")
        assert int(found.headers["Content-Length"]) > 100

    @pytest.mark.parametrize("path", ["/nope", "//metrics", "/metrics/", "/../etc/passwd", "/%00"])
    def test_for_what_is_not_there_is_told_what_is(self, running, path):
        found = running.get(path)

        assert found.status == 404
        assert b"/metrics" in found.content

    @pytest.mark.parametrize(
        "sent",
        [
            b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
            HEAD + b"X: " + b"y" * 20_000 + b"\r\n\r\n",
            HEAD + b"X: y\r\n" * 5_000 + b"\r\n",
            HEAD + b"X: y\r\n" * 101 + b"\r\n",
            b"nonsense\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            HEAD + b"Content-Length: -1\r\n\r\n",
            HEAD + b"Content-Length: x\r\n\r\n",
        ],
        ids=[
            "URL",
            "header",
            "headers",
            "101",
            "nonsense",
            "TLS",
            "version",
            "negative",
            "no number",
        ],
    )
    def test_that_is_too_long_or_none_is_refused(self, connect, running, sent):
        assert said(connect(sent)).split(b" ")[1][:1] == b"4"
        assert running.get().status == 200
        assert running.stop() == (0, "")

    def test_may_name_the_host_as_to_a_proxy(self, running):
        assert running.get("http://exporter:9787/-/healthy").status == 200

    def test_that_is_cut_off_is_none(self, connect, running):
        connection = connect(b"GET /metr")
        connection.shutdown(socket.SHUT_WR)

        assert said(connection) == b""
        assert not [key for key in running.metrics("/metrics/self") if "other" in key]

    def test_with_a_chunked_body_is_answered_without_it(self, connect):
        connection = connect(HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffff\r\n")

        assert b"200 OK" in said(connection)

    def test_may_follow_another_over_the_same_connection(self, connect):
        connection = connect((HEAD + b"\r\n") * 2 + HEAD + b"Connection: close\r\n\r\n")

        assert said(connection).count(b"200 OK") == 3


class TestClients:
    def test_that_never_finish_their_request_are_cut_off(self, connect):
        connection = connect(HEAD)
        began_s = time.monotonic()

        def drip():
            with suppress(OSError):
                while True:
                    connection.sendall(b"X: y\r\n")
                    time.sleep(0.2)

        threading.Thread(target=drip, daemon=True).start()
        assert b"400 Bad Request" in said(connection)
        assert 4 < time.monotonic() - began_s < 15

    def test_that_are_idle_make_room_for_others_however_many_they_are(
        self, connect, running, many_files
    ):
        idle = [connect(HEAD if number % 2 else b"") for number in range(10_000)]

        assert running.metrics()["cpx_instances_answered",] == 1
        assert said(idle[0]) == b""
        assert running.metrics("/metrics/self")["process_open_fds",] < 400

    def test_are_answered_while_others_read_nothing(self, exporter, simulator):
        busy = exporter(simulator("--behaviour=fleet", "--instances=2000"))
        host, port = busy.address.split(":")
        with ExitStack() as stack:
            for _ in range(20):
                deaf = stack.enter_context(socket.create_connection((host, port)))
                deaf.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")

            assert busy.metrics()["cpx_instances_listed",] == 2000

    def test_that_are_too_many_at_once_are_told_to_come_again(self, exporter, serve, environ):
        goes_on = threading.Event()

        def held_back(connection, stopped):
            goes_on.wait(30)
            instance_answer()(connection, stopped)

        server = serve(fleet_script(_1=held_back))
        limited = ["bash", "-c", 'ulimit -n 400; exec "$@"', "bash"]  # 100 requests at once
        running = exporter(server.url, "--buckets=1", before=limited)
        results = []

        def scrape():
            results.append(running.get(X_Prometheus_Scrape_Timeout_Seconds="20").status)

        scraping = [threading.Thread(target=scrape) for _ in range(120)]
        for each in scraping:
            each.start()
        ends_at_s = time.monotonic() + 30
        while len(results) < 20:
            assert time.monotonic() < ends_at_s
            time.sleep(0.01)
        assert running.get("/sd").status == 503
        assert running.get("/-/healthy").status == 200
        assert running.get("/metrics/self").status == 200
        goes_on.set()
        for each in scraping:
            each.join()
        assert {status: results.count(status) for status in set(results)} == {200: 100, 503: 20}


def basic(text):
    return "Basic " + base64.b64encode(text.encode()).decode()


class TestAccess:
    def test_is_open_for_what_asks_whether_it_runs(self, exporter, serve, tmp_path):
        (tmp_path / "token").write_text("s3cret")
        running = exporter(serve({}).url, f"--web-token-file={tmp_path}/token")

        assert running.get("/-/healthy").status == 200
        assert running.get("/-/ready").status == 401

    def asked(self, running, authorization):
        headers = {"Authorization": authorization} if authorization else {}
        found = running.get("/sd", **headers)
        return SimpleNamespace(status=found.status, challenge=found.headers["WWW-Authenticate"])

    @pytest.mark.parametrize(
        ("authorization", "status"),
        [
            ("Bearer s3cret", 200),
            ("bearer  s3cret", 200),
            ("Bearer s3cre", 401),
            ("Bearer", 401),
            ("", 401),
            (basic("a:s3cret"), 401),
        ],
    )
    def test_is_for_those_with_the_token(self, exporter, serve, tmp_path, authorization, status):
        (tmp_path / "token").write_text("s3cret\n")
        running = exporter(serve({}).url, f"--web-token-file={tmp_path}/token")

        found = self.asked(running, authorization)
        assert found.status == status
        if status == 401:
            assert found.challenge == 'Bearer realm="cpx-monitor"'

    @pytest.mark.parametrize(
        ("authorization", "status"),
        [
            (basic("ann:a:b"), 200),
            (basic("bob:x"), 200),
            (basic("bob:a:b"), 401),
            (basic("eve:"), 401),
            ("Basic !", 401),
            ("Bearer x", 401),
        ],
    )
    def test_is_for_those_with_a_name_and_a_password(
        self, exporter, serve, tmp_path, authorization, status
    ):
        (tmp_path / "users").write_text("ann:a:b\nbob:x\n")
        running = exporter(serve({}).url, f"--web-user-file={tmp_path}/users")

        assert self.asked(running, authorization).status == status

    def test_for_everyone_beyond_this_machine_is_warned_of(self, exporter, serve):
        running = exporter(serve({"/servers": answer(200, [])}).url, "--listen=0.0.0.0:0")

        assert "anyone who can reach this address can see the fleet" in running.stop()[1]

    @pytest.mark.parametrize("content", ["", "ann", "ann:\n", ":x\n", "ann:x\nann:y\n"])
    def test_needs_a_file_of_users(self, monitor, tmp_path, content):
        (tmp_path / "users").write_text(content)
        ended = monitor("exporter", "--demo", f"--web-user-file={tmp_path}/users")

        assert ended.returncode == 3
        assert "expected lines of <name>:<password>" in ended.stderr
