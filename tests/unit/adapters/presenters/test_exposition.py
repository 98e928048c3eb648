"""The text for Prometheus, as prometheus_client's parsers read it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
from prometheus_client.parser import text_string_to_metric_families as read_text

from cpx_monitor import __version__
from cpx_monitor.adapters.presenters.exposition import (
    OPEN_METRICS,
    TEXT,
    Metric,
    fleet_metrics,
    labels,
    ratio,
    render,
)
from cpx_monitor.app.ports import Collected
from cpx_monitor.app.scraping import scrape_of
from cpx_monitor.domain.fleet import Instance, Snapshot, Unknown
from cpx_monitor.domain.health import HealthPolicy

READ = {TEXT: read_text, OPEN_METRICS: read_open}
FLEET = (
    Instance("10.0.0.1", "Auth", 7, 50.5),
    Instance("10.0.0.2", "Auth", 91, 4),
    Unknown("10.0.0.3", "timed out", "Auth"),
    Unknown("2001:db8::1", "timed out", "Gone"),
    Unknown("2001:db8::2", "timed out"),
)


def scraped(observations=FLEET, **how):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    snapshot = Snapshot("test", now, 0.25, tuple(observations), rejected=("null",))
    how = {"list_age_s": 1.5, **how}
    return scrape_of(Collected(snapshot, **how), HealthPolicy())


def samples(scrape, content_type=TEXT, *, with_instances=True):
    """By name and the values of the labels, as the parser reads them."""
    text = render(fleet_metrics(scrape, with_instances=with_instances), content_type)
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in READ[content_type](text)
        for sample in family.samples
    }


@pytest.fixture(params=[TEXT, OPEN_METRICS], ids=["text", "openmetrics"])
def content_type(request):
    return request.param


class TestTheFleet:
    def test_is_counted(self, content_type):
        found = samples(scraped(), content_type, with_instances=False)

        assert found == {
            ("cpx_up",): 1,
            ("cpx_build_info", __version__): 1,
            ("cpx_list_age_seconds",): 1.5,
            ("cpx_collection_duration_seconds",): 0.25,
            ("cpx_instances_listed",): 5,
            ("cpx_instances_answered",): 2,
            ("cpx_instances_unknown",): 3,
            ("cpx_instances_rejected",): 1,
            ("cpx_instances_unattributed",): 1,
            ("cpx_service_instances", "Auth"): 3,
            ("cpx_service_instances", "Gone"): 1,
            ("cpx_service_healthy_instances", "Auth"): 1,
            ("cpx_service_healthy_instances", "Gone"): 0,
            ("cpx_service_unknown_instances", "Auth"): 1,
            ("cpx_service_unknown_instances", "Gone"): 1,
        }

    def test_without_a_list_has_no_counts_at_all(self, content_type):
        scrape = scrape_of(Collected(None), HealthPolicy())

        assert samples(scrape, content_type) == {
            ("cpx_up",): 0,
            ("cpx_build_info", __version__): 1,
        }

    def test_of_an_old_list_is_not_up(self):
        assert samples(scraped(failure="timed out"))["cpx_up",] == 0


class TestAnInstance:
    def test_has_ratios_where_it_answered_and_none_where_it_did_not(self, content_type):
        found = samples(scraped(), content_type)

        assert {key: value for key, value in found.items() if key[0].startswith("cpx_inst")} == {
            **{key: value for key, value in found.items() if key[0].startswith("cpx_instances")},
            ("cpx_instance_up", "10.0.0.1", "Auth"): 1,
            ("cpx_instance_up", "10.0.0.2", "Auth"): 1,
            ("cpx_instance_up", "10.0.0.3", "Auth"): 0,
            ("cpx_instance_up", "2001:db8::1", "Gone"): 0,
            ("cpx_instance_up", "2001:db8::2", ""): 0,
            ("cpx_instance_healthy", "10.0.0.1", "Auth"): 1,
            ("cpx_instance_healthy", "10.0.0.2", "Auth"): 0,
            ("cpx_instance_cpu_ratio", "10.0.0.1", "Auth"): 0.07,
            ("cpx_instance_cpu_ratio", "10.0.0.2", "Auth"): 0.91,
            ("cpx_instance_memory_ratio", "10.0.0.1", "Auth"): 0.505,
            ("cpx_instance_memory_ratio", "10.0.0.2", "Auth"): 0.04,
        }

    @given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
    def test_of_a_service_of_any_name_can_be_read_back(self, name):
        found = samples(scraped([Instance("10.0.0.1", name, 1, 2)]))

        assert found["cpx_instance_up", "10.0.0.1", name] == 1

    def test_of_a_service_whose_name_is_no_utf_8_is_written_with_its_escape(self):
        found = samples(scraped([Instance("10.0.0.1", "a\ud800", 1, 2)]))

        assert ("cpx_instance_up", "10.0.0.1", "a\\ud800") in found


def test_a_counter_is_a_family_of_its_name_without_total(content_type):
    text = render([Metric("things_total", "Things.", [("", 3)], "counter")], content_type)

    (family,) = READ[content_type](text)
    assert (family.type, family.name, family.samples[0].name) == (
        "counter",
        "things",
        "things_total",
    )


def test_labels_are_escaped():
    assert labels({"a": 'b"\\\n'}) == r'{a="b\"\\\n"}'


def test_a_ratio_has_no_dust():
    assert [str(ratio(each)) for each in (0, 7, 29, 100, 99.95)] == [
        *("0.0", "0.07", "0.29", "1.0", "0.9995")
    ]
