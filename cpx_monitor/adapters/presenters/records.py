"""Reports for scripts: numbers are numbers, what is missing is null, names carry their unit."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from cpx_monitor.adapters.presenters.escape import harmless_cell
from cpx_monitor.app.reports import (
    ASSUMED_OF_A_LOSS,
    Basis,
    Change,
    Changes,
    FleetDiff,
    InstanceList,
    InstanceRow,
    Report,
    Round,
    ServiceAtRisk,
    ServiceAverage,
    ServiceAverages,
    ServicesAtRisk,
    Stamp,
    TrackRound,
)

SCHEMA = "cpx-monitor/1"
FLAPPING = "flapping"  # of a tracked instance


def render_json(report: Report) -> str:
    """The report as one document."""
    basis = report.basis
    document: dict[str, object] = {
        "schema": SCHEMA,
        "kind": type(report).__name__,  # which is what it is called in the schema
        "source": basis.source,
        "observed_at": timestamp(basis.observed_at),
        "took_seconds": round(basis.took_seconds, 6),
        "policy": _plain(basis.policy),
        "coverage": _plain(basis.coverage),
    }
    if isinstance(report, ServicesAtRisk):
        document["threshold"] = report.threshold
        document["verdict"] = report.verdict
    if isinstance(report, ServiceAverages) or (
        isinstance(report, ServicesAtRisk) and report.headroom
    ):
        document["assumption"] = ASSUMED_OF_A_LOSS
    if isinstance(report, FleetDiff):
        document["by_points"] = report.by_points
        document["before"] = _moment(report.before)
    document["items"] = _items(report)
    return json.dumps(document, indent=2) + "\n"


def _items(report: Report) -> list[Any]:
    """As plain values; those of a tracked round say whether they are flapping."""
    if isinstance(report, TrackRound):
        return [{**_plain(row), FLAPPING: row.ip in report.flapping} for row in report.items]
    return [_plain(item) for item in report.items]


def _moment(basis: Basis) -> dict[str, Any]:
    return {
        "source": basis.source,
        "observed_at": timestamp(basis.observed_at),
        "coverage": _plain(basis.coverage),
    }


def render_jsonl(report: Report, stamp: Stamp | None = None) -> str:
    """The items, one json object a line; with a stamp each tells when."""
    when = _when(stamp)
    return "".join(json.dumps({**when, **item}) + "\n" for item in _items(report))


def render_round(shown: Round[Any], source: str) -> str:
    """The line that ends a round of a jsonl stream, also of one that failed or shows nothing. Its
    kind tells it from items.
    """
    basis = shown.report.basis if shown.outage is None else None
    stale = basis and basis.stale_list
    line = {
        "kind": "Round",
        "round": shown.number,
        "observed_at": timestamp(shown.observed_at),
        "took_seconds": round(shown.took_s, 6),
        "source": source,
        "coverage": basis and _plain(basis.coverage),
        "verdict": getattr(shown.report, "verdict", None) if basis else None,
        "failure": shown.failure,
        "missed": shown.missed,
        "list_age_seconds": stale and round(stale.age_s, 3),
    }
    return json.dumps(line) + "\n"


def render_csv(report: Report, stamp: Stamp | None = None, *, headers: bool = True) -> str:
    """The items as comma-separated values (RFC 4180), a field inside a field as ``a_b``."""
    when = _when(stamp)
    rows = [{**when, **dict(_flat(item))} for item in _items(report)]
    return _csv([*when, *_COLUMNS[type(report)]], rows, headers)


def render_records(
    kind: str,
    records: Sequence[Any],
    fields: Sequence[str],
    chosen: str,
    *,
    headers: bool,
    **more: str,
) -> str:
    """Named tuples that rest on no fleet, as ``json``, ``jsonl`` or ``csv``; ``more`` are fields of
    the document.
    """
    items = [_plain(record) for record in records]
    if chosen == "json":
        document = {"schema": SCHEMA, "kind": kind, **more, "items": items}
        return json.dumps(document, indent=2) + "\n"
    if chosen == "jsonl":
        return "".join(json.dumps(item) + "\n" for item in items)
    return _csv(list(fields), [dict(_flat(record)) for record in records], headers)


def _when(stamp: Stamp | None) -> dict[str, Any]:
    if stamp is None:
        return {}
    return {"round": stamp.round, "observed_at": timestamp(stamp.observed_at)}


def _csv(columns: list[str], rows: list[dict[str, str | float | None]], headers: bool) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n", restval="")
    if headers:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


_SPREAD = ("mean", "min", "p95", "max")
# Written down, because a list without items has columns as well.
_COLUMNS: dict[type[Report], list[str]] = {
    InstanceList: [*InstanceRow._fields],
    TrackRound: [*InstanceRow._fields, FLAPPING],
    ServiceAverages: [
        *ServiceAverage._fields[: ServiceAverage._fields.index("cpu_percent")],
        *(f"cpu_percent_{name}" for name in _SPREAD),
        *(f"memory_percent_{name}" for name in _SPREAD),
        "if_one_is_lost_cpu_percent",
        "if_one_is_lost_memory_percent",
        "survives_losing_one",
    ],
    ServicesAtRisk: [*ServiceAtRisk._fields],
    Changes: [*Change._fields],
    FleetDiff: [*Change._fields],
}


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Objects as their fields, however deep; lists as one text, by spaces."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        for field, inner in value.items():
            yield from _flat(inner, f"{name}_{field}" if name else field)
    elif isinstance(value, tuple | list):
        yield name, harmless_cell(" ".join(value))
    elif isinstance(value, bool):
        yield name, "true" if value else "false"
    elif isinstance(value, str):
        yield name, harmless_cell(value)
    elif value is not None:
        yield name, value


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
