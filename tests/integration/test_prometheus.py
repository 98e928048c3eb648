"""A real Prometheus with the configuration that is shipped, at short intervals."""

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from scripted_server import ScriptedServer, answer, instance_answer

from cpx_monitor.domain.buckets import bucket_of

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "deploy" / "prometheus"
ENOUGH_S = 60

pytestmark = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")),
    reason="needs prometheus and promtool (Debian: prometheus)",
)


def free_ports(count):
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def get(url):
    with urllib.request.urlopen(url, timeout=ENOUGH_S) as answered:
        return json.load(answered)


class Prometheus:
    """A server with one of the configurations in ``deploy``, in a folder of its own."""

    def __init__(self, folder, shipped, addresses, processes):
        (port,) = free_ports(1)
        self.url = f"http://localhost:{port}"
        for name in ("rules.yml", "alerts.yml"):
            rules = (SHIPPED / name).read_text()
            (folder / name).write_text(re.sub(r"for: \d+m", "for: 1s", rules))
        config = (SHIPPED / shipped).read_text()
        for name, address in addresses.items():
            config = config.replace(name, address)
        config = re.sub(r"_interval: 15s", "_interval: 500ms", config)
        config = re.sub(r"(- url: .*)", r"\1\n        refresh_interval: 1s", config)
        (folder / "prometheus.yml").write_text(config)
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = processes(
                "prometheus",
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{port}",
                stderr=log,
            )
        self.until(lambda: self.targets() is not None)

    def query(self, text):
        """By the values of the labels but the names of the metric and the job."""
        query = urllib.parse.urlencode({"query": text})
        found = get(f"{self.url}/api/v1/query?{query}")["data"]["result"]
        return {
            tuple(
                value for name, value in each["metric"].items() if name not in ("__name__", "job")
            ): float(each["value"][1])
            for each in found
        }

    def targets(self):
        with suppress(OSError):
            return get(f"{self.url}/api/v1/targets?state=active")["data"]["activeTargets"]

    def firing(self):
        """The names of the alerts, with the services that they are about."""
        alerts = get(f"{self.url}/api/v1/alerts")["data"]["alerts"]
        return {
            (each["labels"]["alertname"], each["labels"].get("service"))
            for each in alerts
            if each["state"] == "firing"
        }

    def until(self, is_so):
        ends_at_s = time.monotonic() + ENOUGH_S
        while not is_so():
            assert time.monotonic() < ends_at_s, self.log.read_text()[-2000:]
            time.sleep(0.1)

    def rounds(self, number):
        """Let that many evaluations of the rules pass."""
        count = "count_over_time(cpx:minimum[1h])"
        before = sum(self.query(count).values())
        self.until(lambda: sum(self.query(count).values()) >= before + number)


@pytest.fixture
def prometheus(tmp_path, processes):
    return lambda shipped, **addresses: Prometheus(tmp_path, shipped, addresses, processes)


@pytest.fixture
def healthy_by_service(zygote, environ):
    """What `averages -o json` says of the fleet at a URL."""

    def ask(url):
        ended = zygote.monitor("averages", "-o", "json", environ={**environ, "CPX_URL": url})
        return {(item["service"],): item["healthy"] for item in json.loads(ended.stdout)["items"]}

    return ask


class Fleet:
    """A server whose instances are of AuthService; ``states`` says how each is at the time."""

    def __init__(self):
        self.states = {f"10.58.1.{n}": "healthy" for n in (1, 2, 3)}
        self.other = {"10.58.1.8": "healthy", "10.58.1.9": "healthy"}
        script = {"/servers": self.list}
        for ip in (*self.states, *self.other):
            script[f"/{ip}"] = self.behaviour(ip)
        self.server = ScriptedServer(script)

    def list(self, connection, stopped):
        answer(200, [*self.states, *self.other])(connection, stopped)

    def behaviour(self, ip):
        def behave(connection, stopped):
            service = "AuthService" if ip in self.states else "Other"
            state = (self.states | self.other)[ip]
            if state == "silent":
                answer(500, {})(connection, stopped)
            else:
                cpu = "95%" if state == "unhealthy" else "10%"
                instance_answer(service, cpu=cpu)(connection, stopped)

        return behave

    def are(self, *states):
        self.states = dict(zip(self.states, states, strict=True))


