"""The reference server queues five; in a network of its own, what overflows can be counted."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import BIN, may_make_a_network

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "overflows.py"


@pytest.mark.skipif(not may_make_a_network(), reason="not run: `unshare --net` is not permitted")
def test_listing_the_fleet_never_overflows_the_reference_server_s_queue(environ):
    ended = subprocess.run(
        ["unshare", "--net", sys.executable, SCRIPT, BIN, "1"],
        env=environ,
        capture_output=True,
        text=True,
    )

    assert ended.returncode == 0, ended.stderr
    rows = [line.split("|") for line in ended.stdout.splitlines()[2:]]
    assert [row[2].strip() for row in rows] == ["1"] * 4
    assert [row[3].strip() for row in rows] == ["0"] * 4
