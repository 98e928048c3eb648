"""URLs as people type them, and servers that are not quite where they are looked for."""

import contextlib
import socket
import threading

import pytest
from scripted_server import ScriptedServer, fleet_script, instance_answer


@pytest.fixture
def script():
    return fleet_script(_1=instance_answer())


def test_a_port_alone_is_one_of_localhost(serve, script, monitor):
    server = serve(script)

    assert monitor("list", f"--url={server.port}").returncode == 0
    assert monitor("list", CPX_URL=f":{server.port}").returncode == 0


def test_localhost_is_found_where_its_server_listens_on_ipv6_only(script, monitor):
    if not socket.has_ipv6:
        pytest.skip("not run: this machine has no IPv6")
    with ScriptedServer(script, host="::1") as server:
        assert monitor("list", url=f"http://localhost:{server.port}").returncode == 0


def test_localhost_without_a_port_says_which_it_means(monitor):
    ended = monitor("list", url="http://localhost", no_proxy="*")

    assert "cannot reach CPX at http://localhost (port 80): " in ended.stderr


@pytest.fixture
def says():
    """The port of a server that says the same whatever it is asked."""
    listeners = []

    def start(content):
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(65_536)
                        connection.sendall(content)

        threading.Thread(target=serve, daemon=True).start()
        return listener.getsockname()[1]

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.mark.parametrize(
    ("scheme", "content", "said"),
    [
        ("https", b"HTTP/1.1 400 Bad Request\r\n\r\n", "that port speaks http, not https"),
        ("http", b"\x15\x03\x01\x00\x02\x02\x0a", "that port speaks https, not http"),
    ],
)
def test_the_wrong_one_of_http_and_https_is_told(says, monitor, scheme, content, said):
    ended = monitor("list", url=f"{scheme}://127.0.0.1:{says(content)}")

    assert ended.returncode == 3
    assert f"{said}\nhint:  use the other of http:// and https://" in ended.stderr