@pytest.fixture
def fleet():
    made = Fleet()
    with made.server:
        yield made


class TestTheShippedFiles:
    @pytest.mark.parametrize("config", sorted(SHIPPED.glob("*.yml")), ids=lambda path: path.name)
    def test_are_valid(self, config):
        kind = "rules" if config.name in ("alerts.yml", "rules.yml") else "config"
        ended = subprocess.run(
            ["promtool", "check", kind, config], capture_output=True, text=True, check=False
        )

        assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout

    def test_hold_what_the_tests_of_the_rules_say(self):
        tests = ROOT / "tests" / "prometheus" / "rules_test.yml"
        ended = subprocess.run(
            ["promtool", "test", "rules", tests], capture_output=True, text=True, check=False
        )

        assert ended.returncode == 0, ended.stdout + ended.stderr

    def test_name_a_runbook_for_each_alert_that_is_there(self):
        alerts = (SHIPPED / "alerts.yml").read_text()
        runbooks = re.findall(r"runbook: (.*)", alerts)

        assert len(runbooks) == alerts.count("- alert:")
        for path in runbooks:
            assert (ROOT / path).read_text().startswith("# Cpx"), path


def test_metrics_are_as_promtool_wants_them(exporter, simulator):
    found = exporter(simulator("--fault=service-escapes@10%"))
    for path in ("/metrics", "/metrics/self"):
        checked = subprocess.run(
            ["promtool", "check", "metrics"],
            input=found.get(path).content,
            capture_output=True,
            check=False,
        )
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


LOADS = (
    "--behaviour=fleet",
    "--fault=load-95@10%",
    "--fault=cpu-over@5%",
    "--fault=load-50",
    "--seed=5",
)


class TestDiscovery:
    def test_by_bucket_over_three_exporters_finds_every_address_once(
        self, prometheus, exporter, simulator, healthy_by_service
    ):
        url = simulator(*LOADS)
        names = [f"localhost:{port}" for port in free_ports(3)]
        advertised = [f"--advertise={name}" for name in names]
        exporters = [exporter(url, f"--listen={name}", *advertised) for name in names]
        named = {f"exporter-{at}:9787": name for at, name in enumerate(names, start=1)}
        running = prometheus("three-exporters.yml", **named)
        running.until(lambda: len(running.query("up{job='cpx'} == 1")) == 64)

        expected, healthy = healthy_by_service(url), "job_service:cpx_service_healthy_instances:sum"
        running.until(lambda: running.query(healthy) == expected)
        polled = running.query("count by (ip) (cpx_instance_up)")
        assert len(polled) == 150
        assert set(polled.values()) == {1}

        # One poll of each address by a scrape of its bucket, and none beside.
        running.process.terminate()
        running.process.wait()
        scrapes = sum(
            each.metrics("/metrics/self")["cpx_exporter_requests_total", "/metrics", "200"]
            for each in exporters
        )
        asked = Counter(get(f"{url}/_stats")["attempts"])
        by_bucket = {}
        for ip, times in asked.items():
            by_bucket.setdefault(bucket_of(ip.strip("/"), 64), set()).add(times - 1)
        assert all(len(times) == 1 for times in by_bucket.values())
        empty = 64 - len(by_bucket)
        per_bucket = scrapes / 64
        assert sum(times for each in by_bucket.values() for times in each) == pytest.approx(
            per_bucket * (64 - empty), rel=0.1
        )

    def test_by_instance_finds_the_same(self, prometheus, exporter, simulator, healthy_by_service):
        url = simulator(*LOADS)
        running = prometheus("per-instance.yml", **{"localhost:9787": exporter(url).address})
        running.until(lambda: len(running.query("up{job='cpx'} == 1")) == 150)

        expected, healthy = healthy_by_service(url), "job_service:cpx_service_healthy_instances:sum"
        running.until(lambda: running.query(healthy) == expected)
        assert set(running.query("count by (instance) (up{job='cpx'})").values()) == {1}

    def test_keeps_its_targets_where_the_api_was_down_from_the_start(
        self, prometheus, exporter, closed_port_url
    ):
        names = [exporter(closed_port_url).address] * 3
        named = {f"exporter-{at}:9787": name for at, name in enumerate(names, start=1)}
        running = prometheus("three-exporters.yml", **named)
        running.until(lambda: len(running.query("cpx_up == 0")) == 64)

        assert set(running.query("up{job='cpx'}").values()) == {1}
        running.until(lambda: ("CpxUnreachable", None) in running.firing())


