"""What is said of a report beside its table: a line for people, each."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from cpx_monitor.adapters.presenters.escape import printable
from cpx_monitor.app.ports import FleetUnavailable
from cpx_monitor.app.reports import (
    ASSUMED_OF_A_LOSS,
    Basis,
    Change,
    ChangeKind,
    Coverage,
    FleetDiff,
    Outage,
    Report,
    Round,
    ServiceAtRisk,
    ServiceAverages,
    ServicesAtRisk,
    Stamp,
    TrackRound,
    counted,
)
from cpx_monitor.domain.fleet import StaleList
from cpx_monitor.domain.health import Status


def footer(report: Report) -> str:
    """One line that sums the whole fleet up, whatever the report shows of it."""
    basis = report.basis
    coverage = basis.coverage
    states = (
        (basis.healthy, "healthy"),
        (coverage.answered - basis.healthy, "unhealthy"),
        (coverage.unknown, "unknown"),
    )
    listed = counted(coverage.listed, "instance")
    counts = ", ".join(f"{number} {state}" for number, state in states)
    return f"{listed}, {counts} in {basis.took_seconds:.2f} s"


def assumption_of(report: Report, *, wide: bool) -> str | None:
    """What it takes for granted, where it speaks of losing an instance; else None."""
    if isinstance(report, ServicesAtRisk):
        speaks_of_it = report.headroom
    else:
        speaks_of_it = wide and isinstance(report, ServiceAverages)
    return f"assumed: {ASSUMED_OF_A_LOSS}" if speaks_of_it else None


def last_known_sentence(basis: Basis) -> str:
    return f"as last known at {basis.observed_at:%H:%M:%S}"


def round_footer(shown: Round[TrackRound]) -> str:
    """One line that sums a round up: ``AuthService round 3: 12/15 healthy, …``."""
    report = shown.report
    healthy = sum(row.status is Status.HEALTHY for row in report.items)
    parts = [f"{healthy}/{len(report.items)} healthy"]
    if report.not_polled:
        parts.append(f"{len(report.not_polled)} not polled")
    coverage = report.basis.coverage
    if shown.outage is None and coverage.unknown:
        parts.append(f"{coverage.unknown} of {coverage.listed} listed instances unknown")
    return f"{report.service} round {shown.number}: {', '.join(parts)} in {shown.took_s:.2f} s"


def when(stamp: Stamp) -> str:
    return f"round {stamp.round} at {stamp.observed_at.strftime('%Y-%m-%dT%H:%M:%SZ')}"


def silence_sentence(coverage: Coverage) -> str:
    """For a fleet that is mostly unknown."""
    return (
        f"{coverage.unknown} of {coverage.listed} instances are unknown:"
        " suspect the API or the network first; run `cpx-monitor doctor`"
    )


_SILENCE_ENDS_BELOW = 0.4


class Silence:
    """Tells once when most of a fleet falls silent, and once when it is over."""

    def __init__(self) -> None:
        self._is_on = False

    def learn(self, shown: Round[Any]) -> list[str]:
        """A round that failed says nothing of the instances."""
        if shown.outage is not None:
            return []
        return self.learn_coverage(shown.number, shown.report.basis.coverage)

    def learn_coverage(self, number: int, coverage: Coverage) -> list[str]:
        was_on = self._is_on
        # Not back and forth around the half.
        self._is_on = coverage.is_mostly_unknown or (
            was_on and coverage.unknown >= _SILENCE_ENDS_BELOW * coverage.listed
        )
        if self._is_on and not was_on:
            return [f"round {number}: {silence_sentence(coverage)}"]
        if was_on and not self._is_on:
            return [f"round {number}: most instances answer again"]
        return []


def missed_sentence(shown: Round[Any]) -> Iterator[str]:
    if shown.missed:
        rounds = counted(shown.missed, "round")
        yield f"missed {rounds} before round {shown.number}: the previous one took too long"


def round_warnings(shown: Round[Any]) -> Iterator[str]:
    """What is to be said of one of several polls, whatever it was for."""
    yield from missed_sentence(shown)
    stale = shown.report.basis.stale_list
    if shown.outage is not None:
        yield f"round {shown.number} failed: {shown.failure}"
    elif stale is not None:
        age = age_of(stale)
        yield f"round {shown.number}: the list of servers is {age} old: {stale.reason}"


# What follows the place, which is in the line above: there is not much room on a screen.
_CAUSE = re.compile(r".* at \S+?(?: \(port [0-9]+\))?(?: [a-z ]+)?: (.*)", re.DOTALL)


def outage_sentence(outage: Outage) -> str:
    """``CPX API unreachable since 12:03:10 (4 rounds): connection refused``."""
    failure = str(outage.error)
    since = f"since {outage.since:%H:%M:%S} ({counted(outage.rounds, 'round')})"
    if not isinstance(outage.error, FleetUnavailable):
        return f"{since}: {failure}"
    what = "unreachable" if failure.startswith("cannot reach CPX") else "failing"
    cause = _CAUSE.fullmatch(failure)
    return f"CPX API {what} {since}: {cause[1] if cause else failure}"


def warning_of_another_service(recording: str | None, tracked: str, service: str) -> str:
    return (
        f"{recording} tracked {tracked}: {service} was polled only in some"
        " rounds; the others are left empty"
    )


def age_of(stale_list: StaleList) -> str:
    return f"{stale_list.age_s:.3g} s"


CHANGES_AT_RANDOM = "changes at random: most instances would be flapping, so none is marked"


def track_warnings(shown: Round[TrackRound], before: Round[TrackRound] | None) -> Iterator[str]:
    """What is to be said of a tracked round beside its rows; what lasts is said when it begins."""
    yield from round_warnings(shown)
    if shown.outage is not None:
        return
    report, basis = shown.report, shown.report.basis
    last = None if before is None or before.outage is not None else before.report
    if not (report.items or report.not_polled):
        yield f"round {shown.number}: no listed instance is known to belong to {report.service}"
    if report.is_random and not (last and last.is_random):
        yield f"round {shown.number}: {report.service} {CHANGES_AT_RANDOM}"
    nameless = report.unattributed
    if nameless and (last is None or nameless != last.unattributed):
        are = "is" if nameless == 1 else "are"
        listed = basis.coverage.listed
        which = f"{nameless} of {listed} listed instances {are} unknown"
        yield f"round {shown.number}: {which} and may belong to any service"
    if basis.rejected and (last is None or basis.rejected != last.basis.rejected):
        yield rejected_warning(basis.rejected)


def rejected_warning(rejected: Sequence[str]) -> str:
    shown = ", ".join(rejected[:5])
    more = f" and {len(rejected) - 5} more" if len(rejected) > 5 else ""
    what = "entry that is not an IP address"
    if len(rejected) > 1:
        what = "entries that are not IP addresses"
    return f"ignored {len(rejected)} list {what}: {shown}{more}"


def risk_sentence(item: ServiceAtRisk) -> str:
    return f"{item.service} {item.healthy}/{item.instances} {item.verdict}: {item.reason}"


def no_risk_sentence(report: ServicesAtRisk) -> str:
    """For an ``at-risk`` that found nothing; what did not answer is not passed over."""
    count = len(report.services)
    who = "the only service" if count == 1 else f"each of {count} services"
    enough = f"{counted(report.threshold, 'healthy instance')} or more"
    enough += " and survives losing one" if report.headroom else ""
    stale, unknown = report.basis.stale_list, report.basis.coverage.unknown
    of_when = f" according to a server list {age_of(stale)} old" if stale else ""
    sentence = f"no service is at risk{of_when}: {who} has {enough}"
    return f"{sentence}; {unknown} unknown" if unknown else sentence


def diff_sentence(report: FleetDiff) -> str:
    """What changed, and since when: ``2 gone, 1 new, all of AuthService, since …``."""
    before, after = report.before.observed_at, report.basis.observed_at
    age_s = (after - before).total_seconds()
    apart = f"{span(abs(age_s))} {'earlier' if age_s >= 0 else 'later'}"
    since = f"since {before:%Y-%m-%dT%H:%M:%SZ} ({apart})"
    if not report.items:
        return f"no difference {since}"
    counts = Counter(item.change for item in report.items)
    parts = [_counted_changes(kind, counts[kind]) for kind in ChangeKind if counts[kind]]
    return f"{', '.join(parts)}{_all_of_one(report.items)}, {since}"


def _counted_changes(kind: ChangeKind, number: int) -> str:
    if kind is ChangeKind.MEAN:
        return f"{counted(number, 'mean')} moved"
    return counted(number, "status change") if kind is ChangeKind.STATUS else f"{number} {kind}"


def _all_of_one(changes: Sequence[Change]) -> str:
    services = {change.service for change in changes}
    services |= {str(each.before) for each in changes if each.change is ChangeKind.MOVED}
    only = services.pop() if len(services) == 1 else None
    return f", all of {printable(only)}" if only is not None and len(changes) > 1 else ""


def span(seconds: float) -> str:
    """Roughly, for people: ``12 s``, ``58 min``, ``3 h 5 min``, ``2 d 1 h``."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    hours, days = minutes // 60, minutes // 1440
    if days:
        return f"{days} d {hours % 24} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"
