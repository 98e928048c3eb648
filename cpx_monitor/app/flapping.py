"""Whether a status is noise or trouble: an instance that keeps changing it is flapping.

After the flap detection of Nagios, with a single noisy round left out: what counts are changes of
the debounced status, which follows once two rounds in a row agree. A status that alternates has no
two such rounds, so changes of the status itself count as well where there are very many.

https://assets.nagios.com/downloads/nagioscore/docs/nagioscore/4/en/flapping.html
"""

from collections import deque
from typing import NamedTuple

from cpx_monitor.domain.health import Status

ROUNDS = 21
BEGINS_AT_SHARE, ENDS_BELOW_SHARE = 0.3, 0.2
ALTERNATES_AT_SHARE = 0.75


class _Changed(NamedTuple):
    raw: bool
    debounced: bool


class Flapping:
    """The statuses of one instance go in, round by round; ``is_on`` is whether it is flapping, and
    ``changes`` how often its status changed in the last ``ROUNDS``.

    Rounds that there have not been yet count as rounds without a change.
    """

    def __init__(self) -> None:
        self.is_on = False
        self._last: Status | None = None
        self._debounced: Status | None = None
        self._changed: deque[_Changed] = deque(maxlen=ROUNDS)

    @property
    def changes(self) -> int:
        return sum(each.raw for each in self._changed)

    def learn(self, status: Status) -> None:
        agrees, is_first = status is self._last, self._last is None
        settles = agrees and status is not self._debounced
        self._changed.append(
            _Changed(not (agrees or is_first), settles and self._debounced is not None)
        )
        self._last = status
        if settles:
            self._debounced = status
        share = sum(each.debounced for each in self._changed) / ROUNDS
        threshold = ENDS_BELOW_SHARE if self.is_on else BEGINS_AT_SHARE
        self.is_on = share >= threshold or self.changes / ROUNDS >= ALTERNATES_AT_SHARE
