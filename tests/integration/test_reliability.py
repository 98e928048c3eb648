"""Every fault, every command, both transports; docs/reliability.md shows what is seen here."""

import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from reliability import (
    CODES,
    EVERY_FAULT,
    GIVES_OTHER_NAMES,
    HIT,
    INSTANCES,
    REFUSE,
    RETRY_BUDGET,
    TRACKED,
    TRANSPORTS,
    Effect,
    deadline_s,
    effect_of,
    hit_by,
    more_codes,
    names_its_wait,
    page,
    record_a_healthy_fleet,
    sends_too_much,
    try_fault,
    try_more,
)

NO_VERDICT = 3
PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"


@pytest.fixture(scope="session")
def cells(request, zygote, clean_environ, tmp_path_factory):
    """What became of each fault that is to be tried, by fault, transport and command."""
    wanted = {
        (item.callspec.params["fault"], item.callspec.params["transport"])
        for item in request.session.items
        if "cells" in item.fixturenames and hasattr(item, "callspec")
    }
    tried = {fault: {} for fault, _ in wanted}
    before = str(tmp_path_factory.mktemp("reliability") / "before.jsonl")
    record_a_healthy_fleet(before, zygote, clean_environ)
    with ThreadPoolExecutor(16) as pool:
        waiting = {
            pool.submit(try_fault, fault, transport, zygote, clean_environ): (fault, transport)
            for fault, transport in sorted(wanted)
        }
        more = {
            pool.submit(try_more, fault, before, zygote, clean_environ): (fault, "more")
            for fault, transport in sorted(wanted)
            if transport == "direct"
        }
        waiting |= more
        for future, (fault, transport) in waiting.items():
            tried[fault][transport] = future.result()
    return tried


def rounds(command):
    return 2 if command == "track" else 1


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("fault", EVERY_FAULT)
class TestUnder:
    def test_exit_codes_say_no_more_and_no_less_than_is_known(self, cells, fault, transport):
        for name, cell in cells[fault][transport].items():
            assert str(cell.code) in CODES[effect_of(fault)][name], name

    def test_every_listed_instance_is_answered_or_unknown_with_a_reason(
        self, cells, fault, transport
    ):
        cell, effect = cells[fault][transport]["list"], effect_of(fault)
        if effect is Effect.NO_LIST:
            assert bool(cell.stdout) == (fault in ("list-empty", "list-only-junk"))
            return

        coverage = cell.coverage
        unknown = {item["ip"]: item["reason"] for item in cell.items if item["status"] == "Unknown"}
        assert coverage["listed"] == INSTANCES == len({item["ip"] for item in cell.items})
        assert coverage["answered"] + coverage["unknown"] == INSTANCES
        assert coverage["unknown"] == len(unknown)
        assert all(unknown.values())
        assert (coverage["rejected"] > 0) == (effect is Effect.REJECTED)

    def test_only_those_that_were_hit_are_unknown(self, cells, fault, transport):
        unknown = {
            item["ip"]
            for item in cells[fault][transport]["list"].items
            if item["status"] == "Unknown"
        }
        match effect_of(fault):
            case Effect.NONE | Effect.REJECTED | Effect.NO_LIST:
                assert unknown == set()
            case Effect.NAMELESS | Effect.OWN | Effect.CHURN | Effect.RACK:
                assert unknown == hit_by(fault)
            case Effect.ALL_SILENT:
                assert len(unknown) == INSTANCES

    def test_averages_are_of_all_that_answered(self, cells, fault, transport):
        averages = cells[fault][transport]["averages"].items
        answered = sum(item["instances"] - item["unknown"] for item in averages)
        own_unknown = sum(item["unknown"] for item in averages)

        match effect_of(fault):
            case Effect.NONE | Effect.REJECTED:
                assert (answered, own_unknown) == (INSTANCES, 0)
            case Effect.NAMELESS | Effect.CHURN | Effect.RACK:
                assert (answered, own_unknown) == (INSTANCES - len(hit_by(fault)), 0)
            case Effect.OWN:
                hit = len(hit_by(fault))
                assert (answered, own_unknown) == (INSTANCES - hit, hit)
            case Effect.NO_LIST | Effect.ALL_SILENT:
                assert (answered, own_unknown) == (0, 0)

    def test_a_service_is_at_risk_for_certain_only_where_no_doubt_could_help_it(
        self, cells, fault, transport
    ):
        verdicts = {
            item["service"]: item["verdict"] for item in cells[fault][transport]["at-risk"].items
        }
        if fault in GIVES_OTHER_NAMES:
            # Under another name an instance is another service's, and missed in its own.
            assert verdicts.pop("UserService") == "AtRisk"
            assert set(verdicts.values()) == {"AtRisk"}
            return

        match effect_of(fault):
            case Effect.NONE | Effect.REJECTED:
                assert verdicts == {"UserService": "AtRisk"}
            case Effect.NAMELESS | Effect.CHURN:
                assert set(verdicts.values()) == {"PossiblyAtRisk"}
                assert "UserService" in verdicts
            case Effect.RACK:
                assert set(verdicts.values()) == {"PossiblyAtRisk"}
            case Effect.OWN:
                assert verdicts.pop("UserService") == "AtRisk"
                assert set(verdicts.values()) == {"PossiblyAtRisk"}
            case Effect.NO_LIST | Effect.ALL_SILENT:
                assert verdicts == {}

    def test_all_ends_in_time_without_a_traceback_or_anything_raw(self, cells, fault, transport):
        for name, cell in cells[fault][transport].items():
            assert cell.took_s < rounds(name) * deadline_s(fault) + 1, name
            assert "Traceback" not in cell.stderr
            assert "fault in this program" not in cell.stderr
            assert re.search(r"[^\n\x20-\x7e…]", cell.stdout + cell.stderr) is None, name

    def test_nobody_is_asked_more_often_than_may_help(self, cells, fault, transport):
        most = 5 if names_its_wait(fault) else 2
        for name, cell in cells[fault][transport].items():
            retries = sum(cell.attempts.values()) - rounds(name) * len(cell.attempts)

            assert cell.lists <= 3 * rounds(name), name
            assert all(times <= most * rounds(name) for times in cell.attempts.values()), name
            # An answer that may be another's is no failure, so all in doubt are polled once more.
            budget = INSTANCES if sends_too_much(fault) else RETRY_BUDGET
            assert names_its_wait(fault) or retries <= budget * rounds(name), name
            assert effect_of(fault) is not Effect.NO_LIST or cell.attempts == {}, name

    def test_track_shows_a_member_that_is_well_in_both_rounds(self, cells, fault, transport):
        cell = cells[fault][transport]["track"]
        if cell.code == NO_VERDICT:
            assert cell.stdout == ""
            return

        well = {"10.58.1.1", "10.58.1.11"} - hit_by(fault)
        statuses = [row["status"] for row in cell.items if row["ip"] in well]
        assert {row["service"] for row in cell.items} == {TRACKED}
        assert statuses[-2:] == ["Healthy"] * 2


