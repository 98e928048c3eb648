"""What ``doctor`` found, for people and for scripts."""

from cpx_monitor.adapters.presenters.escape import printable
from cpx_monitor.adapters.presenters.layout import Cell, Column, Style, Table, draw
from cpx_monitor.adapters.presenters.records import render_records
from cpx_monitor.app.reports import Check, DoctorReport, Grade
from cpx_monitor.domain.health import Status

_COLOR_OF = {
    Grade.OK: Status.HEALTHY,
    Grade.WARNING: Status.UNKNOWN,
    Grade.TROUBLE: Status.UNHEALTHY,
}


def render_diagnosis(report: DoctorReport, chosen: str, style: Style) -> str:
    """``chosen`` is a format; the first line of those for people is what it comes to."""
    if chosen not in ("table", "wide"):
        more = {"source": report.source, "conclusion": report.conclusion}
        return render_records(
            "DoctorReport", report.items, Check._fields, chosen, headers=style.headers, **more
        )
    columns = [Column("Check"), Column("Verdict"), Column("Finding", free=True)]
    rows = [
        (
            item.check,
            Cell(item.verdict, _COLOR_OF[item.verdict]),
            f"{item.finding}; {item.advice}" if item.advice else item.finding,
        )
        for item in report.items
    ]
    first = printable(f"{report.source}: {report.conclusion}") + "\n" if style.headers else ""
    return first + draw(Table(columns, rows), style)
