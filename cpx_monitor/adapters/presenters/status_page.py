"""The status page: services and their instances as HTML, for the wall and for a phone.

It needs no script and nothing from elsewhere. What is inline is named in the content security
policy by its hash, and every text from outside is escaped by the template engine.
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from cpx_monitor.adapters.presenters.escape import printable
from cpx_monitor.adapters.presenters.records import timestamp
from cpx_monitor.adapters.presenters.sentences import silence_sentence
from cpx_monitor.app.reports import (
    Basis,
    InstanceList,
    InstanceRow,
    Overview,
    ServiceAtRisk,
    ServiceOverview,
    counted,
)
from cpx_monitor.domain.health import DEFAULT_THRESHOLD, HealthPolicy, Status, Verdict

ROWS_A_PAGE = 100
REFRESH_S = 10
MAX_REASON_CHARACTERS = 140
_FOLDER = Path(__file__).with_name("page")
_STYLE = (_FOLDER / "style.css").read_text("utf-8")
_SCRIPT = (_FOLDER / "refresh.js").read_text("utf-8")

_STATES = {
    Verdict.OK: "well",
    Verdict.NO_HEADROOM: "doubt",
    Verdict.POSSIBLY_AT_RISK: "doubt",
    Verdict.AT_RISK: "bad",
    Status.HEALTHY: "well",
    Status.UNHEALTHY: "bad",
    Status.UNKNOWN: "doubt",
}
_VERDICTS = {
    Verdict.OK: "OK",
    Verdict.NO_HEADROOM: "no headroom",
    Verdict.POSSIBLY_AT_RISK: "possibly at risk",
    Verdict.AT_RISK: "at risk",
}
_WORST_FIRST = (Status.UNHEALTHY, Status.UNKNOWN, Status.HEALTHY)


def _hash_of(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


# https://www.w3.org/TR/CSP3/: only what is named is allowed, and the page cannot be framed.
SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        f"style-src {_hash_of(_STYLE)}",
        f"script-src {_hash_of(_SCRIPT)}",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)


class Moment(NamedTuple):
    """What every page says of itself: where the fleet is, and when it was polled."""

    source: str
    observed_at: datetime
    took_s: float
    policy: HealthPolicy


def services_page(report: Overview, page: int = 1) -> str:
    """All services, those at risk first."""
    basis = report.basis
    verdicts = Counter(each.verdict for each in report.items)
    at_risk, doubtful = verdicts[Verdict.AT_RISK], verdicts[Verdict.POSSIBLY_AT_RISK]
    shown, pages, page = _page_of(report.items, page)
    return _rendered(
        "services.html",
        _moment(basis),
        notes=_notes(basis),
        headline=_headline(len(report.items), at_risk, doubtful, basis),
        state="bad" if at_risk else "doubt" if doubtful or not report.items else "well",
        counts=_counts(basis),
        unknown=basis.coverage.unknown,
        rows=[_service_row(each) for each in shown],
        page=page,
        pages=pages,
    )


def instances_page(report: InstanceList, risk: ServiceAtRisk, page: int = 1) -> str:
    """The instances of one service, the unhealthy first, a hundred a page; ``risk`` is how the
    service stands.
    """
    healthy = sum(row.status is Status.HEALTHY for row in report.items)
    reason = "" if risk.verdict is Verdict.OK else f" {_VERDICTS[risk.verdict]}: {risk.reason}"
    return _page_of_instances(
        report,
        f"{printable(risk.service)}: {healthy} of {len(report.items)} healthy",
        _STATES[risk.verdict],
        _cut(printable(reason)),
        page,
    )


def nameless_page(report: InstanceList, page: int = 1) -> str:
    """The unknown instances that may be of any service."""
    headline = f"{counted(len(report.items), 'instance')} of no known service"
    return _page_of_instances(report, headline, "doubt" if report.items else "well", "", page)


def _page_of_instances(
    report: InstanceList, headline: str, state: str, reason: str, page: int
) -> str:
    rows = sorted(report.items, key=lambda row: _WORST_FIRST.index(row.status))
    number_of = Counter(row.status for row in rows)
    shown, pages, page = _page_of(rows, page)
    return _rendered(
        "instances.html",
        _moment(report.basis),
        notes=_notes(report.basis),
        headline=headline,
        state=state,
        counts=f"{counted(len(rows), 'instance')}: {number_of[Status.HEALTHY]} healthy,"
        f" {number_of[Status.UNHEALTHY]} unhealthy, {number_of[Status.UNKNOWN]} unknown.{reason}",
        rows=[_instance_row(each) for each in shown],
        page=page,
        pages=pages,
    )


def error_page(moment: Moment, headline: str, why: str) -> str:
    """A page that says what there is not."""
    return _rendered("error.html", moment, notes=(), headline=headline, why=printable(why))


def path_of(service: str) -> str:
    """Where the page of a service is."""
    return f"/services/{quote(key_of(service), safe='')}"


def key_of(service: str) -> str:
    """The name as it is in a path; what UTF-8 cannot hold is written as its escape."""
    return service.encode("utf-8", "backslashreplace").decode()


def _moment(basis: Basis) -> Moment:
    return Moment(basis.source, basis.observed_at, basis.took_seconds, basis.policy)


def _page_of(rows: Sequence[Any], page: int) -> tuple[Sequence[Any], int, int]:
    """The rows of that page, how many pages there are, and which one it is."""
    pages = max(1, -(-len(rows) // ROWS_A_PAGE))
    page = min(max(1, page), pages)
    return rows[(page - 1) * ROWS_A_PAGE : page * ROWS_A_PAGE], pages, page


def _notes(basis: Basis) -> list[str]:
    notes, stale = [], basis.stale_list
    if stale is not None:
        notes.append(
            "The list of servers is the last one that could be had,"
            f" {stale.age_s:.0f} s old: {stale.reason}"
        )
    if basis.coverage.is_mostly_unknown:
        notes.append(silence_sentence(basis.coverage))
    if basis.rejected:
        entries = "1 entry" if len(basis.rejected) == 1 else f"{len(basis.rejected)} entries"
        notes.append(f"{entries} of the list of servers cannot be used")
    return [printable(note) for note in notes]


def _headline(services: int, at_risk: int, doubtful: int, basis: Basis) -> str:
    if not services:
        return "No service is known" if basis.coverage.listed else "No servers are listed"
    parts = [f"{at_risk} at risk"] if at_risk else []
    parts += [f"{doubtful} possibly at risk"] if doubtful else []
    return f"{counted(services, 'service')}, {', '.join(parts) or 'none at risk'}"


def _counts(basis: Basis) -> str:
    coverage = basis.coverage
    return (
        f"{counted(coverage.listed, 'instance')}: {basis.healthy} healthy,"
        f" {coverage.answered - basis.healthy} unhealthy, {coverage.unknown} unknown"
    )


def _service_row(item: ServiceOverview) -> Mapping[str, Any]:
    return {
        "key": _row_key(item.service),
        "state": _STATES[item.verdict],
        "link": path_of(item.service),
        "name": printable(item.service),
        "verdict": _VERDICTS[item.verdict],
        "reason": _cut(printable(item.reason or "")),
        "healthy": item.healthy,
        "instances": item.instances,
        "healthy_share": 100 * item.healthy / item.instances,
        **_load("cpu", item.cpu_percent.mean),
        **_load("memory", item.memory_percent.mean),
    }


def _instance_row(row: InstanceRow) -> Mapping[str, Any]:
    return {
        "key": _row_key(row.ip),
        "state": _STATES[row.status],
        "name": row.ip,
        "status": row.status.lower(),
        "reason": _cut(printable(row.reason or "")),
        **_load("cpu", row.cpu_percent),
        **_load("memory", row.memory_percent),
    }


def _load(name: str, percent: float | None) -> Mapping[str, Any]:
    shown = "–" if percent is None else f"{percent:.1f} %".replace(".0 %", " %")
    return {name: shown, f"{name}_share": percent}


def _cut(text: str) -> str:
    return text if len(text) <= MAX_REASON_CHARACTERS else f"{text[:MAX_REASON_CHARACTERS]}…"


def _row_key(name: str) -> str:
    return "row-" + hashlib.sha256(key_of(name).encode()).hexdigest()[:16]


def _bar(percent: float | None) -> Markup:
    """For the eye only; the number stands beside it."""
    if percent is None:
        return Markup("")
    return Markup(
        '<svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="room" width="100" height="4"/>'
        f'<rect class="used" width="{percent:.1f}" height="4"/></svg>'
    )


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _rendered(template: str, moment: Moment, **values: Any) -> str:
    return (
        _templates()
        .get_template(template)
        .render(
            style=Markup(_STYLE),
            script=Markup(_SCRIPT),
            bar=_bar,
            refresh_s=REFRESH_S,
            minimum=DEFAULT_THRESHOLD,
            source=printable(moment.source),
            observed_at=timestamp(moment.observed_at),
            shown_at=f"{moment.observed_at:%Y-%m-%d %H:%M:%S} UTC",
            took_s=f"{moment.took_s:.2f}",
            max_cpu=f"{moment.policy.max_cpu_percent:g}",
            max_memory=f"{moment.policy.max_memory_percent:g}",
            **values,
        )
    )
