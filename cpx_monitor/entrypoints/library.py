"""For programs that want to know what the commands know.

``connect`` gives a fleet; its ``snapshot()`` is what ``cpx_monitor.app.use_cases`` make reports of.
"""

import os
from typing import TypeVar

from cpx_monitor.adapters.transports.access import Access
from cpx_monitor.app.ports import Fleet
from cpx_monitor.entrypoints.api_fleet import http_fleet
from cpx_monitor.entrypoints.options import catalogue as options
from cpx_monitor.entrypoints.options.fleet_options import FleetOptions, Source
from cpx_monitor.entrypoints.options.option import Option

T = TypeVar("T")


def connect(
    url: str,
    *,
    token: str | None = None,
    ca_file: str | None = None,
    timeout_s: float = 5,
    deadline_s: float = 30,
    concurrency: int | None = None,
    transport: str = "auto",
) -> Fleet:
    """The fleet behind a CPX API. No request is sent before ``snapshot()``.

    Call it from one thread: what waits is a greenlet of that thread. Nothing is monkey-patched.

    Args:
        token: sent as a bearer token.
        ca_file: certificate authorities to trust over https instead of the system's.
        timeout_s: for one request.
        deadline_s: for one snapshot; what has not answered by then is ``Unknown`` in it.
        concurrency: maximum concurrent requests; adapts to the server where it is None.
        transport: ``direct``, ``requests`` or ``auto``.

    Raises:
        ValueError: one of them cannot be used; the message names it.
        UsageError: the file of certificate authorities holds none.
    """
    for name, seconds in (("timeout_s", timeout_s), ("deadline_s", deadline_s)):
        if not seconds > 0:
            raise ValueError(f"{name}: expected more than 0 s")
    address = _read("url", options.URL, url)
    fleet_options = FleetOptions(
        source=Source(address),
        access=Access(
            token=None if token is None else _read("token", options.TOKEN, token),
            ca_file=None if ca_file is None else _read("ca_file", options.CA_FILE, ca_file),
        ),
        timeout_s=timeout_s,
        deadline_s=deadline_s,
        concurrency=None
        if concurrency is None
        else _read("concurrency", options.CONCURRENCY, str(concurrency)),
        transport=_read("transport", options.TRANSPORT, transport),
    )
    return http_fleet(fleet_options, address, os.environ, lambda line: None)


def _read(name: str, option: Option[T], text: str) -> T:
    try:
        return option.read(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
