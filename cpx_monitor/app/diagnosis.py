"""Whether it is the fleet or the API: what evidence comes to, a check at a time."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from cpx_monitor.app.evidence import LIST, Evidence, Reach, Request
from cpx_monitor.app.ports import FleetUnavailable, Trouble
from cpx_monitor.app.reports import Check, DoctorReport, Grade, counted
from cpx_monitor.app.use_cases import at_risk
from cpx_monitor.domain.fleet import Observation, Snapshot, Unknown, address_order
from cpx_monitor.domain.health import DEFAULT_THRESHOLD, HealthPolicy

SLOW_S, SLOW_CONNECT_S = 1.0, 0.5
CERTIFICATE_DAYS_LEFT = 30
MAX_CLOCK_DIFFERENCE_S = 5.0
# The smallest number of neighbours that fail together, and the blocks that are looked at.
MIN_BLOCK, MAX_BLOCKS_NAMED = 4, 3
_IPV4_PREFIXES, _IPV6_PREFIXES = range(16, 31), range(48, 125, 4)


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
    return DoctorReport(evidence.source, _conclusion(items), tuple(items))


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
    if reach.failure is None:
        yield _clock(reach.clock_ahead_s)


def _tls(evidence: Evidence, reach: Reach, now: datetime) -> Iterator[Check]:
    """Cases: plain http; it failed; not verified; the certificate ends soon; all well."""
    settings = evidence.settings
    if settings is None or not settings.is_tls:
        return
    certificate = reach.certificate
    if certificate is None:
        yield Check(
            "TLS", Grade.TROUBLE, reach.failure or "", "--ca-file names the authorities to trust"
        )
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


def _clock(ahead_s: float | None) -> Check:
    if ahead_s is None:
        return Check("clock", Grade.OK, "the server does not tell its time")
    if abs(ahead_s) <= MAX_CLOCK_DIFFERENCE_S:
        return Check("clock", Grade.OK, "the server's is ours, to the second")
    which = "ahead of" if ahead_s > 0 else "behind"
    return Check(
        "clock",
        Grade.WARNING,
        f"the server's is {abs(ahead_s):.0f} s {which} ours",
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
        yield Check("list", Grade.TROUBLE, "it is empty", advice)
    elif wrong:
        yield Check(
            "list", Grade.WARNING, f"{finding}; {', '.join(wrong)}", "tell the API's owners"
        )
    else:
        yield Check("list", Grade.OK, finding)
    yield from _latency("list latency", [each for each in evidence.requests if each.path == LIST])


def _advice_on(failure: FleetUnavailable) -> str:
    if failure.trouble is Trouble.REFUSED:
        return "a token is read from --token-file, CPX_TOKEN_FILE or CPX_TOKEN"
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
    yield from _errors(requests)
    yield from _malformed(snapshot, requests)
    yield from _what_fails_together(snapshot)


def _errors(requests: Sequence[Request]) -> Iterator[Check]:
    """A line for each kind of error; some were followed by a better answer."""
    of_kind: dict[str, list[Request]] = defaultdict(list)
    for request in requests:
        if request.kind is not None:
            of_kind[request.kind].append(request)
    for kind, failed in sorted(of_kind.items(), key=lambda each: -len(each[1])):
        example = failed[0]
        yield Check(
            f"error: {kind}",
            Grade.WARNING,
            f"{len(failed)} of {counted(len(requests), 'request')}, such as {example.path}"
            + (f" ({example.failure})" if example.failure != kind else ""),
            _ADVICE.get(kind, "ask the API's owners about one of these addresses"),
        )


_ADVICE = {
    "timed out": "these instances hang or are too slow: look at one, or raise --timeout",
    "the connection broke": "the server or something in between closes connections: see its logs",
    "this machine ran out of something": "`ulimit -n` shows the limit on open files",
    "answered 429": "the API limits the rate: poll less often, or ask for a higher limit",
    "slow, and requested anew": "some instances take long: see their latency",
    "no connection": "the API does not take connections all the time: see its logs",
}


def _malformed(snapshot: Snapshot, requests: Sequence[Request]) -> Iterator[Check]:
    """Whole answers that make no sense: what a request fetched, and the instance is unknown."""
    fetched = {each.path for each in requests if each.kind is None}
    malformed = [seen for seen in snapshot.unknown if seen.ip in fetched]
    if malformed:
        example = malformed[0]
        yield Check(
            "malformed answers",
            Grade.WARNING,
            f"{len(malformed)} of {len(snapshot.observations)} instances,"
            f" such as {example.ip}: {example.reason}",
            "tell the owners of the API, or of the service where it is always the same",
        )


def _what_fails_together(snapshot: Snapshot) -> Iterator[Check]:
    """Cases: blocks of neighbours; a single service."""
    unknown = snapshot.unknown
    blocks = failing_blocks(snapshot.observations)
    if blocks and 2 * sum(size for _, size in blocks) >= len(unknown):
        named = ", ".join(f"{size} in {network}" for network, size in blocks[:MAX_BLOCKS_NAMED])
        yield Check(
            "neighbours",
            Grade.TROUBLE,
            f"all instances of a block are unknown: {named}",
            "look at what they share: a rack, a switch, a subnet",
        )
    services = Counter(seen.service for seen in unknown if seen.service is not None)
    if len(services) == 1:
        ((service, failed),) = services.items()
        if failed > 1 and 2 * failed >= len(unknown):
            finding = f"{failed} of {len(unknown)} unknown instances are of {service}"
            yield Check("one service", Grade.WARNING, finding, f"ask the owners of {service}")


def failing_blocks(observations: Sequence[Observation]) -> list[tuple[str, int]]:
    """The largest blocks of addresses of which every listed one is unknown, ``MIN_BLOCK`` or more
    of them, as ``10.58.1.16/28`` with their number, the largest number first. None where nothing
    answered: then all addresses are one block, and that says nothing.
    """
    if all(isinstance(seen, Unknown) for seen in observations):
        return []
    failing: list[tuple[str, int]] = []
    for family, prefixes in ((4, _IPV4_PREFIXES), (6, _IPV6_PREFIXES)):
        left = {
            int.from_bytes(packed): isinstance(seen, Unknown)
            for seen in observations
            for of, packed in (address_order(seen.ip),)
            if of == family
        }
        for prefix in prefixes:
            free_bits = (32 if family == 4 else 128) - prefix
            dead = _dead(left, free_bits)
            failing += [
                (f"{_text_of(block << free_bits, family)}/{prefix}", n) for block, n in dead.items()
            ]
            left = {
                number: gone for number, gone in left.items() if number >> free_bits not in dead
            }
    return sorted(failing, key=lambda each: -each[1])


def _dead(is_unknown: dict[int, bool], free_bits: int) -> dict[int, int]:
    """The blocks of which all are unknown, with how many that are."""
    listed = Counter(number >> free_bits for number in is_unknown)
    unknown = Counter(number >> free_bits for number, gone in is_unknown.items() if gone)
    return {block: n for block, n in unknown.items() if n == listed[block] and n >= MIN_BLOCK}


def _text_of(number: int, family: int) -> str:
    from socket import AF_INET, AF_INET6, inet_ntop

    if family == 4:
        return inet_ntop(AF_INET, number.to_bytes(4))
    return inet_ntop(AF_INET6, number.to_bytes(16))


def _concurrency(evidence: Evidence) -> Iterator[Check]:
    if found := evidence.concurrency:
        yield Check(
            "concurrency", Grade.OK, f"{found.value} requests in flight; {found.limited_by}"
        )


def _health(snapshot: Snapshot, policy: HealthPolicy) -> Iterator[Check]:
    report = at_risk(snapshot, policy, DEFAULT_THRESHOLD)
    if report.verdict is None:
        return
    basis = report.basis
    finding = f"{basis.healthy} of {basis.coverage.answered} instances that answered are healthy"
    names = [item.service for item in report.items]
    if names:
        finding += f"; at risk or possibly: {', '.join(names[:3])}"
        finding += f" and {len(names) - 3} more" if names[3:] else ""
    yield Check(
        "the fleet",
        Grade.WARNING if names else Grade.OK,
        finding,
        "`cpx-monitor at-risk` says why" if names else None,
    )


def _conclusion(items: Iterable[Check]) -> str:
    """Cases: no list; most are silent; a block of neighbours; some are unknown, of one service or
    not; the API is slow or wrong; it is the fleet; all is well.
    """
    by_name = {item.check: item for item in items if item.verdict is not Grade.OK}
    listing = by_name.get("list")
    if listing is not None and listing.verdict is Grade.TROUBLE:
        return f"it is the API: {listing.finding}"
    if "neighbours" in by_name:
        return f"it is a part of the network: {by_name['neighbours'].finding}"
    answers = by_name.get("answers")
    if answers is not None and answers.verdict is Grade.TROUBLE:
        return f"more likely the API or the network than the fleet: {answers.finding}"
    if "one service" in by_name:
        return f"it is one service: {by_name['one service'].finding}"
    of_api = [item for item in by_name.values() if item.check not in ("answers", "the fleet")]
    if of_api:
        named = "; ".join(f"{item.check}: {item.finding}" for item in of_api[:2])
        return f"the API is not quite well: {named}"
    if answers is not None:
        return f"the API is well, but {answers.finding}"
    if "the fleet" in by_name:
        return f"it is the fleet, the API is well: {by_name['the fleet'].finding}"
    return "all is well, the API and the fleet"


def _ms(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.1 else f"{seconds * 1000:.2f} ms"
