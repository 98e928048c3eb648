"""One concurrency limit, and one set of connections, for collections that run at once."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gevent

from cpx_monitor.adapters.cpx_api.polling.concurrency import Answers, Failure, Limit
from cpx_monitor.adapters.cpx_api.polling.stuck import GIVEN_UP_AFTER_S, SILENT_S
from cpx_monitor.adapters.transports.port import Connection, Transport

EXTRA_EVERY_S = 0.02


class SharedLimit:
    """Divides a limit evenly among the collections that have something to ask; unused places go to
    the others. A collection gains places only as others release them, so there are never more in
    all than the limit allows, requests that are stuck apart.

    Where all places are taken and nothing is answered any more, all of them may be stuck, and a
    collection that holds none could not tell. Then more are given out, one after the other; later
    where the server may serve one at a time, for it is helped rather by giving up the one that is
    stuck (see ``stuck``).
    """

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._shares: list[Share] = []
        self._keeps: bool | None = None
        self._hungry = 0  # shares that want places
        self._workers = self._stuck = self.waiting = 0
        self._is_waking = False
        self._answers = Answers(-math.inf, -math.inf, 0.0, False)
        self._silent_since_s = math.inf
        self._extra = 0

    @contextmanager
    def share(self) -> Iterator["Share"]:
        """A limit for one collection."""
        share = Share(self)
        self._shares.append(share)
        try:
            yield share
        finally:
            share.occupy(0, 0, 0)
            self._shares.remove(share)

    def begin_collection(self, keeps: bool) -> None:
        """One that joins others takes the limit as it is."""
        if len(self._shares) > 1 and keeps == self._keeps:
            return
        self._keeps = keeps
        self.limit.begin_collection(keeps)

    def occupied(self, workers: int, stuck: int, waiting: int, hungry: int) -> None:
        """By so many more connections than before, of so many more shares."""
        self._workers += workers
        self._stuck += stuck
        self.waiting += waiting
        self._hungry += hungry
        if workers < stuck and self.waiting and not self._is_waking:
            self._is_waking = True
            gevent.get_hub().loop.run_callback(self._wake)

    def _wake(self) -> None:
        """Those that wait without a place, the first ones first, as far as there is room."""
        self._is_waking = False
        for share in list(self._shares):
            if self._workers - self._stuck >= self.limit.value:
                return
            if share.waiting and not share.workers and share.act is not None:
                share.act()

    def exchange(self, answers: Answers, now_s: float) -> Answers:
        """One that has seen too little to tell knows from the others which requests are stuck."""
        before = self._answers
        self._answers = Answers(
            max(answers.answered_at_s, before.answered_at_s),
            max(answers.newest_answered_s, before.newest_answered_s),
            answers.typical_s or before.typical_s,
            answers.serves_many or before.serves_many,
        )
        is_answering = self._answers.answered_at_s > before.answered_at_s
        self._look_for_silence(now_s, is_answering=is_answering)
        return self._answers

    def _look_for_silence(self, now_s: float, *, is_answering: bool) -> None:
        is_full = self._workers - self._stuck >= self.limit.value
        if is_answering or not is_full:
            self._silent_since_s = now_s
        self._silent_since_s = min(self._silent_since_s, now_s)
        may_be_serial = not self._answers.serves_many and self._answers.answered_at_s > -math.inf
        patience_s = SILENT_S + (GIVEN_UP_AFTER_S if may_be_serial else 0)
        silent_s = now_s - self._silent_since_s - patience_s
        self._extra = max(0, int(silent_s / EXTRA_EVERY_S))

    def value_of(self, share: "Share") -> int:
        """How many requests this share may have under way now: what the others leave, and while
        any of them wait no more than is fair. There may be thousands, so it is not looked at each.
        """
        total = min(self.limit.value + self._extra, self.limit.most)
        free = total - (self._workers - self._stuck) + share.workers - share.stuck
        if self.waiting > share.waiting:
            free = min(free, math.ceil(total / max(1, self._hungry)))
        return max(0, free)

    def most_of(self, share: "Share") -> int:
        return max(0, self.limit.most - self._workers + share.workers)


class Share:
    """The limit of one collection among others; see ``Limit``."""

    def __init__(self, shared: SharedLimit) -> None:
        self._shared = shared
        self._limit = shared.limit
        self.workers = self.stuck = self.waiting = 0
        self.is_hungry = False
        self.act: Callable[[], None] | None = None

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
    def waiting_elsewhere(self) -> int:
        return self._shared.waiting - self.waiting

    def when_there_is_room(self, act: Callable[[], None]) -> None:
        self.act = act

    @property
    def limited_by(self) -> str:
        return self._limit.limited_by

    def begin_collection(self, keeps: bool) -> None:
        self._shared.begin_collection(keeps)

    def occupy(self, workers: int, stuck: int, waiting: int) -> None:
        stuck = min(stuck, workers)
        was_hungry, self.is_hungry = self.is_hungry, workers - stuck + waiting > 0
        more = workers - self.workers, stuck - self.stuck, waiting - self.waiting
        self.workers, self.stuck, self.waiting = workers, stuck, waiting
        self._shared.occupied(*more, self.is_hungry - was_hungry)

    def exchange(self, answers: Answers, now_s: float) -> Answers:
        return self._shared.exchange(answers, now_s)

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

    def close_idle(self) -> None:
        self._shared.transport.close_idle()
