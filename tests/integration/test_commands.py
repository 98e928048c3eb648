"""The installed commands against a simulator: streams, exit codes, and sums done again here."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from contextlib import suppress
from ipaddress import IPv4Address

import pytest
from conftest import BIN
from scripted_server import (
    answer,
    fleet_script,
    in_turn,
    instance_answer,
    never,
)

SEED = "--seed=7"


def raw_fleet(url):
    """The fleet as the API tells it: service to its list of (cpu, memory)."""

    def fetch(path):
        with urllib.request.urlopen(url + path) as response:
            return json.load(response)

    services = defaultdict(list)
    for ip in fetch("/servers"):
        stats = fetch(f"/{ip}")
        services[stats["service"]].append((int(stats["cpu"][:-1]), int(stats["memory"][:-1])))
    return services


class TestAgainstTheSimulator:
    @pytest.mark.parametrize("behaviour", ["reference", "fleet"])
    def test_list_has_150_distinct_addresses_in_numeric_order(self, simulator, monitor, behaviour):
        ended = monitor("list", "-o", "json", url=simulator(SEED, f"--behaviour={behaviour}"))

        document = json.loads(ended.stdout)
        addresses = [item["ip"] for item in document["items"]]
        assert (ended.returncode, ended.stderr) == (0, "")
        assert document["coverage"] == {"listed": 150, "answered": 150, "unknown": 0, "rejected": 0}
        assert len(set(addresses)) == 150
        assert addresses == sorted(addresses, key=IPv4Address)

    def test_averages_agree_with_the_raw_api(self, simulator, monitor):
        expected = raw_fleet(simulator(SEED))

        items = json.loads(monitor("averages", "-o", "json", url=simulator(SEED)).stdout)["items"]

        assert {item["service"] for item in items} == set(expected)
        for item in items:
            loads = expected[item["service"]]
            cpu, memory = [cpu for cpu, _ in loads], [memory for _, memory in loads]
            healthy = sum(c <= 90 and m <= 90 for c, m in loads)
            assert item["cpu_percent"]["mean"] == pytest.approx(sum(cpu) / len(cpu))
            assert item["memory_percent"]["mean"] == pytest.approx(sum(memory) / len(memory))
            assert (item["cpu_percent"]["min"], item["cpu_percent"]["max"]) == (min(cpu), max(cpu))
            assert (item["instances"], item["healthy"], item["unhealthy"], item["unknown"]) == (
                len(loads),
                healthy,
                len(loads) - healthy,
                0,
            )

    def test_at_risk_agrees_with_the_raw_api(self, simulator, monitor):
        limit, threshold = 40, 3
        expected = {
            service: healthy
            for service, loads in raw_fleet(simulator(SEED)).items()
            if (healthy := sum(c <= limit and m <= limit for c, m in loads)) < threshold
        }

        ended = monitor(
            *("at-risk", f"--threshold={threshold}", "-o", "json"),
            url=simulator(SEED),
            CPX_MAX_CPU=str(limit),
            CPX_MAX_MEMORY=str(limit),
        )

        document = json.loads(ended.stdout)
        assert expected
        assert (ended.returncode, document["verdict"]) == (2, "AtRisk")
        assert {item["service"]: item["healthy"] for item in document["items"]} == expected
        assert [item["healthy"] for item in document["items"]] == sorted(expected.values())

    def test_at_risk_is_quiet_where_nothing_is(self, simulator, monitor):
        ended = monitor("at-risk", url=simulator(SEED, "--instances=2000", "--behaviour=fleet"))

        assert ended.returncode == 0
        assert ended.stdout == "Service  Healthy  Verdict  Reason\n" + "-" * 33 + "\n"
        assert ended.stderr.startswith(
            "no service is at risk: each of 10 services has 2 healthy instances or more\n"
            "2000 instances, 1628 healthy, 372 unhealthy, 0 unknown in "
        )

    def test_where_nothing_is_healthy_every_service_is_at_risk(self, simulator, monitor):
        url = simulator(SEED)
        ended = monitor("at-risk", "--max-cpu=0", "--max-memory=0", url=url)

        rows = [line.split() for line in ended.stdout.splitlines()[2:]]
        assert ended.returncode == 2
        assert len(rows) == 10
        assert {(row[1], row[2]) for row in rows} == {("0/15", "AtRisk")}

    def test_verbose_tells_what_was_asked(self, simulator, monitor):
        url = simulator(SEED)

        lines = monitor("list", "-v", url=url).stderr.splitlines()

        assert lines.pop(0) == f"polling {url}"
        assert lines[0].startswith(f"{url}/servers: 150 in ")
        assert re.match(r"150 instances, [0-9]+ at a time: 150 answered in ", lines[1])

    def test_colour_is_for_terminals_unless_asked_for(self, simulator, monitor):
        url = simulator(SEED)

        assert "\x1b" not in monitor("list", url=url).stdout
        assert "\x1b" in monitor("list", "--color=always", url=url).stdout

    def test_no_more_requests_are_under_way_than_the_concurrency(self, serve, monitor):
        ips = [f"10.58.1.{n}" for n in range(1, 30)]
        server = serve(
            {"/servers": answer(200, ips), **{f"/{ip}": instance_answer() for ip in ips}}
        )

        ended = monitor("list", "--concurrency=3", url=server.url)

        assert ended.returncode == 0
        assert set(server.asked.values()) == {1}
        assert server.most_at_once <= 3


class TestNoVerdict:
    @pytest.mark.parametrize("command", ["list", "averages", "at-risk"])
    def test_where_no_instance_answers(self, serve, monitor, command):
        url = serve(fleet_script(_1=answer(500, {}), _2=answer(500, {}))).url

        table = monitor(command, url=url)
        document = json.loads(monitor(command, "-o", "json", url=url).stdout)

        assert table.returncode == 3
        assert table.stdout.count("\n") == (4 if command == "list" else 2)
        assert table.stderr == (
            "error: none of 2 listed instances gave a usable answer (all: answered 500)\n"
            "hint:  each row of `cpx-monitor list` says why; `cpx-monitor doctor` looks further\n"
            "warning: 2 of 2 instances are unknown: suspect the API or the network first;"
            " run `cpx-monitor doctor`\n"
        )
        assert document["coverage"] == {"listed": 2, "answered": 0, "unknown": 2, "rejected": 0}
        assert document.get("verdict") is None

    @pytest.mark.parametrize("command", ["list", "averages", "at-risk"])
    @pytest.mark.parametrize("listing", [[], ["../etc/passwd"]])
    def test_where_the_list_is_empty(self, serve, monitor, command, listing):
        server = serve({"/servers": answer(200, listing)})

        ended = monitor(command, url=server.url)

        assert ended.returncode == 3
        assert "no service is at risk" not in ended.stderr
        assert f"error: {server.url} lists no servers\n" in ended.stderr
        assert server.asked == {"/servers": 1}

    @pytest.mark.parametrize(
        "words", [["list"], ["averages"], ["at-risk"], ["track", "AuthService"]]
    )
    def test_where_the_server_is_not_running(self, closed_port_url, monitor, words):
        started_s = time.monotonic()
        ended = monitor(*words, url=closed_port_url)

        assert time.monotonic() - started_s < 1.5
        assert (ended.returncode, ended.stdout) == (3, "")
        assert ended.stderr == (
            f"error: cannot reach CPX at {closed_port_url}: connection refused\n"
            "hint:  start a simulator with `cpx-server 8080`, or point --url or CPX_URL at yours\n"
        )

    @pytest.mark.parametrize(
        ("behaviour", "error"),
        [
            (answer(500, {}), "CPX at {url} is failing: it answered 500"),
            (answer(429, {}), "CPX at {url} is failing: it answered 429"),
            (answer(404, {}), "no list of servers at {url}/servers: answered 404"),
            (
                answer(200, {"a": 1}),
                "no list of servers at {url}/servers: expected a JSON list, not an object",
            ),
            (answer(200, b"<html>"), "no list of servers at {url}/servers: not valid JSON"),
            (answer(401, {}), "CPX at {url} refused access: it answered 401"),
            (answer(403, {}), "CPX at {url} refused access: it answered 403"),
            (never, "cannot reach CPX at {url}: timed out after 1 s"),
        ],
    )
    def test_where_there_is_no_list(self, serve, monitor, behaviour, error):
        url = serve({"/servers": behaviour}).url

        ended = monitor("list", "--timeout=1", url=url)

        assert (ended.returncode, ended.stdout) == (3, "")
        assert ended.stderr.startswith(f"error: {error.format(url=url)}\nhint:  ")
        assert ended.stderr.count("\n") == 2

    def test_where_the_list_outlasts_the_deadline(self, serve, monitor):
        url = serve({"/servers": never}).url

        ended = monitor("list", "--deadline=0.3", url=url)

        assert ended.returncode == 3
        assert f"reach CPX at {url}: no answer within the deadline of 0.3 s\n" in ended.stderr

    def test_where_the_command_line_is_wrong(self, monitor):
        ended = monitor("at-risk", "--threshhold=2")

        assert (ended.returncode, ended.stdout) == (3, "")
        assert ended.stderr == (
            "error: unknown option '--threshhold'\nhint:  did you mean --threshold?\n"
        )


class TestWhatTheListHolds:
    def test_what_is_no_address_is_told_and_not_fetched(self, serve, monitor):
        script = {
            "/servers": answer(200, ["10.58.1.1", "../secret", "http://evil.test/"]),
            "/10.58.1.1": instance_answer(),
        }
        server = serve(script)

        ended = monitor("list", "-o", "json", url=server.url)

        assert ended.returncode == 1
        assert json.loads(ended.stdout)["coverage"]["rejected"] == 2
        assert "ignored 2 list entries that are not IP addresses: '../secret', " in ended.stderr
        assert set(server.asked) == {"/servers", "/10.58.1.1"}

    def test_an_ipv6_address_is_shown_canonically_and_asked_for_as_listed(self, serve, monitor):
        server = serve(
            {"/servers": answer(200, ["2001:DB8::0:1"]), "/2001:DB8::0:1": instance_answer()}
        )

        ended = monitor("list", url=server.url)

        assert ended.returncode == 0
        assert "2001:db8::1  AuthService  Healthy" in ended.stdout

    def test_a_path_prefix_is_kept(self, serve, monitor):
        server = serve(
            {"/api/servers": answer(200, ["10.0.0.1"]), "/api/10.0.0.1": instance_answer()}
        )

        assert monitor("list", f"--url={server.url}/api/").returncode == 0

    def test_credentials_in_the_url_are_sent_and_not_shown(self, serve, monitor):
        server = serve({"/servers": answer(200, ["10.0.0.1"]), "/10.0.0.1": instance_answer()})
        url = server.url.replace("//", "//ann:s3cret@")

        ended = monitor("list", "-v", "-o", "json", f"--url={url}")

        assert ended.returncode == 0
        assert all("Authorization: Basic YW5uOnMzY3JldA==" in head for head in server.heads)
        assert "s3cret" not in ended.stdout + ended.stderr

    def test_hostile_names_are_escaped(self, serve, monitor):
        url = serve(fleet_script(_1=instance_answer(service="\x1b[2J\nEvil\u202e"))).url

        assert r"\x1b[2J\nEvil\u202e" in monitor("list", url=url).stdout


class TestStreams:
    def test_a_pipe_that_does_not_block_gets_everything_however_slowly_it_is_read(
        self, simulator, environ
    ):
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        url = simulator("--behaviour=fleet", "--instances=2000")
        words = [BIN / "cpx-monitor", "list", "-o", "json", f"--url={url}"]
        with subprocess.Popen(words, env=environ, stdout=writer) as process:
            os.close(writer)
            with os.fdopen(reader, "rb", buffering=0) as file:
                content = b"".join(iter(lambda: file.read(1000), b""))

        assert process.returncode == 0
        assert len(json.loads(content)["items"]) == 2000

    def test_a_closed_pipe_ends_it_quietly(self, simulator, environ):
        ended = subprocess.run(
            ["bash", "-c", "set -o pipefail; cpx-monitor list | head -1"],
            env={**environ, "CPX_URL": simulator("--behaviour=fleet", "--instances=5000")},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

        assert ended.returncode == 0
        assert ended.stdout.split() == ["IP", "Service", "Status", "CPU", "Memory"]
        assert ended.stderr == ""

    def test_a_full_disk_is_an_error(self, environ):
        with open("/dev/full", "w") as full:
            ended = subprocess.run(
                [BIN / "cpx-monitor", "list", "--demo"],
                env=environ,
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )

        assert ended.returncode == 3
        assert ended.stderr == "error: cannot write the output: No space left on device\n"

    @pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&-"])
    def test_a_stream_that_is_not_there_is_no_fault(self, environ, redirection):
        ended = subprocess.run(
            ["bash", "-c", f"cpx-monitor list --demo {redirection}"],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )

        assert ended.returncode == 1
        assert "Traceback" not in ended.stderr

    def test_names_that_the_encoding_lacks_are_escaped(self, serve, monitor):
        url = serve(fleet_script(_1=instance_answer(service="認証"))).url

        assert r"\u8a8d\u8a3c" in monitor("list", url=url, PYTHONIOENCODING="ascii").stdout


class TestInterrupted:
    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_a_command_ends_at_once_and_quietly(
        self, serve, processes, environ, transport, number, code
    ):
        server = serve({"/servers": in_turn(answer(200, ["10.0.0.1"])), "/10.0.0.1": never})
        command = processes(
            BIN / "cpx-monitor",
            "list",
            f"--transport={transport}",
            env={**environ, "CPX_URL": server.url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        server.wait_for("/10.0.0.1")
        command.send_signal(number)

        assert command.communicate(timeout=3) == ("", "")
        assert command.returncode == code

    @pytest.mark.parametrize("words", [["list"], ["track", "AuthService"], ["--help"]])
    # Not sooner: while Python itself starts, it may lose a signal before anything of ours runs.
    @pytest.mark.parametrize("after_ms", range(70, 250, 30))
    def test_at_any_moment_of_its_start_it_ends_without_a_word_of_ours(
        self, serve, processes, environ, words, after_ms
    ):
        server = serve({"/servers": never})
        command = processes(
            BIN / "cpx-monitor",
            *words,
            env={**environ, "CPX_URL": server.url},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        with suppress(subprocess.TimeoutExpired):
            command.wait(after_ms / 1000)
        command.send_signal(signal.SIGINT)

        said = command.communicate(timeout=3)[1]
        if "KeyboardInterrupt" in said:
            # Only Python may say that, before the first lines of ours have run.
            assert "in monitor" not in said
        else:
            assert said == ""
            assert command.returncode in (0, 130, -signal.SIGINT)

    def test_a_signal_sent_twice_ends_what_repeats_as_one_does(self, processes, environ):
        # timeout(1) sends it to the process and to its group; here the second comes at the latest
        # moment that there is, when the command has ended and Python is about to.
        program = (
            "import atexit, os, signal, sys; from cpx_monitor.entrypoints.launch import monitor;"
            "atexit.register(os.kill, os.getpid(), signal.SIGINT); sys.exit(monitor())"
        )
        command = processes(
            sys.executable,
            *("-c", program, "at-risk", "--demo", "--every=1"),
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        command.stdout.readline()
        command.send_signal(signal.SIGINT)

        command.communicate(timeout=3)
        assert command.returncode == 0

    @pytest.mark.parametrize("threads", [0, 1])
    def test_a_signal_that_comes_while_garbage_is_collected_is_not_lost(self, environ, threads):
        # What a finalizer raises, Python prints and forgets. A thread takes signals that the first
        # one does not, and Python runs their handlers in the first one all the same.
        program = """
import os, signal, sys, threading, time
for _ in range(int(sys.argv.pop(1))):
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
from cpx_monitor.entrypoints.launch import monitor

class Garbage:
    def __init__(self):
        self.itself = self

    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        sum(range(10))

Garbage()
sys.exit(monitor())
"""
        ended = subprocess.run(
            [sys.executable, "-c", program, str(threads), "at-risk", "--demo", "--every=1"],
            env=environ,
            capture_output=True,
            text=True,
            timeout=20,
        )

        assert (ended.returncode, "Garbage" in ended.stderr) == (0, False)
