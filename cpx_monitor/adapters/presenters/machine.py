"""Reports for scripts: numbers are numbers, what is missing is null, names carry their unit."""

import json
from datetime import datetime
from typing import Any

from cpx_monitor.app.reports import (
    InstanceList,
    Report,
    ServiceAverages,
    ServicesAtRisk,
    TrackRound,
)

SCHEMA = "cpx-monitor/1"

_KIND_OF: dict[type[Report], str] = {
    InstanceList: "InstanceList",
    ServiceAverages: "ServiceAverages",
    ServicesAtRisk: "ServicesAtRisk",
}


def render_json(report: Report) -> str:
    """The report as one document."""
    basis = report.basis
    document: dict[str, object] = {
        "schema": SCHEMA,
        "kind": _KIND_OF[type(report)],
        "source": basis.source,
        "observed_at": timestamp(basis.observed_at),
        "took_seconds": round(basis.took_seconds, 6),
        "policy": _plain(basis.policy),
        "coverage": _plain(basis.coverage),
    }
    if isinstance(report, ServicesAtRisk):
        document["threshold"] = report.threshold
        document["verdict"] = report.verdict
    document["items"] = [_plain(item) for item in report.items]
    return json.dumps(document, indent=2) + "\n"


def track_jsonl(shown: TrackRound) -> str:
    """The round's rows, one json object a line."""
    when = {"round": shown.round, "observed_at": timestamp(shown.observed_at)}
    return "".join(json.dumps({**when, **_plain(row)}) + "\n" for row in shown.items)


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond: ``2026-11-22T12:00:00.123Z``."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    """Named tuples as objects of the same fields, however deep."""
    if not isinstance(value, tuple):
        return value
    if hasattr(value, "_fields"):
        return {name: _plain(field) for name, field in zip(value._fields, value, strict=True)}
    return [_plain(each) for each in value]
