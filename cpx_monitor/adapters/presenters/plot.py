"""A recording as a picture: CPU and memory of a service's instances over time.

Drawn by matplotlib, which is an extra and takes a second to import.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from cpx_monitor.adapters.presenters.escape import printable
from cpx_monitor.app.reports import Round, TrackRound
from cpx_monitor.domain.health import Status

# Of more instances than so many, the worst have a colour and a name, and the others are grey.
_MAX_NAMED = 10
_AROUND_ONE = timedelta(seconds=5)
_INCHES = (11.0, 6.5)
_DOTS_PER_INCH = 120


class PlotLibraryMissing(Exception):
    """matplotlib is not installed."""


class _Series(NamedTuple):
    """``badness`` is the share of its rounds in which it was not healthy, then its highest load."""

    ip: str
    cpu_percent: Sequence[float]
    memory_percent: Sequence[float]
    badness: tuple[float, float]


def draw_plot(rounds: Sequence[Round[TrackRound]], path: str) -> None:
    """Write the picture, as SVG or PNG by the ending of the path; the same rounds give the same.

    An instance that is unknown, or not there, leaves a gap; rounds that failed are shaded.

    Raises:
        PlotLibraryMissing: see there.
        OSError: the file cannot be written.
    """
    try:
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise PlotLibraryMissing from None
    # Names of services may hold what matplotlib takes for mathematics.
    settings: Any = {
        "svg.hashsalt": "cpx-monitor",
        "svg.fonttype": "none",
        "text.parse_math": False,
    }
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=_INCHES, layout="constrained")
        FigureCanvasAgg(figure)
        _draw(figure, rounds)
        figure.savefig(
            path,
            dpi=_DOTS_PER_INCH,
            metadata={"Date": None} if path.lower().endswith("svg") else None,
        )


def _draw(figure: Any, rounds: Sequence[Round[TrackRound]]) -> None:
    from matplotlib import colormaps, dates

    times = [shown.observed_at for shown in rounds]
    series = _series_of(rounds)
    # Single samples have no line that would show them.
    is_sparse = len(times) == 1 or any(shown.report.not_polled for shown in rounds)
    palette: Any = colormaps["tab10"]
    colors = [*palette.colors[:7], *palette.colors[8:], "gold"]  # grey is for those not named
    color_of = {each.ip: color for each, color in zip(_named(series), colors, strict=False)}
    cpu, memory = figure.subplots(2, 1, sharex=True)
    policy = rounds[-1].report.basis.policy
    for axes, name, limit, lines in (
        (cpu, "CPU %", policy.max_cpu_percent, [each.cpu_percent for each in series]),
        (memory, "Memory %", policy.max_memory_percent, [each.memory_percent for each in series]),
    ):
        for each, values in zip(series, lines, strict=True):
            is_named = each.ip in color_of
            axes.plot(
                times,
                values,
                color=color_of.get(each.ip, "0.75"),
                linewidth=1.2 if is_named else 0.5,
                marker="." if is_sparse or (len(times) < 40 and is_named) else None,
                zorder=2 if is_named else 1,
                label=each.ip if is_named else None,
            )
        if len(series) > 1:
            mark = "o" if len(times) == 1 else None
            axes.plot(
                times,
                _means(rounds, lines),
                color="black",
                linewidth=2.2,
                marker=mark,
                label="mean",
            )
        axes.axhline(limit, color="black", linestyle="--", linewidth=0.8)
        axes.annotate(
            f"limit {limit:g} %",
            (1, limit),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="bottom",
            fontsize="small",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 1},
        )
        for begin, end in _failures(rounds):
            axes.axvspan(begin, end, color="0.85", zorder=0)
        axes.set_ylabel(name)
        axes.set_ylim(-2, 104)
        axes.grid(alpha=0.3)
        axes.margins(x=0.01)
    matplotlib_dates: Any = dates  # which has types for some of its parts only
    locator = matplotlib_dates.AutoDateLocator()
    memory.xaxis.set_major_locator(locator)
    memory.xaxis.set_major_formatter(matplotlib_dates.ConciseDateFormatter(locator))
    memory.set_xlabel("UTC")
    figure.suptitle(_title(rounds, len(series)))
    if len(times) == 1:
        memory.set_xlim(times[0] - _AROUND_ONE, times[0] + _AROUND_ONE)
    title = f"the {_MAX_NAMED} worst" if len(series) > _MAX_NAMED else None
    named = cpu.get_legend_handles_labels()
    figure.legend(*named, loc="outside right upper", fontsize="small", title=title)


def _named(series: Sequence[_Series]) -> list[_Series]:
    """All of a few, in their order; of many the worst, in the same order."""
    worst = sorted(series, key=lambda each: each.badness, reverse=True)[:_MAX_NAMED]
    return [each for each in series if each in worst]


def _means(rounds: Sequence[Round[TrackRound]], lines: Sequence[Sequence[float]]) -> list[float]:
    """Of the instances that are known at each time; not a number where none is, or where some were
    not polled, for then it would be a mean of other instances each time.
    """
    means = []
    for shown, at_once in zip(rounds, zip(*lines, strict=True), strict=True):
        known = [value for value in at_once if value == value]
        is_whole = known and not shown.report.not_polled
        means.append(sum(known) / len(known) if is_whole else float("nan"))
    return means


def _series_of(rounds: Sequence[Round[TrackRound]]) -> list[_Series]:
    missing = float("nan")
    ips = list(dict.fromkeys(row.ip for shown in rounds for row in shown.report.items))
    by_ip = [{row.ip: row for row in shown.report.items} for shown in rounds]

    def values(ip: str, field: str) -> list[float]:
        found = (getattr(rows.get(ip), field, None) for rows in by_ip)
        return [missing if value is None else value for value in found]

    def badness(ip: str) -> tuple[float, float]:
        rows = [row for row in (rows.get(ip) for rows in by_ip) if row is not None]
        not_healthy = sum(row.status is not Status.HEALTHY for row in rows)
        loads = (load for row in rows for load in (row.cpu_percent, row.memory_percent))
        return not_healthy / len(rows), max((load for load in loads if load is not None), default=0)

    return [
        _Series(ip, values(ip, "cpu_percent"), values(ip, "memory_percent"), badness(ip))
        for ip in ips
    ]


def _failures(rounds: Sequence[Round[TrackRound]]) -> list[tuple[datetime, datetime]]:
    """From each round that failed to the next that did not."""
    spans: list[tuple[datetime, datetime]] = []
    for shown, after in zip(rounds, [*rounds[1:], rounds[-1]], strict=True):
        if shown.outage is not None:
            spans.append((shown.observed_at, after.observed_at))
    return spans


def _title(rounds: Sequence[Round[TrackRound]], instances: int) -> str:
    began, ended = (
        shown.observed_at.strftime("%Y-%m-%d %H:%M:%S") for shown in (rounds[0], rounds[-1])
    )
    count = f"{instances} instances" if instances != 1 else "1 instance"
    return f"{printable(rounds[0].report.service)}: {count}, {began} to {ended} UTC"
