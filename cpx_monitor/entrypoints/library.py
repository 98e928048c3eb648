"""For programs that want to know what the commands know.

``connect`` gives a fleet; its ``snapshot()`` is what ``cpx_monitor.app.use_cases`` make reports of.
"""

import os
from typing import TYPE_CHECKING

from cpx_monitor.adapters.cpx_api.url import parse_url
from cpx_monitor.adapters.transports.access import Access
from cpx_monitor.domain.health import HealthPolicy
from cpx_monitor.entrypoints.bootstrap import http_fleet
from cpx_monitor.entrypoints.options.fleet_options import (
    CONCURRENCY,
    TOKEN,
    TRANSPORT,
    Reading,
    Source,
)

if TYPE_CHECKING:
    from cpx_monitor.app.ports import Fleet


def connect(
    url: str,
    *,
    token: str | None = None,
    ca_file: str | None = None,
    timeout_s: float = 5,
    deadline_s: float = 30,
    concurrency: int | None = None,
    transport: str = "auto",
) -> "Fleet":
    """The fleet behind a CPX API. No request is sent before ``snapshot()``.

    Call it from one thread: what waits is a greenlet of that thread. Nothing is monkey-patched.

    Args:
        token: sent as a bearer token.
        ca_file: the authorities to trust over https, instead of the system's.
        timeout_s: for one request.
        deadline_s: for one snapshot; what has not answered by then is ``Unknown`` in it.
        concurrency: how many instances are asked at once; found out where it is None.
        transport: ``direct``, ``requests`` or ``auto``.

    Raises:
        ValueError: one of them will not do.
        UsageError: the file of authorities holds none.
    """
    address = parse_url(url)
    TRANSPORT.read(transport)
    if concurrency is not None:
        CONCURRENCY.read(str(concurrency))
    if token is not None:
        TOKEN.read(token)
    for seconds in (timeout_s, deadline_s):
        if not seconds > 0:
            raise ValueError("a time is more than 0 s")
    reading = Reading(
        source=Source(address),
        access=Access(token, ca_file, checks_certificate=True),
        policy=HealthPolicy(),
        timeout_s=timeout_s,
        deadline_s=deadline_s,
        concurrency=concurrency,
        transport=transport,
        color="never",
        verbose=False,
    )
    return http_fleet(reading, address, os.environ, lambda line: None)
