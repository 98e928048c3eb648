"""Round after round: the one loop of everything that polls more than once."""

from collections.abc import Callable, Iterable, Iterator

from cpx_monitor.app.ordering import NoSuchService
from cpx_monitor.app.ports import Clock, FleetUnavailable
from cpx_monitor.app.reports import AnyReport, Outage, Round


def rounds(
    poll: Callable[[], AnyReport],
    last_known: Callable[[AnyReport, str], AnyReport],
    clock: Clock,
    pace: Iterable[int],
) -> Iterator[Round[AnyReport]]:
    """A round whenever ``pace`` yields how many were missed.

    ``last_known`` makes the report of a round that failed, from the report before and the reason.

    Raises:
        FleetUnavailable, NoSuchService: the first round fails. Later rounds that fail are yielded,
            and the next one goes on.
    """
    report: AnyReport | None = None
    outage: Outage | None = None
    for number, missed in enumerate(pace, start=1):
        began_at, began_s = clock.now(), clock.monotonic_s()
        try:
            report = poll()
        except (FleetUnavailable, NoSuchService) as error:
            if report is None:
                raise
            report = last_known(report, str(error))
            outage = Outage(
                outage.since if outage else began_at, outage.rounds + 1 if outage else 1, error
            )
            yield Round(number, missed, began_at, clock.monotonic_s() - began_s, report, outage)
        else:
            outage, basis = None, report.basis
            yield Round(number, missed, basis.observed_at, basis.took_seconds, report)
