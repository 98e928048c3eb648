"""Metrics as Prometheus reads them.

https://github.com/prometheus/docs/blob/main/docs/instrumenting/exposition_formats.md
https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from cpx_monitor import __version__
from cpx_monitor.app.reports import Scrape, ServiceCounts
from cpx_monitor.domain.fleet import Instance, Observation, Snapshot
from cpx_monitor.domain.health import HealthPolicy

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class Metric(NamedTuple):
    """A family of samples; a sample is its labels, in braces or empty, and its value.

    ``kind`` is gauge or counter. The name of a counter ends with ``_total``.
    """

    name: str
    meaning: str
    samples: Iterable[tuple[str, float]]
    kind: str = "gauge"


def render(metrics: Iterable[Metric], content_type: str) -> str:
    """The text of these families; those without a sample are left out."""
    is_open = content_type == OPEN_METRICS
    parts: list[str] = []
    for name, meaning, samples, kind in metrics:
        lines = [f"{name}{label_text} {value}\n" for label_text, value in samples]
        if not lines:
            continue
        family = name.removesuffix("_total") if is_open and kind == "counter" else name
        parts.append(f"# HELP {family} {meaning}\n# TYPE {family} {kind}\n")
        parts += lines
    return "".join(parts) + ("# EOF\n" if is_open else "")


def labels(of: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{escaped(value)}"' for name, value in of.items()) + "}"


def escaped(value: str) -> str:
    """As the value of a label. What UTF-8 cannot hold is written as its escape."""
    text = value.encode("utf-8", "backslashreplace").decode()
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def fleet_metrics(scrape: Scrape, *, with_instances: bool) -> list[Metric]:
    """What is known of the fleet. Ratios run from 0 to 1."""
    age_s, snapshot = scrape.list_age_s, scrape.snapshot
    metrics = [
        _one(
            "cpx_up",
            "Whether the latest request for the list of servers succeeded.",
            int(scrape.is_listing),
        ),
        _one("cpx_build_info", "The version of cpx-monitor.", 1, labels({"version": __version__})),
        Metric(
            "cpx_list_age_seconds",
            "How old the list of servers is.",
            [] if age_s is None else [("", round(age_s, 3))],
        ),
    ]
    if snapshot is None:
        return metrics
    return [
        *metrics,
        *_counts(snapshot),
        *_services(scrape.services),
        *(_instances(snapshot.observations, scrape.policy) if with_instances else ()),
    ]


def _one(name: str, meaning: str, value: float, of: str = "") -> Metric:
    return Metric(name, meaning, [(of, value)])


def _counts(snapshot: Snapshot) -> list[Metric]:
    listed, answered = len(snapshot.observations), len(snapshot.answered)
    unattributed = snapshot.unattributed
    of = {
        "cpx_collection_duration_seconds": (
            "How long this collection took.",
            round(snapshot.took_s, 6),
        ),
        "cpx_instances_listed": ("Addresses listed.", listed),
        "cpx_instances_answered": ("Instances that gave a usable answer.", answered),
        "cpx_instances_unknown": ("Instances that gave none.", listed - answered),
        "cpx_instances_rejected": (
            "List entries that are not addresses.",
            len(snapshot.rejected),
        ),
        "cpx_instances_unattributed": (
            "Unknown instances whose service is not known.",
            unattributed,
        ),
    }
    return [_one(name, meaning, value) for name, (meaning, value) in of.items()]


def _services(counts: Sequence[ServiceCounts]) -> list[Metric]:
    label_texts = [labels({"service": each.service}) for each in counts]
    of = {
        "cpx_service_instances": (
            "Instances of a service, the unknown ones included.",
            [each.instances for each in counts],
        ),
        "cpx_service_healthy_instances": (
            "Instances of a service that are healthy.",
            [each.healthy for each in counts],
        ),
        "cpx_service_unknown_instances": (
            "Instances of a service that gave no usable answer.",
            [each.unknown for each in counts],
        ),
    }
    return [
        Metric(name, meaning, zip(label_texts, values, strict=True))
        for name, (meaning, values) in of.items()
    ]


def _instances(observations: Sequence[Observation], policy: HealthPolicy) -> list[Metric]:
    """There may be a hundred thousand, so little is done for each."""
    label_of: dict[str | None, str] = {None: '",service=""}'}
    up, healthy, cpu, memory = [], [], [], []
    for seen in observations:
        service = seen.service
        if service not in label_of:
            label_of[service] = f'",service="{escaped(service or "")}"}}'
        label_text = f'{{ip="{seen.ip}{label_of[service]}'
        if isinstance(seen, Instance):
            up.append((label_text, 1))
            healthy.append((label_text, int(policy.allows(seen.cpu_percent, seen.memory_percent))))
            cpu.append((label_text, ratio(seen.cpu_percent)))
            memory.append((label_text, ratio(seen.memory_percent)))
        else:
            up.append((label_text, 0))
    return [
        Metric("cpx_instance_up", "Whether an instance gave a usable answer.", up),
        Metric(
            "cpx_instance_healthy", "Whether its CPU and memory are within the limits.", healthy
        ),
        Metric("cpx_instance_cpu_ratio", "CPU in use, from 0 to 1.", cpu),
        Metric("cpx_instance_memory_ratio", "Memory in use, from 0 to 1.", memory),
    ]


def ratio(percent: float) -> float:
    """Without the dust of a division: 7 % is 0.07 and not 0.07000000000000001."""
    return round(percent / 100, 12)
