import errno
import time

import pytest

from cpx_monitor.adapters.transports.port import BrokenOff, Exhausted, explained, find_header


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b"Location: /x", "/x"),
        (b"location:\t /x \t", "/x"),
        (b"LOCATION:", ""),
        (b"Location: a  b", "a  b"),
        (b"X-Location: /x", None),
    ],
)
def test_a_header_is_found_in_any_case_without_the_space_around_it(line, value):
    assert find_header(b"HTTP/1.1 301 Moved\r\nA: b\r\n" + line + b"\r\nC: d", "location") == value


def test_a_header_full_of_spaces_takes_no_longer_than_another():
    head = b"Location: a" + b" " * 60_000 + b"b"
    began_s = time.process_time()

    assert find_header(head, "location").endswith(" b")
    assert time.process_time() - began_s < 0.5  # twenty-four seconds, were it tried from each space


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL])
def test_what_this_machine_lacks_is_not_put_on_the_server(number):
    failure = explained(OSError(number, "x"))

    assert isinstance(failure, Exhausted)
    assert str(failure).endswith(" on this machine")


@pytest.mark.parametrize("error", [ConnectionResetError, BrokenPipeError, ConnectionAbortedError])
def test_a_connection_that_broke_may_have_more_luck(error):
    assert isinstance(explained(error(errno.ECONNRESET, "x")), BrokenOff)
