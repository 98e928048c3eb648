"""Which services should be there, and with how many instances: the API cannot tell of one that has
vanished.
"""

from collections.abc import Sequence
from typing import NamedTuple

from cpx_monitor.domain.fleet import Snapshot


class Expected(NamedTuple):
    """``instances`` is None where any number will do."""

    service: str
    instances: int | None = None


def expectation_of(snapshot: Snapshot) -> tuple[Expected, ...]:
    """Every service of the snapshot with the number of its instances, by name."""
    return tuple(Expected(service.name, service.size) for service in snapshot.services)


def spelt_as_in(snapshot: Snapshot, expected: Sequence[Expected]) -> tuple[Expected, ...]:
    """Names that differ from the fleet's in case only become the fleet's."""
    names = {service.name for service in snapshot.services}
    by_folded = {name.casefold(): name for name in names}
    return tuple(
        each
        if each.service in names
        else each._replace(service=by_folded.get(each.service.casefold(), each.service))
        for each in expected
    )
