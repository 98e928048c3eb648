"""Both transports over TLS."""

import ssl
import time

import pytest
import trustme
from asking import ask
from scripted_server import answer, never, raw

from cpx_monitor.adapters.transports.access import Access
from cpx_monitor.adapters.transports.direct import DirectTransport
from cpx_monitor.adapters.transports.port import Doubtful, TimedOut, TlsFailed, TransportError
from cpx_monitor.adapters.transports.via_requests import RequestsTransport

MAX_BYTES = 10_000_000


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def serve_tls(serve, authority):
    def start(script, name="localhost", **how):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        return serve(script, tls=context, **how)

    return start


@pytest.fixture
def trusting(transport, authority, tmp_path):
    """Makes a transport that trusts the authority, to the server by its name."""
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(bundle)

    def make(server):
        url = f"https://localhost:{server.port}"
        access = Access(ca_file=str(bundle))
        if transport == "direct":
            return DirectTransport(url, access)
        return RequestsTransport(url, 4, access)

    return make


def test_answers_are_read_whole_on_a_connection_that_is_kept(serve_tls, trusting):
    large = b"x" * 1_000_000
    server = serve_tls({"/large": answer(200, large), "/small": answer(200, b"y")}, keeps=True)
    transport = trusting(server)

    assert ask(transport, "/large", 5, MAX_BYTES).body == large
    assert ask(transport, "/small", 5, MAX_BYTES).body == b"y"
    assert server.connections == 1


def test_a_time_out_is_one_here_too(serve_tls, trusting):
    with pytest.raises(TimedOut):
        ask(trusting(serve_tls({"/never": never})), "/never", 0.3, MAX_BYTES)


def test_a_certificate_for_another_name_is_refused(serve_tls, trusting):
    with pytest.raises(TlsFailed, match=r"TLS failed: .*(mismatch|doesn't match)"):
        ask(trusting(serve_tls({}, name="other.test")), "/x", 5, MAX_BYTES)


def test_a_certificate_of_an_unknown_authority_is_refused(serve_tls, transport):
    url = f"https://localhost:{serve_tls({}).port}"
    stranger = DirectTransport(url) if transport == "direct" else RequestsTransport(url, 1)

    with pytest.raises(TlsFailed, match=r"TLS failed: .*certificate"):
        ask(stranger, "/x", 5, MAX_BYTES)


def test_an_insecure_one_takes_any_certificate(serve_tls, transport):
    url = f"https://localhost:{serve_tls({'/x': answer(200, b'y')}, name='other.test').port}"
    access = Access(checks_certificate=False)
    gullible = (
        DirectTransport(url, access) if transport == "direct" else RequestsTransport(url, 1, access)
    )

    assert ask(gullible, "/x", 5, MAX_BYTES).body == b"y"


def test_the_bundle_that_requests_is_told_of_by_its_own_variable_counts(
    serve_tls, authority, monkeypatch, tmp_path
):
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    server = serve_tls({"/x": answer(200, b"y")})

    transport = RequestsTransport(f"https://localhost:{server.port}", 1)
    assert ask(transport, "/x", 5, MAX_BYTES).body == b"y"


def test_a_server_that_speaks_no_tls_is_told(serve, transport):
    url = f"https://localhost:{serve({}).port}"
    stranger = DirectTransport(url) if transport == "direct" else RequestsTransport(url, 1)

    with pytest.raises(TransportError):
        ask(stranger, "/x", 1, MAX_BYTES)


def test_a_second_answer_that_comes_unasked_is_noticed_here_too(serve_tls, trusting):
    one = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"
    server = serve_tls({"/x": answer(200, b"x"), "/twice": raw(one + one)}, keeps=True)
    transport = trusting(server)
    connection = transport.connection()

    def get(path):
        return connection.get(path, time.monotonic() + 5, MAX_BYTES)

    assert [get("x"), get("x")] == [b"x", b"x"]
    with pytest.raises(Doubtful):
        get("twice")
    assert transport.doubtful() == ["x", "twice"]
