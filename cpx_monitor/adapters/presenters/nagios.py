"""A report as the output of a monitoring plugin: a status line, performance data, a long text.

https://www.monitoring-plugins.org/doc/guidelines.html#PLUGOUTPUT
"""

from cpx_monitor.adapters.presenters.escape import printable
from cpx_monitor.adapters.presenters.sentences import no_risk_sentence, risk_sentence
from cpx_monitor.app.reports import ServicesAtRisk, counted
from cpx_monitor.domain.health import Verdict

STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
_MAX_NAMED = 3


def render_nagios(report: ServicesAtRisk, code: int) -> str:
    """``code`` is the exit code, which names the state."""
    long_text = map(risk_sentence, report.items)
    first = f"CPX {STATES[code]} - {_plain(_sentence(report))} | {_performance_data(report)}"
    return "".join(f"{line}\n" for line in [first, *map(_plain, long_text)])


def render_unknown(why: str) -> str:
    """Where there is no report."""
    return f"CPX UNKNOWN - {_plain(why)}\n"


def _sentence(report: ServicesAtRisk) -> str:
    """Cases: nothing can be said; services at risk; none."""
    if report.basis.no_verdict_because is not None:
        return report.basis.no_verdict_because
    if not report.items:
        rejected = len(report.basis.rejected)
        entries = (
            "1 list entry is no address"
            if rejected == 1
            else f"{rejected} list entries are no addresses"
        )
        return no_risk_sentence(report) + (f"; {entries}" if rejected else "")
    certain = _counted(report, Verdict.AT_RISK)
    possible = _counted(report, Verdict.POSSIBLY_AT_RISK)
    parts = [f"{counted(certain, 'service')} at risk"] if certain else []
    parts += [f"{counted(possible, 'service')} possibly at risk"] if possible else []
    tight = _counted(report, Verdict.NO_HEADROOM)
    parts += [f"{counted(tight, 'service')} without headroom"] if tight else []
    names = [f"{each.service} {each.healthy}/{each.instances}" for each in report.items]
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return f"{', '.join(parts)}: {', '.join(names[:_MAX_NAMED])}{more}"


def _performance_data(report: ServicesAtRisk) -> str:
    basis = report.basis
    coverage = basis.coverage
    return " ".join(
        [
            f"healthy={basis.healthy}",
            f"unhealthy={coverage.answered - basis.healthy}",
            f"unknown={coverage.unknown}",
            f"at_risk={_counted(report, Verdict.AT_RISK)};;0",
            f"possibly_at_risk={_counted(report, Verdict.POSSIBLY_AT_RISK)}",
            f"listed={coverage.listed}",
            f"took={basis.took_seconds:.2f}s",
        ]
    )


def _counted(report: ServicesAtRisk, verdict: Verdict) -> int:
    return sum(item.verdict is verdict for item in report.items)


def _plain(text: str) -> str:
    """On one line, without the sign that performance data begins with."""
    return printable(text).replace("|", "/")