@pytest.mark.parametrize("transport", ["direct"])
@pytest.mark.parametrize("fault", EVERY_FAULT)
class TestOfTheOtherCommandsUnder:
    def test_exit_codes_say_no_more_and_no_less_than_is_known(self, cells, fault, transport):
        for name, cell in cells[fault]["more"].items():
            assert str(cell.code) in more_codes(fault)[name], name

    def test_all_ends_in_time_without_a_traceback_or_anything_raw(self, cells, fault, transport):
        for name, cell in cells[fault]["more"].items():
            # The doctor looks at the way first, then as the others do, then at the list.
            longest_s = 3 * deadline_s(fault) if name == "doctor" else deadline_s(fault)
            assert cell.took_s < longest_s + 1.5, name
            assert "Traceback" not in cell.stderr
            assert "fault in this program" not in cell.stderr
            assert (cell.stdout + cell.stderr).replace("\n", "").isprintable(), name

    def test_the_doctor_names_those_that_fail_or_the_list(self, cells, fault, transport):
        report = json.loads(cells[fault]["more"]["doctor"].stdout)
        checks = {item["check"]: item for item in report["items"]}

        if fault == REFUSE:  # the doctor has looked at the list before
            assert checks["list"]["verdict"] == "trouble"
            return
        match effect_of(fault):
            case Effect.NO_LIST:
                assert checks["list"]["verdict"] == "trouble"
                assert report["conclusion"].startswith("it is the ")
            case Effect.NONE | Effect.CHURN:
                assert "list" in checks
            case Effect.REJECTED:
                assert "rejected" in checks["list"]["finding"]
            case Effect.NAMELESS | Effect.OWN:
                assert (
                    checks["answers"]["finding"] == f"{len(HIT)} of {INSTANCES} instances unknown"
                )
            case Effect.RACK | Effect.ALL_SILENT:
                assert checks["answers"]["verdict"] == "trouble"


def test_the_page_shows_what_was_seen(cells_of_all):
    seen = page(cells_of_all)
    if os.environ.get("CPX_WRITE_DOCS"):
        PAGE.write_text(seen, encoding="utf-8")

    assert exit_codes_in(PAGE.read_text(encoding="utf-8")) == exit_codes_in(seen)


def exit_codes_in(text):
    """The page's exit codes by fault; times and the wording of errors may differ."""
    return {line.split("|")[1]: line.split("|")[4] for line in text.splitlines() if "| `" in line}


@pytest.fixture
def cells_of_all(request):
    """All of them, or no page can be made."""
    seen = request.getfixturevalue("cells")
    if set(seen) != set(EVERY_FAULT) or any(len(each) < 3 for each in seen.values()):
        pytest.skip("only some of the faults were tried")
    return seen