class TestTheDashboard:
    """Checked against its model and a Prometheus: of Grafana itself there is no package here."""

    def panels(self):
        model = json.loads((ROOT / "deploy" / "grafana" / "cpx-fleet.json").read_text())
        assert {"title", "uid", "schemaVersion", "templating", "panels"} <= model.keys()
        return model["panels"]

    def test_has_panels_that_do_not_overlap_with_numbers_of_their_own(self):
        taken = Counter(
            (x, y)
            for grid in (panel["gridPos"] for panel in self.panels())
            for x in range(grid["x"], grid["x"] + grid["w"])
            for y in range(grid["y"], grid["y"] + grid["h"])
        )
        assert set(taken.values()) == {1}
        assert max(x for x, _ in taken) < 24
        assert set(Counter(panel["id"] for panel in self.panels()).values()) == {1}

    def test_asks_what_prometheus_can_answer_of_a_fleet(self, prometheus, exporter, simulator):
        running = prometheus(
            "one-exporter.yml", **{"localhost:9787": exporter(simulator()).address}
        )
        running.until(lambda: running.query("job_service:cpx_service_state:last"))
        queries = [
            target["expr"].replace("$job", "cpx").replace("$service", "AuthService")
            for panel in self.panels()
            for target in panel.get("targets", ())
        ]
        assert len(queries) > 20
        for query in queries:
            running.until(lambda query=query: running.query(query))


class TestAlerts:
    def test_fire_below_two_do_not_clear_in_silence_and_do_when_it_is_well(
        self, prometheus, exporter, fleet
    ):
        running = prometheus(
            "one-exporter.yml", **{"localhost:9787": exporter(fleet.server.url).address}
        )
        running.until(lambda: running.query("job_service:cpx_service_state:last == 0"))
        assert running.firing() == set()

        below = ("CpxServiceBelowMinimum", "AuthService")
        fleet.are("healthy", "unhealthy", "unhealthy")
        running.until(lambda: below in running.firing())
        fleet.are("silent", "silent", "silent")
        running.until(lambda: running.query("cpx_service_unknown_instances == 3"))
        running.rounds(6)
        assert below in running.firing()
        fleet.are("healthy", "healthy", "unhealthy")
        running.until(lambda: below not in running.firing())
        assert ("CpxServiceBelowMinimum", "Other") not in running.firing()

    def test_tell_a_killed_exporter_from_a_dead_fleet(self, prometheus, exporter, fleet):
        started = exporter(fleet.server.url)
        running = prometheus("one-exporter.yml", **{"localhost:9787": started.address})
        running.until(lambda: running.query("job_service:cpx_service_state:last == 0"))
        started.process.kill()
        running.until(lambda: ("CpxExporterGone", None) in running.firing())
        running.rounds(4)

        assert {name for name, _ in running.firing()} == {"CpxExporterGone"}

    def test_tell_a_dead_fleet(self, prometheus, exporter, fleet):
        started = exporter(fleet.server.url, "--list-age=0.2")
        running = prometheus("one-exporter.yml", **{"localhost:9787": started.address})
        running.until(lambda: running.query("job_service:cpx_service_state:last == 0"))
        fleet.server.__exit__()
        expected = {
            ("CpxUnreachable", None),
            ("CpxCoverageLow", None),
            ("CpxServicePossiblyBelowMinimum", "AuthService"),
            ("CpxServicePossiblyBelowMinimum", "Other"),
        }
        running.until(lambda: running.firing() == expected)
