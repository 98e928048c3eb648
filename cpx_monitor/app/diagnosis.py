"""Whether it is the fleet or the API: what evidence comes to, a check at a time."""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from cpx_monitor.app.evidence import LIST, Evidence, Reach, Request
from cpx_monitor.app.neighbours import failing_blocks
from cpx_monitor.app.ports import FleetUnavailable, Trouble
from cpx_monitor.app.reports import Check, DoctorReport, Grade, counted
from cpx_monitor.app.use_cases import at_risk
from cpx_monitor.domain.fleet import (
    Observation,
    Snapshot,
    Unknown,
    canonical_address,
)
from cpx_monitor.domain.health import DEFAULT_THRESHOLD, HealthPolicy, Status

SLOW_S, SLOW_CONNECT_S = 1.0, 0.5
CERTIFICATE_DAYS_LEFT = 30
MAX_CLOCK_DIFFERENCE_S = 5.0
MAX_BLOCKS_NAMED = 3
# How much of the rest may fail as well, if it is to be the block's trouble.
MAX_SHARE_ELSEWHERE = 0.2


def diagnose(evidence: Evidence, policy: HealthPolicy, now: datetime) -> DoctorReport:
    """Every check that the evidence allows, in the order of a request's way."""
    snapshot = evidence.snapshot
    items = [
        *_way(evidence, now),
        *_settings(evidence),
        *_listing(evidence),
        *(_answers(evidence, snapshot) if snapshot else ()),
        *_concurrency(evidence),
        *(_health(snapshot, policy) if snapshot else ()),
    ]
    return DoctorReport(evidence.source, _conclusion(evidence, items, policy), tuple(items))


def _way(evidence: Evidence, now: datetime) -> Iterator[Check]:
    reach = evidence.reach
    if reach is None:
        return
    if reach.looked_up_s is None:
        yield Check("name", Grade.TROUBLE, reach.failure or "", "check the host in --url")
        return
    yield Check("name", Grade.OK, f"{', '.join(reach.addresses)} in {_ms(reach.looked_up_s)}")
    if reach.connect_s is None:
        advice = "check the port in --url, and whether the API runs"
        yield Check("connection", Grade.TROUBLE, reach.failure or "", advice)
        return
    is_slow = reach.connect_s > SLOW_CONNECT_S
    yield Check(
        "connection",
        Grade.WARNING if is_slow else Grade.OK,
        f"connected in {_ms(reach.connect_s)}",
        "the network is slow, or the server's queue is full" if is_slow else None,
    )
    yield from _tls(evidence, reach, now)
    if reach.clock_ahead_s is not None:
        yield _clock(reach.clock_ahead_s)


_CHECK_THE_URL = "check the port, and http or https, in --url"


def _tls(evidence: Evidence, reach: Reach, now: datetime) -> Iterator[Check]:
    """Cases: plain http; it failed; not verified; the certificate ends soon; all well."""
    settings = evidence.settings
    if settings is None or not settings.is_tls:
        return
    certificate = reach.certificate
    if certificate is None:
        failure = reach.failure or ""
        is_untrusted = "TLS failed" in failure
        advice = "--ca-file names the authorities to trust" if is_untrusted else _CHECK_THE_URL
        yield Check("TLS", Grade.TROUBLE, failure, advice)
    elif not settings.verifies:
        advice = "leave out --insecure"
        finding = f"{certificate.protocol}, the certificate is not verified"
        yield Check("TLS", Grade.WARNING, finding, advice)
    elif certificate.ends_at is not None:
        days = (certificate.ends_at - now).days
        ends_soon = days < CERTIFICATE_DAYS_LEFT
        yield Check(
            "TLS",
            Grade.WARNING if ends_soon else Grade.OK,
            f"{certificate.protocol}, the certificate has {counted(days, 'day')} left",
            "have it renewed" if ends_soon else None,
        )


def _clock(ahead_s: float) -> Check:
    if abs(ahead_s) <= MAX_CLOCK_DIFFERENCE_S:
        finding = f"the server's agrees with ours within {MAX_CLOCK_DIFFERENCE_S:g} s"
        return Check("clock", Grade.OK, finding)
    which = "ahead of" if ahead_s > 0 else "behind"
    return Check(
        "clock",
        Grade.WARNING,
        f"the server's clock is {abs(ahead_s):.0f} s {which} ours",
        "set the clocks by NTP, or logs and recordings do not match",
    )


