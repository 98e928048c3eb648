import pytest

from cpx_monitor.adapters.cpx_api.url import parse_url


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://localhost:8080", "http://localhost:8080"),
        ("localhost:9000", "http://localhost:9000"),
        ("18101", "http://localhost:18101"),
        (":18101", "http://localhost:18101"),
        ("http://10.0.0.1", "http://10.0.0.1"),
        ("cpx.internal", "http://cpx.internal"),
        ("https://cpx.internal/api/v1/", "https://cpx.internal/api/v1"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("HTTP://localhost", "http://localhost"),
        ("http://bücher.example/äb", "http://xn--bcher-kva.example/%C3%A4b"),
        ("http://ann:ü@LOCALHOST:1/a%20b", "http://ann:ü@localhost:1/a%20b"),
    ],
)
def test_a_url_is_made_whole(text, address):
    assert parse_url(text).address == address


def test_credentials_are_for_fetching_and_never_for_showing():
    url = parse_url("https://ann:s3cret@cpx.internal:8443/api")

    assert url.address == "https://ann:s3cret@cpx.internal:8443/api"
    assert url.shown == "https://cpx.internal:8443/api"
    assert "s3cret" not in repr(url)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("ftp://localhost", "ftp:// is neither http:// nor https://"),
        ("http://", "it names no host"),
        ("", "it names no host"),
        ("http://:8080", "it names no host"),
        ("localhost:0", "the port is not a number from 1 to 65535"),
        ("localhost:99999", "the port is not a number from 1 to 65535"),
        ("localhost:http", "the port is not a number from 1 to 65535"),
        ("http://localhost/?a=1", "it must not have a query or fragment"),
        ("http://local host", "it has a space or a control character in it"),
        ("http://localhost/\x1b[2J", "it has a space or a control character in it"),
        ("http://::1:8080", "an IPv6 address stands in brackets"),
        ("::1", "an IPv6 address stands in brackets"),
        ("http://18101", "its host is neither a name nor an address"),
        ("127.1", "its host is neither a name nor an address"),
        ("0x7f000001:80", "its host is neither a name nor an address"),
        ("010.0.0.1", "its host is neither a name nor an address"),
        ("10.0.0.256", "its host is neither a name nor an address"),
        ("http://localhost/api/servers/", "leave out /servers, which is added automatically"),
        ("http://[::1", "it is not a URL"),
        ("http://u:word\\@localhost", "it has a backslash in it"),
        ("http:/localhost", "it must start with http:// or https://"),
        ("HTTP:/localhost", "it must start with http:// or https://"),
        ("https//localhost", "it must start with http:// or https://"),
        ("http:user:word@localhost", "it must start with http:// or https://"),
        ("http://localhost/user:word@x", "it has an @ after the host"),
        ("http://.foo", "its host is neither a name nor an address"),
        ("http://[v1.x]", "its host is neither a name nor an address"),
        ("http://*foo", "its host is neither a name nor an address"),
        ("http://a..b", "its host is neither a name nor an address"),
        ("http://ü..b", "its host is neither a name nor an address"),
        (f"http://{'x' * 64}", "its host is neither a name nor an address"),
    ],
)
def test_what_is_no_url_is_refused_with_a_reason(text, complaint):
    with pytest.raises(ValueError, match=complaint.replace("(", r"\(")):
        parse_url(text)
