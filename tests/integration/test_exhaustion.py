"""Where this machine lacks descriptors or ports: fewer at a time, and no instance is blamed."""

import json
import os
import shlex
import shutil
import subprocess
import urllib.request

import pytest
from conftest import BIN, may_make_a_network

ENOUGH_S = 60
INSTANCES = 200


@pytest.mark.parametrize("concurrency", ["100", "auto"])
def test_without_descriptors_for_all_each_is_asked_once_and_answers(
    simulator, environ, transport, concurrency
):
    url = simulator("--behaviour=fleet", f"--instances={INSTANCES}", "--latency=30ms")
    words = ("list", f"--url={url}", f"--transport={transport}", f"--concurrency={concurrency}")
    command = f"ulimit -n 40; exec {shlex.join([str(BIN / 'cpx-monitor'), *words, '-o', 'json'])}"

    ended = subprocess.run(
        ["bash", "-c", command],
        env=environ,
        capture_output=True,
        text=True,
        timeout=ENOUGH_S,
        check=False,
    )
    with urllib.request.urlopen(f"{url}/_stats") as answer:
        stats = json.load(answer)

    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["coverage"]["answered"] == INSTANCES
    assert stats["requests"] == 1 + INSTANCES
    assert stats["most_at_once"] < 40


def with_so_many_threads(number, *words):
    """As a user who has no other processes, and may have so many."""
    return ["prlimit", f"--nproc={number}", "setpriv", "--reuid=54321", "--clear-groups", *words]


@pytest.mark.skipif(
    os.geteuid() != 0 or not (shutil.which("prlimit") and shutil.which("setpriv")),
    reason="not run: needs root, `prlimit` and `setpriv`",
)
class TestWithoutThreadsForAll:
    def test_each_is_asked_once_and_answers(self, simulator, environ, tmp_path):
        url = simulator("--behaviour=fleet", f"--instances={INSTANCES}")
        words = (BIN / "cpx-monitor", "list", f"--url={url}", "--transport=requests", "-o", "json")

        ended = subprocess.run(
            with_so_many_threads(4, *words), env=environ, capture_output=True, text=True, cwd="/"
        )

        assert ended.returncode == 0, ended.stderr
        assert json.loads(ended.stdout)["coverage"]["answered"] == INSTANCES

    def test_and_not_even_one_it_says_so(self, simulator, environ):
        words = (BIN / "cpx-monitor", "list", f"--url={simulator()}", "--transport=requests")

        ended = subprocess.run(
            with_so_many_threads(1, *words), env=environ, capture_output=True, text=True, cwd="/"
        )

        assert ended.returncode == 3
        assert "no more threads can be started on this machine\nhint:" in ended.stderr


@pytest.mark.skipif(
    not (may_make_a_network() and shutil.which("ip")),
    reason="not run: needs `unshare --net` and `ip`",
)
def test_without_ports_for_all_everybody_answers(environ, transport, tmp_path):
    """Eight ports are all that clients of this network have."""
    script = f"""
        ip link set lo up
        echo 40000 40007 > /proc/sys/net/ipv4/ip_local_port_range
        {BIN}/cpx-server 0 --host=127.0.0.1 --behaviour=fleet --instances={INSTANCES} \
            --latency=10ms > {tmp_path}/server &
        while ! grep -q listening {tmp_path}/server; do :; done
        url=$(sed -n 's/listening on //p' {tmp_path}/server)
        {BIN}/cpx-monitor list --url=$url --transport={transport} --concurrency=50 -o json
        code=$?
        kill $!
        exit $code
    """

    ended = subprocess.run(
        ["unshare", "--net", "bash", "-c", script],
        env=environ,
        capture_output=True,
        text=True,
        timeout=ENOUGH_S,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["coverage"]["answered"] == INSTANCES