def _settings(evidence: Evidence) -> Iterator[Check]:
    settings = evidence.settings
    if settings is None:
        return
    by = f"through the proxy {settings.proxy}" if settings.proxy else "no proxy"
    token = f"token from {settings.token}" if settings.token else "no token"
    yield Check("access", Grade.OK, f"transport {settings.transport}, {by}, {token}")


def _listing(evidence: Evidence) -> Iterator[Check]:
    """Cases: there is none; it holds nothing; it has entries that count twice or not at all."""
    failure, snapshot = evidence.failure, evidence.snapshot
    if failure is not None:
        yield Check("list", Grade.TROUBLE, str(failure), _advice_on(failure))
        return
    assert snapshot is not None
    listed, rejected = len(snapshot.observations), len(snapshot.rejected)
    finding = counted(listed, "server")
    if evidence.list_bytes is not None:
        finding += f", {evidence.list_bytes:,} bytes"
    duplicates = (evidence.entries or listed + rejected) - listed - rejected
    wrong = [f"{duplicates} listed twice"] if duplicates > 0 else []
    wrong += [f"{rejected} rejected, such as {snapshot.rejected[0]}"] if rejected else []
    if not listed:
        advice = "check --url: is it the right CPX API?"
        of_junk = f"the list holds no address: {', '.join(wrong)}"
        yield Check("list", Grade.TROUBLE, of_junk if rejected else "the list is empty", advice)
    elif wrong:
        yield Check(
            "list", Grade.WARNING, f"{finding}; {', '.join(wrong)}", "tell the API's owners"
        )
    else:
        yield Check("list", Grade.OK, finding)
    requests = [each for each in evidence.requests if each.path == LIST]
    yield from _latency("list latency", requests)
    yield from _errors("list error", requests)


_TOKENS = "a token is read from --token-file, CPX_TOKEN_FILE or CPX_TOKEN"


def _advice_on(failure: FleetUnavailable) -> str:
    if failure.trouble is Trouble.REFUSED:
        return _TOKENS
    if failure.trouble in (Trouble.OTHER_SCHEME, Trouble.BROKEN_OFF):
        return _CHECK_THE_URL
    return "nothing can be said of the fleet until the API answers"


def _latency(check: str, requests: Sequence[Request]) -> Iterator[Check]:
    """Of the requests that succeeded."""
    times_s = sorted(each.took_s for each in requests if each.kind is None)
    if not times_s:
        return
    p50, p95, p99 = (times_s[math.ceil(len(times_s) * share) - 1] for share in (0.5, 0.95, 0.99))
    is_slow = p95 > SLOW_S
    yield Check(
        check,
        Grade.WARNING if is_slow else Grade.OK,
        f"p50 {_ms(p50)}, p95 {_ms(p95)}, p99 {_ms(p99)} of {counted(len(times_s), 'answer')}",
        "the API is slow: --timeout and --deadline may have to be longer" if is_slow else None,
    )


def _answers(evidence: Evidence, snapshot: Snapshot) -> Iterator[Check]:
    requests = [each for each in evidence.requests if each.path != LIST]
    yield from _latency("instance latency", requests)
    listed, unknown = len(snapshot.observations), len(snapshot.unknown)
    if listed and not unknown:
        yield Check("answers", Grade.OK, f"{listed} of {listed} instances answered")
    elif listed:
        yield Check(
            "answers",
            Grade.TROUBLE if 2 * unknown > listed else Grade.WARNING,
            f"{unknown} of {listed} instances unknown",
            "see below" if requests else "`cpx-monitor list --status=unknown` says why",
        )
    # A list may spell an address in another way.
    fetched = {_canonical(each.path) for each in requests if each.kind is None}
    requested = fetched | {_canonical(each.path) for each in requests}
    yield from _not_requested(snapshot, requested)
    yield from _errors("error", requests)
    yield from _malformed(snapshot, fetched)
    # What was never requested does not fail, alone or together.
    seen = [
        each
        for each in snapshot.observations
        if not requests or each.ip in requested or not isinstance(each, Unknown)
    ]
    yield from _what_fails_together(seen)


