"""In which format a report is written, and how its rows are chosen."""

from typing import Any, NamedTuple

from cpx_monitor.adapters.presenters.layout import Style
from cpx_monitor.adapters.presenters.nagios import render_nagios
from cpx_monitor.adapters.presenters.records import render_csv, render_json, render_jsonl
from cpx_monitor.adapters.presenters.report_tables import render_table
from cpx_monitor.app.ordering import Order, check_column
from cpx_monitor.app.reports import Report, ServicesAtRisk, Stamp
from cpx_monitor.entrypoints.options import catalogue as options
from cpx_monitor.entrypoints.options.arguments import Arguments
from cpx_monitor.entrypoints.options.fleet_options import color_of
from cpx_monitor.entrypoints.options.option import Option
from cpx_monitor.entrypoints.reporting.verdict import exit_code_of
from cpx_monitor.entrypoints.terminal.console import Console


class Output(NamedTuple):
    """``profile`` is the one that is used, empty where none is."""

    format: str
    style: Style
    profile: str = ""

    @classmethod
    def from_arguments(
        cls, arguments: Arguments, console: Console, option: Option[str] = options.OUTPUT
    ) -> "Output":
        """``option`` is the command's own, where it has more formats."""
        chosen = arguments.value(option)
        width = console.size().columns if chosen == "table" and console.is_terminal else None
        style = Style(
            color=console.wants_color(color_of(arguments)[0]),
            headers=not arguments.flag(options.NO_HEADERS),
            width=width,
            ascii_only=not console.shows("…▁█"),
        )
        return cls(chosen, style, arguments.profile.name)

    def where(self, source: str) -> str:
        """Where the fleet is seen, and by whose settings."""
        return f"{source} (profile {self.profile})" if self.profile else source

    @property
    def is_for_people(self) -> bool:
        return self.format in ("table", "wide")

    @property
    def is_wide(self) -> bool:
        return self.format == "wide"

    def continued(self) -> "Output":
        """For what follows what was written before: it has no headers of its own."""
        return self._replace(style=self.style._replace(headers=False))

    def rendered(self, report: Report, stamp: Stamp | None = None) -> str:
        """With a stamp as one of several rounds."""
        style = self.style
        if self.is_for_people:
            return render_table(report, style, wide=self.is_wide, stamp=stamp)
        if self.format == "nagios" and isinstance(report, ServicesAtRisk):
            return render_nagios(report, exit_code_of(report))
        if self.format == "csv":
            return render_csv(report, stamp, headers=style.headers)
        # If a profile sets json, repeating commands write jsonl.
        if self.format == "jsonl" or stamp is not None:
            return render_jsonl(report, stamp)
        return render_json(report)


def order_of(arguments: Arguments, report: type[Any]) -> Order:
    """
    Raises:
        NoSuchColumn: such a report cannot be sorted by that.
    """
    order = Order(
        arguments.given(options.SORT_BY),
        arguments.flag(options.REVERSE),
        arguments.given(options.TOP),
    )
    check_column(report, order)
    return order
