"""One request over a transport, as a test wants to see its answer."""

from time import monotonic
from typing import NamedTuple

from cpx_monitor.adapters.transports.port import OtherStatus


class Got(NamedTuple):
    """``body`` is None unless the status is 200, ``answer`` the OtherStatus if it is not."""

    status: int
    body: bytes | None
    keeps: bool
    answer: OtherStatus | None = None


def ask(transport, path, timeout_s, max_bytes):
    connection = transport.connection()
    try:
        body = connection.get(path.removeprefix("/"), monotonic() + timeout_s, max_bytes)
        return Got(200, body, connection.keeps)
    except OtherStatus as answer:
        return Got(answer.status, None, connection.keeps, answer)
    finally:
        connection.release()