def _canonical(path: str) -> str:
    try:
        return canonical_address(path)
    except ValueError:
        return path


def _not_requested(snapshot: Snapshot, requested: Collection[str]) -> Iterator[Check]:
    left = [seen for seen in snapshot.unknown if seen.ip not in requested]
    if requested and left:
        total = len(snapshot.observations)
        finding = f"{len(left)} of {total} instances were not requested before the deadline"
        yield Check("not requested", Grade.WARNING, finding, "raise --deadline")


def _errors(check: str, requests: Sequence[Request]) -> Iterator[Check]:
    """A line for each kind of error; some were followed by a better answer."""
    of_kind: dict[str, list[Request]] = defaultdict(list)
    for request in requests:
        if request.kind is not None:
            of_kind[request.kind].append(request)
    for kind, failed in sorted(of_kind.items(), key=lambda each: -len(each[1])):
        example = failed[0]
        yield Check(
            f"{check}: {kind}",
            Grade.WARNING,
            f"{len(failed)} of {counted(len(requests), 'request')}, such as {example.path}"
            + (f" ({example.failure})" if example.failure != kind else ""),
            _ADVICE.get(kind, "ask the API's owners about one of these addresses"),
        )


_ADVICE = {
    "timed out": "these instances hang or are too slow: look at one, or raise --timeout",
    "the connection broke": "the server or something in between closes connections: see its logs",
    "this machine ran out of something": "`ulimit -n` shows the limit on open files",
    "answered 401": _TOKENS,
    "answered 403": _TOKENS,
    "answered 429": "the API limits the rate: poll less often, or ask for a higher limit",
    "cut off by the deadline": "raise --deadline",
    "slow, and requested anew": "some instances take long: see their latency",
    "no connection": "the API does not take connections all the time: see its logs",
}


def _malformed(snapshot: Snapshot, fetched: Collection[str]) -> Iterator[Check]:
    """Whole answers that make no sense: what a request fetched, and the instance is unknown."""
    malformed = [seen for seen in snapshot.unknown if seen.ip in fetched]
    if malformed:
        example = malformed[0]
        yield Check(
            "malformed answers",
            Grade.WARNING,
            f"{len(malformed)} of {len(snapshot.observations)} instances,"
            f" such as {example.ip}: {example.reason}",
            "tell the API's owners, or the service's if it is always the same one",
        )


def _what_fails_together(observations: Sequence[Observation]) -> Iterator[Check]:
    """Cases: blocks of neighbours; a single service of several."""
    unknown = [seen for seen in observations if isinstance(seen, Unknown)]
    blocks = failing_blocks(observations)
    within = sum(size for _, size in blocks)
    elsewhere = len(unknown) - within, len(observations) - within
    # Where many fail by chance, some of them are neighbours.
    if blocks and elsewhere[0] <= MAX_SHARE_ELSEWHERE * elsewhere[1]:
        named = ", ".join(f"{size} in {network}" for network, size in blocks[:MAX_BLOCKS_NAMED])
        yield Check(
            "neighbours",
            Grade.TROUBLE,
            f"all instances of a block are unknown: {named}",
            "look at what they share: a rack, a switch, a subnet",
        )
    services = Counter(seen.service for seen in unknown if seen.service is not None)
    known = {seen.service for seen in observations if seen.service is not None}
    if len(services) == 1 and len(known) > 1:
        ((service, failed),) = services.items()
        if failed > 1 and 2 * failed >= len(unknown):
            finding = f"{failed} of {len(unknown)} unknown instances are of {service}"
            yield Check("one service", Grade.WARNING, finding, f"ask the owners of {service}")


def _concurrency(evidence: Evidence) -> Iterator[Check]:
    found = evidence.concurrency
    if found is not None and any(each.path != LIST for each in evidence.requests):
        in_flight = counted(found.value, "request")
        yield Check("concurrency", Grade.OK, f"{in_flight} in flight; {found.limited_by}")


