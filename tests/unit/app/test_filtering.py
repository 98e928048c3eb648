"""Which rows a filter leaves."""

import pytest
from support import instance, snapshot, unknown

from cpx_monitor.app.filtering import matcher
from cpx_monitor.app.overview import overview
from cpx_monitor.app.use_cases import list_instances
from cpx_monitor.domain.health import HealthPolicy

ROWS = list_instances(
    snapshot(instance(1, cpu=95), instance(2, "MLService", cpu=80, memory=70), unknown(3)),
    HealthPolicy(),
).items


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("", [1, 2, 3]),
        ("mlserv", [2]),
        ("10.58.1.1", [1]),
        ("95%", [1]),
        ("timed out", [3]),
        ("cpu>80", [1]),
        ("cpu>=80", [1, 2]),
        ("CPU < 90%", [2]),
        ("memory=70", [2]),
        ("mem!=70", [1]),
        ("status=unknown", [3]),
        ("status!=healthy", [1, 3]),
        ("service=mlservice", [2]),
        ("nonsense>3", []),
        ("cpu>many", []),
        ("cpu>", [1, 2, 3]),
        ("cpu==80", [2]),
        ("status=un", [1, 3]),
        ("cpu>70 memory>50", [2]),
        ("cpu>70 auth", [1]),
        ("> ", []),
    ],
)
def test_a_filter_is_a_text_in_any_column_or_a_comparison(text, left):
    assert [int(row.ip.rpartition(".")[2]) for row in filter(matcher(text), ROWS)] == left


def test_the_load_of_a_service_is_its_mean():
    seen = snapshot(instance(1, cpu=10), instance(2, cpu=30), instance(3, "MLService", cpu=21))

    left = filter(matcher("cpu<21"), overview(seen, HealthPolicy()).items)

    assert [item.service for item in left] == ["AuthService"]
