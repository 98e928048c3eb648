from itertools import islice

from support import SimulatedClock

from cpx_monitor.adapters.demo import demo_fleet
from cpx_monitor.app.use_cases import at_risk
from cpx_monitor.domain.health import HealthPolicy, Verdict


def demo_snapshots(count):
    fleet = demo_fleet(SimulatedClock())
    return [fleet.snapshot() for _ in islice(range(1000), count)]


def verdicts(snapshot):
    report = at_risk(snapshot, HealthPolicy(), threshold=2)
    return {(item.service, item.verdict, item.healthy) for item in report.items}


def test_the_demo_shows_every_case():
    (first,) = demo_snapshots(1)

    assert verdicts(first) == {
        ("StorageService", Verdict.AT_RISK, 0),
        ("MLService", Verdict.AT_RISK, 1),
        ("TimeService", Verdict.POSSIBLY_AT_RISK, 1),
    }
    assert {service.name for service in first.services} - {item[0] for item in verdicts(first)}
    assert first.unknown


def test_the_demo_s_loads_move_but_its_verdicts_do_not():
    snapshots = demo_snapshots(100)

    assert len({snapshot.observations for snapshot in snapshots}) > 10
    assert len({frozenset(verdicts(snapshot)) for snapshot in snapshots}) == 1
