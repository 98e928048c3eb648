import json

from support import instance, snapshot, track_round, unknown

from cpx_monitor.adapters.presenters.records import render_json, render_jsonl
from cpx_monitor.app.use_cases import at_risk, averages, list_instances
from cpx_monitor.domain.health import HealthPolicy

POLICY = HealthPolicy(90, 80.5)


def test_a_document_says_what_it_is_and_what_it_rests_on():
    seen = snapshot(instance(4, "StorageService", 95, 85), unknown(9), rejected=["'x'"])

    assert json.loads(render_json(list_instances(seen, POLICY))) == {
        "schema": "cpx-monitor/1",
        "kind": "InstanceList",
        "source": "test",
        "observed_at": "2026-11-22T12:00:00.123Z",
        "took_seconds": 0.05,
        "policy": {"max_cpu_percent": 90, "max_memory_percent": 80.5},
        "coverage": {"listed": 2, "answered": 1, "unknown": 1, "rejected": 1},
        "items": [
            {
                "ip": "10.58.1.4",
                "service": "StorageService",
                "status": "Unhealthy",
                "cpu_percent": 95,
                "memory_percent": 85,
                "reason": None,
            },
            {
                "ip": "10.58.1.9",
                "service": None,
                "status": "Unknown",
                "cpu_percent": None,
                "memory_percent": None,
                "reason": "timed out after 5 s",
            },
        ],
    }


def test_means_are_not_rounded():
    seen = snapshot(instance(1, cpu=1), instance(2, cpu=1), instance(3, cpu=2))

    (item,) = json.loads(render_json(averages(seen, POLICY)))["items"]

    assert item["cpu_percent"] == {"mean": 4 / 3, "min": 1, "p95": 2, "max": 2}
    assert item["if_one_is_lost"] == {"cpu_percent": 2, "memory_percent": 30}
    assert item["survives_losing_one"] is True


def test_averages_of_silent_services_are_null():
    seen = snapshot(instance(1, "A"), unknown(2, "B"))

    item = json.loads(render_json(averages(seen, POLICY)))["items"][1]

    assert item["cpu_percent"] == {"mean": None, "min": None, "p95": None, "max": None}
    assert item["if_one_is_lost"] is None


def test_services_at_risk_come_with_the_threshold_and_the_worst_verdict():
    document = json.loads(render_json(at_risk(snapshot(instance(1, cpu=99)), POLICY, 2)))

    assert (document["kind"], document["threshold"], document["verdict"]) == (
        "ServicesAtRisk",
        2,
        "AtRisk",
    )
    assert document["items"] == [
        {
            "service": "AuthService",
            "verdict": "AtRisk",
            "healthy": 0,
            "instances": 1,
            "threshold": 2,
            "reason": "no healthy instance; unhealthy: 10.58.1.1 (CPU 99%)",
            "unhealthy_ips": ["10.58.1.1"],
            "expected": None,
        }
    ]


def test_without_any_answer_the_verdict_is_null():
    assert json.loads(render_json(at_risk(snapshot(unknown(1)), POLICY, 2)))["verdict"] is None


def test_hostile_text_stays_valid_ascii_json():
    text = render_json(list_instances(snapshot(instance(1, "\x1b[2J\u202e\ud800")), POLICY))

    assert text.isascii()
    assert json.loads(text)["items"][0]["service"] == "\x1b[2J\u202e\ud800"


def test_a_tracked_round_is_a_json_object_a_line():
    shown = track_round(7, instance(1), unknown(2, "AuthService"))

    lines = render_jsonl(shown.report, shown.stamp).splitlines()

    assert [json.loads(line) for line in lines] == [
        {
            "round": 7,
            "observed_at": "2026-11-22T12:00:00.123Z",
            "ip": "10.58.1.1",
            "service": "AuthService",
            "status": "Healthy",
            "cpu_percent": 10,
            "memory_percent": 20,
            "reason": None,
            "flapping": False,
        },
        {
            "round": 7,
            "observed_at": "2026-11-22T12:00:00.123Z",
            "ip": "10.58.1.2",
            "service": "AuthService",
            "status": "Unknown",
            "cpu_percent": None,
            "memory_percent": None,
            "reason": "timed out after 5 s",
            "flapping": False,
        },
    ]
