"""Nine tenths of a fleet hang; with default options all the others are found, on every server."""

import json
import re
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest

INSTANCES = 60
RACKS = {
    "at the front": "never@10.58.1.1-10.58.1.54",
    "at the end": "never@10.58.1.7-10.58.1.60",
    "in turn": "never@9/10",
}
SERVERS = {"keeps": (), "closes": ("--fault=closes", "--fault=list-closes")}
TRANSPORTS = ("direct", "requests")
CASES = list(product(RACKS, SERVERS, TRANSPORTS))


@pytest.fixture(scope="module")
def seen(zygote, clean_environ):
    """The table, the exit code and the most requests for one instance, by case."""

    def look(case):
        rack, server, transport = case
        faults = (f"--fault={RACKS[rack]}", *SERVERS[server])
        words = ("0", "--behaviour=fleet", f"--instances={INSTANCES}", *faults)
        with zygote.server(*words, environ=clean_environ) as (line,):
            url = line.removeprefix("listening on ")
            options = (f"--url={url}", f"--transport={transport}", "--timeout=2")
            ended = zygote.monitor("list", *options, environ=clean_environ)
            with urllib.request.urlopen(f"{url}/_stats") as answer:
                most = json.load(answer)["most_attempts"]
        return ended.stdout, ended.returncode, most

    with ThreadPoolExecutor(len(CASES)) as pool:
        return dict(zip(CASES, pool.map(look, CASES), strict=True))


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_every_instance_that_answers_is_found(seen, case):
    table, code, most_attempts = seen[case]

    assert code == 1
    assert len(re.findall("  Healthy|  Unhealthy", table)) == INSTANCES // 10
    assert table.count("timed out after 2 s") == INSTANCES - INSTANCES // 10
    assert most_attempts <= 2


def test_one_that_holds_up_the_reference_server_costs_no_other_its_answer(simulator, monitor):
    url = simulator("--seed=7", "--fault=never@10.58.1.7")

    def unknown():
        ended = monitor("list", "--timeout=3", url=url)
        rows = [line for line in ended.stdout.splitlines() if "  Unknown  " in line]
        return [row.split()[0] for row in rows]

    # On a machine so busy that neither side gets its turn some others are late, too; not each time.
    tries = (unknown() for _ in range(3))
    assert next((each for each in tries if each == ["10.58.1.7"]), None)


def test_instances_that_were_never_polled_say_so(simulator, monitor):
    url = simulator("--behaviour=fleet", "--instances=60", "--fault=never")

    ended = monitor("list", "--concurrency=4", "--deadline=0.7", url=url)

    assert ended.stdout.count("  no answer within the deadline of 0.7 s") == 4
    assert ended.stdout.count("  not polled before the deadline of 0.7 s") == 56
