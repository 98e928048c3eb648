"""One poll of a fleet after the other, each made into a report."""

from collections.abc import Callable, Collection, Sequence

from cpx_monitor.app.ordering import Order, arranged, the_services
from cpx_monitor.app.ports import Fleet, FleetUnavailable, Trouble
from cpx_monitor.app.reports import Report
from cpx_monitor.app.use_cases import why_no_verdict
from cpx_monitor.domain.fleet import Snapshot
from cpx_monitor.domain.health import HealthPolicy

UseCase = Callable[[Snapshot, HealthPolicy, Collection[str] | None], Report]


class Poll:
    """A poll of the fleet, made into a report.

    Args:
        wanted: only these services, in any case; all where there are none.
        expected: services that may be wanted though none of their instances is listed.
        may_vanish: so may those that were there at first.
    """

    def __init__(
        self,
        fleet: Fleet,
        use_case: UseCase,
        policy: HealthPolicy,
        wanted: Sequence[str],
        expected: Collection[str],
        order: Order,
        *,
        may_vanish: bool = False,
    ) -> None:
        self.fleet = fleet
        self._may_vanish = may_vanish
        self._use_case = use_case
        self._policy = policy
        self._wanted = wanted
        self._expected = expected
        self._order = order
        self._latest: Snapshot | None = None

    def __call__(self) -> Report:
        """
        Raises:
            FleetUnavailable: there is no list of servers, or it has come to be empty.
            NoSuchService: one of those wanted is not there.
        """
        snapshot, is_first = self.fleet.snapshot(), self._latest is None
        if not (is_first or snapshot.observations):
            # What was last known stays in view.
            raise FleetUnavailable(f"{snapshot.source} lists no servers", Trouble.LISTS_NOTHING)
        self._latest = snapshot
        only = self._only(snapshot, may_vanish=self._may_vanish and not is_first)
        return arranged(self._use_case(snapshot, self._policy, only), self._order)

    def whole(self) -> Report:
        """The latest report, of all services."""
        assert self._latest is not None  # it was called before
        return self._use_case(self._latest, self._policy, None)

    def _only(self, snapshot: Snapshot, *, may_vanish: bool) -> Collection[str] | None:
        if not self._wanted:
            return None
        if why_no_verdict(snapshot) is not None:
            return self._wanted
        names = [*self._expected, *self._wanted] if may_vanish else self._expected
        return the_services(snapshot, self._wanted, names)
