"""The reference server queues five; in a network of its own, what overflows can be counted."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import BIN, may_make_a_network

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "overflows.py"


@pytest.mark.skipif(not may_make_a_network(), reason="not run: `unshare --net` is not permitted")
def test_listing_the_fleet_never_overflows_the_reference_server_s_queue(environ):
    # A machine so busy that neither side gets its turn is told by a second and a third try.
    counted = [of_one_run(environ)]
    while counted[-1] != ["0"] * 4 and len(counted) < 3:
        counted.append(of_one_run(environ))

    assert counted[-1] == ["0"] * 4, counted


def of_one_run(environ):
    ended = subprocess.run(
        ["unshare", "--net", sys.executable, SCRIPT, BIN, "1"],
        env=environ,
        capture_output=True,
        text=True,
    )

    assert ended.returncode == 0, ended.stderr
    rows = [line.split("|") for line in ended.stdout.splitlines()[2:]]
    assert [row[2].strip() for row in rows] == ["1"] * 4
    return [row[3].strip() for row in rows]
