"""Prometheus HTTP service discovery: what to scrape, and where.

https://prometheus.io/docs/prometheus/latest/http_sd/
"""

from collections.abc import Collection, Sequence

from cpx_monitor.domain.buckets import bucket_of, exporter_of

Target = dict[str, object]


def by_bucket(buckets: int, exporters: Sequence[str]) -> list[Target]:
    """A target for each bucket, at the exporter that it is pinned to."""
    return [
        _target(
            exporter_of(bucket, exporters),
            {"__metrics_path__": "/metrics", "__param_bucket": str(bucket), "bucket": str(bucket)},
        )
        for bucket in range(buckets)
    ]


def by_instance(listed: Collection[str], buckets: int, exporters: Sequence[str]) -> list[Target]:
    """A target for each instance, at the exporter of its bucket."""
    pinned = [exporter_of(bucket, exporters) for bucket in range(buckets)]
    return [
        _target(
            pinned[bucket_of(ip, buckets)],
            {"__metrics_path__": "/probe", "__param_target": ip, "instance": ip},
        )
        for ip in listed
    ]


def _target(address: str, labels: dict[str, str]) -> Target:
    return {"targets": [address], "labels": labels}
