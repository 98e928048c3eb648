"""The requests transport, where a simulator cannot make what happens."""

import socket
import ssl

import pytest
import requests.exceptions
from asking import ask
from scripted_server import answer

from cpx_monitor.adapters.transports.port import TimedOut, TransportError
from cpx_monitor.adapters.transports.via_requests import RequestsTransport

SEND = "requests.adapters.HTTPAdapter.send"
MAX_BYTES = 1024


def get(url, path="/servers", timeout_s=5.0):
    return ask(RequestsTransport(url, 1), path, timeout_s, MAX_BYTES)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (socket.gaierror(-2, "Name or service not known"), "no such host"),
        (OSError(24, "Too many open files"), "too many open files"),
        (OSError(99, "whatever"), "cannot assign requested address"),
        (ssl.SSLCertVerificationError(1, "certificate verify failed"), "TLS failed: "),
        (ValueError("an odd thing"), "an odd thing"),
        (ValueError(), "ValueError"),
    ],
)
def test_a_failure_is_told_in_a_few_words(mocker, error, reason):
    wrapped = requests.exceptions.ConnectionError(error)
    mocker.patch(SEND, side_effect=error if isinstance(error, ValueError) else wrapped)

    with pytest.raises(TransportError, match=reason):
        get("http://localhost:1")


def test_a_proxy_that_fails_is_named(closed_port_url, monkeypatch):
    monkeypatch.setenv("http_proxy", closed_port_url)

    with pytest.raises(TransportError, match="the proxy: connection refused"):
        get("http://cpx.test")


def test_a_look_up_that_hangs_does_not_outlive_the_time_out(mocker):
    import threading

    over = threading.Event()
    mocker.patch("socket.getaddrinfo", side_effect=lambda *a, **k: over.wait(30) and [])

    with pytest.raises(TimedOut):
        get("http://localhost:1", timeout_s=0.2)
    over.set()


def test_proxies_of_the_environment_are_used(serve, monkeypatch):
    proxy = serve({"http://cpx.test/servers": answer(200, [])})
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.delenv("no_proxy", raising=False)

    assert get("http://cpx.test").body == b"[]"


def test_credentials_come_from_netrc_where_the_url_has_none(serve, monkeypatch, tmp_path):
    server = serve({"/servers": answer(200, [])})
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ann password s3cret\n")
    monkeypatch.setenv("NETRC", str(netrc))

    get(server.url)

    assert "Authorization: Basic YW5uOnMzY3JldA==" in server.heads[0]
