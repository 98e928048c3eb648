"""What scripts get, judged by programs of others' making: jq, a csv reader, a schema validator."""

import csv
import io
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from scripted_server import answer, instance_answer

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "schema.json").read_text())
COMMANDS = [["list"], ["averages"], ["at-risk"]]
ITEM_OF = {"list": "instance", "averages": "average", "at-risk": "risk", "track": "TrackSample"}
# One service that is well, one whose only instance is sick, one instance that says nothing, and a
# name that every format has to mind.
AWKWARD = 'Ω "quoted", =1+1; new\\nline'


def validator(definition=None):
    chosen = SCHEMA if definition is None else {"$ref": f"#/$defs/{definition}"} | SCHEMA_DEFS
    return Draft202012Validator(chosen, format_checker=Draft202012Validator.FORMAT_CHECKER)


SCHEMA_DEFS = {"$defs": SCHEMA["$defs"]}


@pytest.fixture
def url(serve):
    services = {1: "AuthService", 2: "AuthService", 3: "MLService", 4: AWKWARD}
    fleet = {f"/10.58.1.{n}": instance_answer(name) for n, name in services.items()}
    fleet["/10.58.1.3"] = instance_answer("MLService", cpu="97.5%")
    fleet["/10.58.1.5"] = answer(500, {})
    return serve({"/servers": answer(200, [path[1:] for path in fleet]), **fleet}).url


def jq(text, *words):
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed, so what it makes of the output was not tried")
    ended = subprocess.run(["jq", *words], input=text, capture_output=True, text=True, check=True)
    return ended.stdout


def test_the_schema_is_one():
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("words", COMMANDS)
def test_a_document_is_as_the_schema_has_it(monitor, url, words):
    validator().validate(json.loads(monitor(*words, "-o", "json", url=url).stdout))


@pytest.mark.parametrize("listing", [[], ["10.58.1.5"]])
@pytest.mark.parametrize("words", COMMANDS)
def test_so_is_a_document_of_which_nothing_can_be_said(monitor, serve, words, listing):
    server = serve({"/servers": answer(200, listing), "/10.58.1.5": answer(500, {})})

    validator().validate(json.loads(monitor(*words, "-o", "json", url=server.url).stdout))


@pytest.mark.parametrize("words", [*COMMANDS, ["track", "AuthService"]])
@pytest.mark.parametrize("repeat", [[], ["--every=0.05", "--count=2"]])
def test_a_line_of_jsonl_is_an_item_or_a_round_as_the_schema_has_it(monitor, url, words, repeat):
    if words[0] == "track":
        repeat = ["--every=0.05", "--count=2"]
    lines = monitor(*words, *repeat, "-o", "jsonl", url=url).stdout.splitlines()

    rounds = [json.loads(line) for line in lines if '"kind": "Round"' in line]
    items = [json.loads(line) for line in lines if '"kind": "Round"' not in line]
    assert items
    for item in items:
        validator(ITEM_OF[words[0]]).validate(item)
        assert ("round" in item) is bool(repeat)
    assert [each["round"] for each in rounds] == ([1, 2] if repeat else [])
    for each in rounds:
        validator("round").validate(each)


def test_the_settings_are_as_the_schema_has_them(monitor):
    validator().validate(json.loads(monitor("config", "-o", "json").stdout))


@pytest.mark.parametrize("words", COMMANDS)
def test_jsonl_and_csv_hold_the_items_of_json(monitor, url, words):
    items = json.loads(monitor(*words, "-o", "json", url=url).stdout)["items"]
    lines = monitor(*words, "-o", "jsonl", url=url).stdout.splitlines()
    records = list(csv.DictReader(io.StringIO(monitor(*words, "-o", "csv", url=url).stdout)))

    assert [json.loads(line) for line in lines] == items
    key = "ip" if words == ["list"] else "service"
    assert [record[key].removeprefix("'") for record in records] == [item[key] for item in items]
    assert all(None not in record and None not in record.values() for record in records)


@pytest.mark.parametrize("words", [*COMMANDS, ["track", "AuthService", "--count=1"]])
def test_csv_without_headers_lacks_just_that_line(monitor, url, words):
    with_them = monitor(*words, "-o", "csv", url=url).stdout.splitlines()
    without = monitor(*words, "-o", "csv", "--no-headers", url=url).stdout.splitlines()

    assert len(without) == len(with_them) - 1
    assert not without[0].startswith(("ip,", "service,", "round,"))


def test_jq_finds_who_is_not_healthy(monitor, url):
    text = monitor("list", "-o", "json", url=url).stdout

    assert jq(text, "-r", '.items[] | select(.status != "Healthy") | .ip').split() == [
        *("10.58.1.3", "10.58.1.5")
    ]


def test_jq_reads_a_stream_of_records(monitor, url):
    text = monitor("track", "MLService", "--every=0.05", "--count=3", "-o", "jsonl", url=url).stdout

    assert jq(text, "-s", "map(select(.ip).cpu_percent) | add / length").strip() == "97.5"