_WHO_IS_SICK = "`cpx-monitor list --status=unhealthy` names the others"


def _health(snapshot: Snapshot, policy: HealthPolicy) -> Iterator[Check]:
    report = at_risk(snapshot, policy, DEFAULT_THRESHOLD)
    if report.verdict is None:
        return
    basis = report.basis
    finding = f"{basis.healthy} of {basis.coverage.answered} instances that answered are healthy"
    names = [item.service for item in report.items]
    is_sick = 2 * basis.healthy < basis.coverage.answered
    if names:
        finding += f"; at risk or possibly: {', '.join(names[:3])}"
        finding += f" and {len(names) - 3} more" if names[3:] else ""
    yield Check(
        "the fleet",
        Grade.WARNING if names or is_sick else Grade.OK,
        finding,
        "`cpx-monitor at-risk` says why" if names else _WHO_IS_SICK if is_sick else None,
    )


_OF_FAILURE = {
    Trouble.NO_SUCH_HOST: "it is the host's name",
    Trouble.REFUSED: "it is the token or the password",
    Trouble.TLS_FAILED: "it is the certificate",
    Trouble.OTHER_SCHEME: "it is the URL",
    Trouble.EXHAUSTED: "it is this machine",
}


def _conclusion(evidence: Evidence, items: Iterable[Check], policy: HealthPolicy) -> str:
    """Cases: no list; neighbours; most are silent; one service; the API is slow, or often wrong; it
    is well, and some instances or services are not, or the way to it; all is well.
    """
    failure, snapshot = evidence.failure, evidence.snapshot
    if failure is not None and evidence.settings and evidence.settings.proxy:
        return f"it is the proxy, or the API behind it: {failure}"
    if failure is not None:
        return f"{_OF_FAILURE.get(failure.trouble, 'it is the API')}: {failure}"
    assert snapshot is not None
    wrong = {item.check: item for item in items if item.verdict is not Grade.OK}
    if not snapshot.observations:
        return f"it is the API: {wrong['list'].finding}"
    if "neighbours" in wrong:
        return f"part of the network is down: {wrong['neighbours'].finding}"
    answers = wrong.get("answers")
    if "not requested" in wrong:
        return f"the deadline is too short: {wrong['not requested'].finding}"
    if answers is not None and answers.verdict is Grade.TROUBLE:
        return f"more likely the API or the network than the fleet: {answers.finding}"
    if "one service" in wrong:
        return f"it is one service: {wrong['one service'].finding}"
    of_api = [item for item in wrong.values() if _is_of_api(item, evidence, snapshot)]
    if of_api:
        named = "; ".join(f"{item.check}: {item.finding}" for item in of_api[:2])
        return f"the API has problems: {named}"
    return _of_a_sound_api(wrong, answers, snapshot, policy)


def _is_of_api(item: Check, evidence: Evidence, snapshot: Snapshot) -> bool:
    """Slow, or a wrong list; of errors and malformed answers those that are not a few."""
    if item.check in ("connection", "list", "list latency", "instance latency"):
        return True
    if item.check.startswith("list error: "):
        return True
    if item.check == "malformed answers" or item.check.startswith("error: "):
        return 20 * int(item.finding.split()[0]) >= len(snapshot.observations)
    return False


def _of_a_sound_api(
    wrong: Mapping[str, Check], answers: Check | None, snapshot: Snapshot, policy: HealthPolicy
) -> str:
    findings = [answers.finding] if answers is not None else []
    if "the fleet" in wrong:
        findings.append(wrong["the fleet"].finding)
        return f"it is the fleet, the API is well: {'; '.join(findings)}"
    findings += [wrong[check].finding for check in ("TLS", "clock") if check in wrong]
    if findings:
        return f"the API is well, but {'; '.join(findings)}"
    healthy = sum(policy.status_of(seen) is Status.HEALTHY for seen in snapshot.observations)
    if healthy < len(snapshot.observations):
        of = f"{healthy} of {len(snapshot.observations)} instances are healthy"
        return f"the API is well, and no service is at risk; {of}"
    return "all is well, the API and the fleet"


def _ms(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.1 else f"{seconds * 1000:.2f} ms"
