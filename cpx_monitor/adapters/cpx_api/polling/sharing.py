"""One concurrency limit, and one set of connections, for collections that run at once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from cpx_monitor.adapters.cpx_api.polling.concurrency import Failure, Limit
from cpx_monitor.adapters.transports.port import Connection, Transport

MAX_REMEMBERED = 1000


class SharedLimit:
    """Divides a limit among those collections that have something to ask, evenly; what one has no
    use for goes to the others. Places are taken only as others give them back, so there are never
    more in all than the limit allows, requests that are stuck apart.
    """

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._shares: list[Share] = []
        self._keeps: bool | None = None

    @contextmanager
    def share(self) -> Iterator["Share"]:
        """A limit for one collection."""
        share = Share(self)
        self._shares.append(share)
        try:
            yield share
        finally:
            self._shares.remove(share)

    def begin_collection(self, keeps: bool) -> None:
        """One that joins others takes the limit as it is."""
        if len(self._shares) > 1 and keeps == self._keeps:
            return
        self._keeps = keeps
        self.limit.begin_collection(keeps)

    def value_of(self, share: "Share") -> int:
        """How many requests this share may have under way now."""
        others = [each for each in self._shares if each is not share]
        if not others:
            return self.limit.value
        free = self.limit.value - sum(each.workers - each.stuck for each in others)
        wants = [each.wanted for each in self._shares]
        place = next(at for at, each in enumerate(self._shares) if each is share)
        return max(0, min(free, divided(self.limit.value, wants)[place]))

    def most_of(self, share: "Share") -> int:
        used = sum(each.workers for each in self._shares if each is not share)
        return max(0, self.limit.most - used)


def divided(total: int, wants: Sequence[int]) -> list[int]:
    """So much for each, so that the least is as large as it can be; none gets more than it wants,
    and where there is not enough for one each, the first ones get it. What all leave goes to each,
    for they may want it in a moment.
    """
    parts = [0] * len(wants)
    left = total
    by_want = sorted(range(len(wants)), key=lambda at: wants[at])
    for done, at in enumerate(by_want):
        fair = left // (len(wants) - done)
        parts[at] = min(wants[at], fair)
        left -= parts[at]
    for at, want in enumerate(wants):  # the rest of the division
        if left and parts[at] < want:
            parts[at] += 1
            left -= 1
    return [part + left for part in parts]


class Share:
    """The limit of one collection among others; see ``Limit``."""

    def __init__(self, shared: SharedLimit) -> None:
        self._shared = shared
        self._limit = shared.limit
        self.workers = self.stuck = self.waiting = 0

    @property
    def wanted(self) -> int:
        return self.workers - self.stuck + self.waiting

    @property
    def value(self) -> int:
        return self._shared.value_of(self)

    @property
    def most(self) -> int:
        return self._shared.most_of(self)

    @property
    def round(self) -> int:
        return self._limit.round

    @property
    def limited_by(self) -> str:
        return self._limit.limited_by

    def begin_collection(self, keeps: bool) -> None:
        self._shared.begin_collection(keeps)

    def occupy(self, workers: int, stuck: int, waiting: int) -> None:
        self.workers, self.stuck, self.waiting = workers, min(stuck, workers), waiting

    def end(
        self, begun_in: int, began_s: float, ended_s: float, failure: Failure | None = None
    ) -> bool:
        return self._limit.end(begun_in, began_s, ended_s, failure)

    def raise_to(self, value: int) -> None:
        self._limit.raise_to(value)

    def serves_many(self) -> None:
        self._limit.serves_many()


class SharedTransport:
    """Hands the doubts that the end of one collection brings up to all that are under way."""

    def __init__(self, transport: Transport) -> None:
        transport.remember(MAX_REMEMBERED)
        self.transport = transport
        self._views: list[TransportView] = []

    @contextmanager
    def view(self) -> Iterator["TransportView"]:
        """The transport for one collection."""
        view = TransportView(self)
        self._views.append(view)
        try:
            yield view
        finally:
            self._views.remove(view)

    def look(self) -> None:
        doubts = self.transport.doubtful()
        for view in self._views:
            view.doubts += doubts


class TransportView:
    """See ``Transport``."""

    def __init__(self, shared: SharedTransport) -> None:
        self._shared = shared
        self.doubts: list[str] = []

    def connection(self) -> Connection:
        return self._shared.transport.connection()

    def doubtful(self) -> list[str]:
        self._shared.look()
        doubts, self.doubts = self.doubts, []
        return doubts

    def remember(self, answers: int) -> None:
        self._shared.transport.remember(answers)

    def close_idle(self) -> None:
        self._shared.transport.close_idle()
