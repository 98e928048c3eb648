from itertools import islice

from support import SimulatedClock

from cpx_monitor.adapters.demo import demo_fleet
from cpx_monitor.app.flapping import Flapping
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


def test_the_demo_s_loads_move_and_at_first_its_verdicts_do_not():
    snapshots = demo_snapshots(6)

    assert len({snapshot.observations for snapshot in snapshots}) == 6
    assert len({frozenset(verdicts(snapshot)) for snapshot in snapshots}) == 1


def test_within_forty_rounds_the_demo_has_an_instance_that_fails_one_that_flaps_and_a_rollout():
    snapshots = demo_snapshots(41)

    by_ip = [{seen.ip: seen for seen in snapshot.observations} for snapshot in snapshots]
    assert by_ip[6]["10.58.1.3"].reason == "timed out after 5 s"
    flaps = Flapping()
    marked = []
    for seen in by_ip:
        flaps.learn(HealthPolicy().status_of(seen["10.58.1.7"]))
        marked.append(flaps.is_on)
    assert any(marked)
    assert {"10.58.2.10", "10.58.2.11"} <= by_ip[14].keys()
    assert by_ip[40].keys() == by_ip[0].keys()  # it begins again
