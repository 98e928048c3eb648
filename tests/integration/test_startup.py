"""What is not needed is not imported: start-up is what a user of a short command waits for."""

import subprocess
import sys

import pytest

SLOW = {"gevent", "requests", "urllib3", "httptools", "ssl", "dataclasses", "wcwidth", "colorama"}
SHOW_MODULES = """
import sys
from cpx_monitor.entrypoints.launch import monitor
sys.argv = ["cpx-monitor", *sys.argv[1:]]
code = monitor()
print("modules:", *{name.partition(".")[0] for name in sys.modules}, file=sys.stderr)
"""


def imported_by(*words, **environ):
    ended = subprocess.run(
        [sys.executable, "-c", SHOW_MODULES, *words], capture_output=True, text=True, env=environ
    )
    return set(ended.stderr.rpartition("modules:")[2].split())


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["help", "track"],
        ["list", "--help"],
        ["list", "--bogus"],
        ["lst"],
    ],
)
def test_help_version_and_usage_errors_import_nothing_slow(words):
    assert not imported_by(*words) & SLOW


def test_the_demo_imports_neither_gevent_nor_an_http_library():
    assert not imported_by("list", "--demo") & SLOW


def test_a_fleet_over_plain_http_needs_neither_requests_nor_tls(closed_port_url):
    assert not imported_by("list", f"--url={closed_port_url}") & {"requests", "urllib3", "ssl"}


def test_requests_is_imported_where_a_proxy_applies(closed_port_url):
    words = ("list", "--url=http://cpx.test")

    assert "requests" in imported_by(*words, http_proxy=closed_port_url)
