"""Whatever a fleet calls itself, what is printed is readable, harmless and whole."""

import csv
import io
import json
import unicodedata

from hypothesis import given
from strategies import hostile_text, policies, snapshots, thresholds
from support import track_round

from cpx_monitor.adapters.presenters.escape import harmless_cell, printable
from cpx_monitor.adapters.presenters.layout import Style
from cpx_monitor.adapters.presenters.records import render_csv, render_json, render_jsonl
from cpx_monitor.adapters.presenters.report_tables import render_table
from cpx_monitor.adapters.presenters.sentences import track_warnings
from cpx_monitor.app.use_cases import at_risk, averages, list_instances

FORMULAS = ("=", "+", "-", "@", "\t", "\r")
hostile_snapshots = snapshots(names=hostile_text, reasons=hostile_text)


def reports_of(seen, policy, threshold):
    return (
        list_instances(seen, policy),
        averages(seen, policy),
        at_risk(seen, policy, threshold),
    )


def round_of(report, service="AuthService"):
    return track_round(1, service=service, items=report.items).report


def is_safe(text):
    """Lines of characters that a terminal shows and does not act on."""
    return not any(
        unicodedata.category(character).startswith("C") or character in "\u2028\u2029"
        for character in text.replace("\n", "")
    )


@given(hostile_snapshots, policies, thresholds)
def test_no_table_holds_a_control_character_and_a_row_is_a_line(seen, policy, threshold):
    for report in reports_of(seen, policy, threshold):
        text = render_table(report, Style())
        assert is_safe(text)
        assert text.count("\n") == 2 + len(report.items)


@given(hostile_snapshots, policies, hostile_text)
def test_nor_does_what_track_prints(seen, policy, name):
    items = list_instances(seen, policy).items
    shown = track_round(1, service=name, items=items, rejected=(name,))
    failed = track_round(1, service=name, items=items, failure=name)

    assert is_safe(render_table(shown.report, Style(), stamp=shown.stamp))
    for warning in (*track_warnings(shown, None), *track_warnings(failed, None)):
        assert is_safe(printable(warning))


@given(hostile_snapshots, policies, thresholds)
def test_json_gives_back_what_was_seen(seen, policy, threshold):
    listed, averaged, endangered = reports_of(seen, policy, threshold)

    rows = json.loads(render_json(listed))["items"]
    assert [tuple(row.values()) for row in rows] == [tuple(item) for item in listed.items]
    means = [item["cpu_percent"]["mean"] for item in json.loads(render_json(averaged))["items"]]
    assert means == [item.cpu_percent.mean for item in averaged.items]
    risky = json.loads(render_json(endangered))
    assert [tuple(item["unhealthy_ips"]) for item in risky["items"]] == [
        item.unhealthy_ips for item in endangered.items
    ]
    for line, item in zip(render_jsonl(round_of(listed)).splitlines(), listed.items, strict=True):
        assert json.loads(line)["service"] == item.service


@given(hostile_snapshots, policies, thresholds)
def test_csv_gives_back_what_was_seen_made_harmless(seen, policy, threshold):
    for report in reports_of(seen, policy, threshold):
        text = render_csv(report)
        records = list(csv.DictReader(io.StringIO(text)))
        assert is_safe(text)
        assert text.count("\n") == 1 + len(report.items)
        for record, item in zip(records, report.items, strict=True):
            assert record["service"] == harmless_cell(item.service or "")
            assert not any(cell.startswith(FORMULAS) for cell in record.values())


@given(hostile_snapshots, policies)
def test_the_numbers_of_a_csv_are_those_that_were_seen(seen, policy):
    report = list_instances(seen, policy)

    for text in (render_csv(report), render_csv(round_of(report))):
        records = csv.DictReader(io.StringIO(text))
        for record, item in zip(records, report.items, strict=True):
            number = record["cpu_percent"]
            assert (float(number) if number else None) == item.cpu_percent


@given(hostile_text)
def test_escaping_leaves_what_is_printable_alone(text):
    assert is_safe(printable(text))
    assert printable(text) == text or not text.isprintable()
    assert printable(printable(text)) == printable(text)
