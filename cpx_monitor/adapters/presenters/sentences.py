"""What is said of a report beside its table: a line for people, each."""

from collections.abc import Iterator, Sequence

from cpx_monitor.app.reports import Report, ServicesAtRisk, TrackRound, counted
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


def round_footer(shown: TrackRound) -> str:
    """One line that sums a round up: ``AuthService round 3: 12/15 healthy, …``."""
    healthy = sum(row.status is Status.HEALTHY for row in shown.items)
    parts = [f"{healthy}/{len(shown.items)} healthy"]
    if shown.not_polled:
        parts.append(f"{len(shown.not_polled)} not polled")
    if shown.coverage is not None and shown.coverage.unknown:
        parts.append(f"{shown.coverage.unknown} of {shown.coverage.listed} listed unknown")
    took = f"in {shown.took_seconds:.2f} s"
    return f"{shown.service} round {shown.round}: {', '.join(parts)} {took}"


def warnings_of_round(
    number: int, missed: int, failure: str | None, stale_list: StaleList | None
) -> Iterator[str]:
    """What is to be said of one of several looks, whatever it was for."""
    if missed:
        had_passed = "its time had" if missed == 1 else "their time had"
        late = f"{counted(missed, 'round')} before round {number}"
        yield f"{late} left out: {had_passed} passed"
    if failure is not None:
        yield f"round {number} failed: {failure}"
    elif stale_list is not None:
        age = age_of(stale_list)
        yield f"round {number}: the list of servers is {age} old: {stale_list.reason}"


def warning_of_another_service(recording: str | None, tracked: str, service: str) -> str:
    return (
        f"{recording} tracked {tracked}: {service} was polled now and then only,"
        " and rounds in which it was not are left empty"
    )


def age_of(stale_list: StaleList) -> str:
    return f"{stale_list.age_s:.3g} s"


def round_warnings(shown: TrackRound, before: TrackRound | None) -> Iterator[str]:
    """What is to be said of a round beside its rows; what lasts is said when it begins."""
    yield from warnings_of_round(shown.round, shown.missed, shown.failure, shown.stale_list)
    if shown.failure is not None:
        return
    if not (shown.items or shown.not_polled):
        yield f"round {shown.round}: no listed instance is known to be of {shown.service}"
    nameless = shown.unattributed
    if nameless and (before is None or nameless != before.unattributed):
        are = "is" if nameless == 1 else "are"
        listed = shown.coverage.listed if shown.coverage else 0
        yield f"round {shown.round}: {nameless} of {listed} listed {are} unknown, of any service"
    if shown.rejected and (before is None or shown.rejected != before.rejected):
        yield rejected_warning(shown.rejected)


def rejected_warning(rejected: Sequence[str]) -> str:
    shown = ", ".join(rejected[:5])
    more = f" and {len(rejected) - 5} more" if len(rejected) > 5 else ""
    what = "entry is no address" if len(rejected) == 1 else "entries are no addresses"
    return f"{len(rejected)} listed {what} and left out: {shown}{more}"


def no_risk_sentence(report: ServicesAtRisk) -> str:
    """For an ``at-risk`` that found nothing; what did not answer is not passed over."""
    count = report.service_count
    who = "the one service" if count == 1 else f"each of {count} services"
    enough = f"{counted(report.threshold, 'healthy instance')} or more"
    stale, unknown = report.basis.stale_list, report.basis.coverage.unknown
    of_when = f" according to a server list {age_of(stale)} old" if stale else ""
    sentence = f"no service is at risk{of_when}: {who} has {enough}"
    return f"{sentence}; {unknown} unknown" if unknown else sentence
