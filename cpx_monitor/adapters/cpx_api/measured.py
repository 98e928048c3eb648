"""Requests with their latencies and failures written down: what ``doctor`` looks at."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from cpx_monitor.adapters.cpx_api.polling.worker_pool import GivenUp
from cpx_monitor.adapters.transports.port import (
    BrokenOff,
    Connection,
    Doubtful,
    Exhausted,
    NotUsable,
    OtherStatus,
    TimedOut,
    Transport,
    TransportError,
)
from cpx_monitor.app.evidence import LIST, Request

_KINDS: dict[type[TransportError], str] = {
    TimedOut: "timed out",
    BrokenOff: "the connection broke",
    Exhausted: "this machine ran out of something",
    NotUsable: "not a usable answer",
    Doubtful: "perhaps another's answer",
}
NO_CONNECTION = "no connection"
ABANDONED = "slow, and requested anew"
CUT_OFF = "cut off by the deadline"


class MeasuredTransport:
    """A transport in front of another one."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.requests: list[Request] = []
        self.latest_list: bytes | None = None

    def connection(self) -> Connection:
        return _MeasuredConnection(self._transport.connection(), self)

    def doubtful(self) -> list[str]:
        return self._transport.doubtful()

    def close_idle(self) -> None:
        self._transport.close_idle()

    @contextmanager
    def measured(self, path: str) -> Iterator[None]:
        began_s = monotonic()
        kind = failure = None
        try:
            yield
        except OtherStatus as error:
            kind = failure = str(error)
            raise
        except TransportError as error:
            kind = _KINDS.get(type(error), NO_CONNECTION)
            failure = str(error) or kind
            raise
        except BaseException as error:
            kind = failure = ABANDONED if isinstance(error, GivenUp) else CUT_OFF
            raise
        finally:
            self.requests.append(Request(path, monotonic() - began_s, kind, failure))

    @property
    def entries(self) -> int | None:
        """How many the latest list has, whatever they are; None where it is no list."""
        try:
            found = json.loads(self.latest_list or b"")
        except (ValueError, RecursionError):
            return None
        return len(found) if isinstance(found, list) else None


class _MeasuredConnection:
    def __init__(self, connection: Connection, transport: MeasuredTransport) -> None:
        self._connection = connection
        self._transport = transport

    @property
    def keeps(self) -> bool:
        return self._connection.keeps

    @property
    def connect_s(self) -> float:
        return self._connection.connect_s

    @property
    def is_connecting(self) -> bool:
        return self._connection.is_connecting

    def get(self, path: str, ends_at_s: float, max_bytes: int) -> bytes:
        with self._transport.measured(path):
            body = self._connection.get(path, ends_at_s, max_bytes)
        if path == LIST:
            self._transport.latest_list = body
        return body

    def close(self) -> None:
        self._connection.close()

    def release(self) -> None:
        self._connection.release()
