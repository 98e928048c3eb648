"""The exporter, as Prometheus and others ask it."""

import gzip
import json
import os
import socket
import threading
import time
import urllib.request
from collections import Counter

import pytest
from scripted_server import ScriptedServer, answer, fleet_script, in_turn, instance_answer
from scripted_server import never as hangs

OPEN = "application/openmetrics-text; version=1.0.0"


def within(seconds):
    return {"X_Prometheus_Scrape_Timeout_Seconds": str(seconds)}


def stats(url):
    with urllib.request.urlopen(f"{url}/_stats") as answered:
        return json.load(answered)


def until(is_so):
    ends_at_s = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < ends_at_s
        time.sleep(0.01)


def takes_connections(host, port):
    with socket.socket() as sock:
        return sock.connect_ex((host, port)) == 0


class Until:
    """An answer that is held back until it may go."""

    def __init__(self, behaviour):
        self.behaviour = behaviour
        self.may_go = threading.Event()

    def __call__(self, connection, stopped):
        self.may_go.wait(30)
        self.behaviour(connection, stopped)


class TestMetrics:
    def test_are_of_the_whole_fleet(self, exporter, simulator):
        found = exporter(simulator("--fault=load-95@10.58.1.1")).metrics()

        assert found["cpx_up",] == 1
        assert found["cpx_instances_listed",] == 150
        assert found["cpx_instance_cpu_ratio", "10.58.1.1", "PermissionsService"] == 0.95
        assert found["cpx_instance_healthy", "10.58.1.1", "PermissionsService"] == 0

    def test_are_open_metrics_where_that_is_accepted(self, exporter, simulator):
        running = exporter(simulator())

        assert running.get().headers["Content-Type"].startswith("text/plain; version=0.0.4")
        found = running.get(Accept=f"{OPEN},text/plain;version=0.0.4;q=0.5")
        assert found.headers["Content-Type"] == f"{OPEN}; charset=utf-8"
        assert found.content.endswith(b"\n# EOF\n")

    def test_are_zipped_where_that_is_accepted(self, exporter, simulator):
        running = exporter(simulator())
        found = running.get(Accept_Encoding="deflate, gzip;q=0.5")

        assert found.headers["Content-Encoding"] == "gzip"
        assert b"\ncpx_up 1\n" in gzip.decompress(found.content)
        for refused in ("gzip;q=0", "identity", "gzip;q=x"):
            assert running.get(Accept_Encoding=refused).headers["Content-Encoding"] is None

    @pytest.mark.parametrize(
        "accept", [f"{OPEN};q=0", f"{OPEN};q=0.1,text/plain;version=0.0.4;q=0.5", "*/*", ""]
    )
    def test_are_text_where_that_is_rather_accepted(self, exporter, serve, accept):
        found = exporter(serve({"/servers": answer(200, [])}).url).get(Accept=accept)

        assert found.headers["Content-Type"].startswith("text/plain")

    def test_are_only_of_services_where_that_is_asked_for(self, exporter, simulator):
        found = exporter(simulator(), "--series=services").metrics()

        assert ("cpx_service_instances", "AuthService") in found
        assert not [key for key in found if key[0].startswith("cpx_instance_")]

    def test_follow_the_policy(self, exporter, serve):
        url = serve(fleet_script(_1=instance_answer(cpu="60%"))).url

        assert (
            exporter(url, "--max-cpu=50").metrics()[
                "cpx_instance_healthy", "10.58.1.1", "AuthService"
            ]
            == 0
        )

    def test_do_not_mix_with_those_of_the_exporter_itself(self, exporter, simulator):
        running = exporter(simulator())
        running.metrics()

        own = running.metrics("/metrics/self")
        assert own["cpx_exporter_requests_total", "/metrics", "200"] == 1
        assert own["cpx_exporter_collections_total",] == 1
        assert own["process_resident_memory_bytes",] > 1e6
        assert not [key for key in running.metrics() if key[0].startswith(("process", "cpx_exp"))]


class TestBuckets:
    def test_hold_every_address_once_and_add_up_to_the_fleet(self, exporter, simulator):
        faults = ["list-junk", "cpu-over@10%", "load-95@10.58.1.9", "load-50"]
        url = simulator(*(f"--fault={each}" for each in faults), "--seed=3")
        running = exporter(url, "--buckets=8")
        parts = [running.metrics(f"/metrics?bucket={bucket}") for bucket in range(8)]
        sums = Counter()
        for part in parts:
            sums.update({key: value for key, value in part.items() if "instances" in key[0]})

        whole = running.metrics()
        assert sums == {key: value for key, value in whole.items() if "instances" in key[0]}
        addresses = Counter(key[1] for part in parts for key in part if "_up" in key[0] and key[1:])
        assert set(addresses.values()) == {1}
        assert len(addresses) == whole["cpx_instances_listed",]

    @pytest.mark.parametrize("bucket", ["8", "-1", "x", "", "1e0", "٣"])
    def test_that_are_not_there_are_refused(self, exporter, serve, bucket):
        found = exporter(serve({}).url, "--buckets=8").get(
            f"/metrics?bucket={urllib.request.quote(bucket)}"
        )

        assert found.status == 400
        assert b"from 0 to 7" in found.content


class TestAProbe:
    def test_is_of_one_address(self, exporter, serve):
        server = serve(fleet_script(_1=instance_answer(), _2=instance_answer()))
        found = exporter(server.url).metrics("/probe?target=::ffff:10.58.1.1")

        assert found["cpx_instances_listed",] == 1
        assert ("cpx_instance_up", "10.58.1.1", "AuthService") in found
        assert server.asked["/10.58.1.2"] == 0

    @pytest.mark.parametrize(
        ("target", "status"), [("10.58.1.9", 404), ("x", 400), ("10.1", 400), ("", 400)]
    )
    def test_of_another_is_refused(self, exporter, serve, target, status):
        running = exporter(serve(fleet_script(_1=instance_answer())).url)

        assert running.get(f"/probe?target={target}").status == status

    def test_is_not_possible_before_there_is_a_list(self, exporter, closed_port_url):
        assert exporter(closed_port_url).get("/probe?target=10.58.1.1").status == 503


class TestDiscovery:
    def test_names_every_bucket_even_where_the_api_is_down(self, exporter, closed_port_url):
        running = exporter(closed_port_url, "--buckets=2")

        assert running.json("/sd") == [
            {
                "targets": [running.address],
                "labels": {
                    "__metrics_path__": "/metrics",
                    "__param_bucket": str(bucket),
                    "bucket": str(bucket),
                },
            }
            for bucket in (0, 1)
        ]

    def test_names_every_instance(self, exporter, serve):
        running = exporter(serve(fleet_script(_1=instance_answer())).url)

        assert running.json("/sd?by=instance", Host="exporter:1") == [
            {
                "targets": ["exporter:1"],
                "labels": {
                    "__metrics_path__": "/probe",
                    "__param_target": "10.58.1.1",
                    "instance": "10.58.1.1",
                },
            }
        ]

    def test_by_instance_has_no_answer_without_a_list_and_an_empty_one_for_an_empty_list(
        self, exporter, serve, closed_port_url
    ):
        assert exporter(closed_port_url).get("/sd?by=instance").status == 503
        assert exporter(serve({"/servers": answer(200, [])}).url).json("/sd?by=instance") == []

    def test_pins_buckets_and_their_instances_to_exporters(self, exporter, simulator):
        names = ["--advertise=a:1", "--advertise=b:1", "--advertise=c:1"]
        url = simulator()
        running, reversed_ = exporter(url, *names), exporter(url, *reversed(names))

        by_bucket = running.json("/sd")
        assert {target for each in by_bucket for target in each["targets"]} == {"a:1", "b:1", "c:1"}
        assert reversed_.json("/sd") == by_bucket
        assert reversed_.json("/sd?by=instance") == running.json("/sd?by=instance")

    @pytest.mark.parametrize(
        ("path", "headers"), [("/sd?by=x", {}), ("/sd", {"Host": 'a"b'}), ("/sd", {"Host": ""})]
    )
    def test_is_refused_where_it_makes_no_sense(self, exporter, serve, path, headers):
        assert exporter(serve({}).url).get(path, **headers).status == 400


class TestTheList:
    def test_is_the_same_for_collections_until_it_is_too_old(self, exporter, serve):
        server = serve(fleet_script(_1=instance_answer()))
        running = exporter(server.url)
        for _ in range(3):
            running.metrics()
        assert (server.asked["/servers"], server.asked["/10.58.1.1"]) == (1, 3)

        running = exporter(server.url, "--list-age=0")
        for _ in range(3):
            running.metrics()
        assert server.asked["/servers"] == 4

    def test_that_cannot_be_had_leaves_the_last_one(self, exporter, serve):
        lists = in_turn(answer(200, ["10.58.1.1"]), answer(500, {}))
        server = serve({"/servers": lists, "/10.58.1.1": instance_answer()})
        running = exporter(server.url, "--list-age=0")
        assert running.metrics()["cpx_up",] == 1

        found = running.metrics()
        assert found["cpx_up",] == 0
        assert found["cpx_list_age_seconds",] > 0
        assert found["cpx_instance_up", "10.58.1.1", "AuthService"] == 1

    def test_of_a_server_that_is_gone_leaves_its_instances_without_values(self, exporter):
        with ScriptedServer(fleet_script(_1=instance_answer())) as server:
            running = exporter(server.url, "--list-age=0")
            running.metrics()
        found = running.metrics()

        assert found["cpx_up",] == 0
        assert found["cpx_instance_up", "10.58.1.1", "AuthService"] == 0
        assert found["cpx_service_instances", "AuthService"] == 1
        assert found["cpx_service_healthy_instances", "AuthService"] == 0
        assert not [key for key in found if "_ratio" in key[0]]

    def test_that_could_not_be_had_is_requested_again_before_it_would_be_too_old(
        self, exporter, serve
    ):
        lists = in_turn(answer(400, {}), answer(200, ["10.58.1.1"]))
        server = serve({"/servers": lists, "/10.58.1.1": instance_answer()})
        running = exporter(server.url, "--list-age=1h")

        assert running.metrics()["cpx_up",] == 0
        until(lambda: running.metrics()["cpx_up",] == 1)

    def test_that_never_was_is_said_and_no_error(self, exporter, closed_port_url):
        running = exporter(closed_port_url)

        assert running.metrics()["cpx_up",] == 0
        assert running.get("/-/healthy").status == 200
        assert running.get("/-/ready").status == 503

    def test_that_hangs_does_not_take_the_time_of_the_instances(self, exporter, serve):
        lists = in_turn(answer(200, ["10.58.1.1"]), hangs)
        server = serve({"/servers": lists, "/10.58.1.1": instance_answer()})
        running = exporter(server.url, "--list-age=0")
        running.metrics()

        found = running.metrics(**within(2))
        assert found["cpx_instance_up", "10.58.1.1", "AuthService"] == 1

    def test_once_had_makes_it_ready(self, exporter, simulator):
        assert exporter(simulator()).get("/-/ready").status == 200


class TestAServiceThatFallsSilent:
    def test_reads_0_and_does_not_vanish_until_it_is_no_longer_listed(self, exporter, serve):
        lists = in_turn(*[answer(200, ["10.58.1.1"])] * 2, answer(200, ["10.58.1.2"]))
        answers = in_turn(instance_answer("Auth"), answer(500, {}))
        server = serve(
            {"/servers": lists, "/10.58.1.1": answers, "/10.58.1.2": instance_answer("Other")}
        )
        running = exporter(server.url, "--list-age=0")
        assert running.metrics()["cpx_service_healthy_instances", "Auth"] == 1

        found = running.metrics()
        assert found["cpx_service_instances", "Auth"] == 1
        assert found["cpx_service_unknown_instances", "Auth"] == 1
        assert found["cpx_service_healthy_instances", "Auth"] == 0
        assert found["cpx_instances_unattributed",] == 0

        assert ("cpx_service_instances", "Auth") not in running.metrics()


class TestScrapesThatOverlap:
    def test_make_one_collection(self, exporter, serve):
        slow = Until(instance_answer())
        server = serve(fleet_script(_1=slow))
        running = exporter(server.url)

        def let_go():
            until(
                lambda: running.metrics("/metrics/self")["cpx_exporter_requests_in_flight",] == 11
            )
            slow.may_go.set()

        threading.Thread(target=let_go).start()
        found = running.at_once(["/metrics"] * 10)

        assert server.asked["/10.58.1.1"] == 1
        assert all(each["cpx_instances_answered",] == 1 for each in found)

    def test_answer_each_in_its_own_time(self, exporter, serve):
        slow = Until(instance_answer())
        server = serve(fleet_script(_1=slow, _2=instance_answer()))
        running = exporter(server.url)
        found = {}

        def scrape(seconds):
            found[seconds] = running.metrics(**within(seconds))

        patient = threading.Thread(target=scrape, args=[30])
        patient.start()
        server.wait_for("/10.58.1.1")
        scrape(1)
        slow.may_go.set()
        patient.join()

        assert found[1]["cpx_instances_answered",] == 1
        assert found[30]["cpx_instances_answered",] == 2
        assert server.asked["/10.58.1.1"] == 1

    def test_stay_within_one_limit_whatever_they_are_of(self, exporter, simulator):
        url = simulator("--behaviour=fleet", "--instances=1000", "--latency=5ms")
        running = exporter(url, "--concurrency=20")

        found = running.at_once([f"/metrics?bucket={bucket}" for bucket in range(64)])

        assert sum(each["cpx_instances_answered",] for each in found) == 1000
        seen = stats(url)
        assert seen["most_attempts"] == 1
        assert 10 < seen["most_at_once"] <= 21  # with the list

    def test_are_not_kept_waiting_by_instances_of_others(self, exporter, simulator):
        url = simulator("--behaviour=fleet", "--fault=never@10.58.1.1-10.58.1.75")
        running = exporter(url)
        running.metrics(**within(1))

        found = running.at_once([f"/metrics?bucket={bucket}" for bucket in range(64)], **within(5))
        assert sum(each["cpx_instances_answered",] for each in found) == 75

    def test_leave_nothing_behind_when_their_time_is_up(self, exporter, serve):
        server = serve(fleet_script(_1=hangs))
        running = exporter(server.url)
        for expected in (1, 2):
            found = running.metrics(**within(0.4))
            assert found["cpx_instances_unknown",] == 1
            assert server.asked["/10.58.1.1"] == expected


def test_memory_stays_flat_over_two_hundred_scrapes(exporter, simulator):
    running = exporter(simulator("--behaviour=fleet", "--instances=300"))

    def used_after(scrapes):
        for number in range(scrapes):
            running.get(f"/metrics?bucket={number % 64}" if number % 2 else "/metrics")
        return running.metrics("/metrics/self")["process_resident_memory_bytes",]

    half = used_after(100)
    assert used_after(100) < half + 2 * 2**20


class TestTheApi:
    def test_has_the_documents_of_the_commands(self, exporter, simulator, monitor):
        url = simulator("--seed=1", "--fault=load-50")
        running = exporter(url)
        for path, command in (("/api/services", "averages"), ("/api/instances", "list")):
            ours, theirs = (
                running.json(path),
                json.loads(monitor(command, "-o", "json", url=url).stdout),
            )
            for document in (ours, theirs):
                del document["observed_at"], document["took_seconds"]
            assert ours == theirs

    def test_has_the_instances_of_one_service(self, exporter, simulator):
        running = exporter(simulator())
        items = running.json("/api/instances?service=AuthService")["items"]

        assert {item["service"] for item in items} == {"AuthService"}
        assert running.get("/api/instances?service=x").status == 404

    def test_has_no_document_without_a_list(self, exporter, closed_port_url):
        found = exporter(closed_port_url).get("/api/services")

        assert found.status == 503
        assert b"connection refused" in found.content


class TestTheEnd:
    def test_is_0_and_scrapes_under_way_are_answered(self, exporter, serve):
        slow = Until(instance_answer())
        server = serve(fleet_script(_1=slow))
        running = exporter(server.url)
        host, port = running.address.split(":")
        with socket.create_connection((host, int(port)), timeout=30) as kept:
            kept.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            server.wait_for("/10.58.1.1")
            running.process.terminate()
            until(lambda: not takes_connections(host, int(port)))
            slow.may_go.set()

            found = kept.makefile("rb").read()
        assert b"\ncpx_instances_answered 1\n" in found
        assert running.stop() == (0, "")

    def test_leaves_a_line_for_each_request_where_that_was_asked_for(self, exporter, serve):
        running = exporter(serve({"/servers": answer(200, [])}).url, "-v")
        running.get("/sd?by=x")

        code, said = running.stop()
        assert code == 0
        assert said.startswith("GET /sd?by=x: 400 in 0.0")

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            (("--listen=localhost",), "expected a host and a port, such as localhost:9787"),
            (("--listen=localhost:99999",), "expected a host and a port"),
            (("--advertise=:9787",), "expected a host and a port, such as exporter-1:9787"),
            (("--buckets=63",), "expected a power of two from 1 to 4096"),
            (("--buckets=8192",), "expected a power of two from 1 to 4096"),
            (("--list-age=-1",), "expected a time such as 5"),
            (("--web-token-file=/nope",), "it cannot be read: no such file or directory"),
            (("--listen=no.such.host.invalid:1",), "cannot listen on no.such.host.invalid:1"),
        ],
    )
    def test_comes_soon_where_an_option_cannot_be_used(self, monitor, words, reason):
        ended = monitor("exporter", "--demo", *words)

        assert (ended.returncode, ended.stdout) == (3, "")
        assert reason in ended.stderr
        assert "Traceback" not in ended.stderr

    def test_comes_soon_where_the_port_is_taken(self, monitor, exporter, serve):
        running = exporter(serve({}).url)
        ended = monitor("exporter", "--demo", f"--listen={running.address}")

        assert ended.returncode == 3
        assert "address already in use" in ended.stderr


def test_the_log_says_when_the_api_fails_and_when_it_is_back(exporter, serve):
    lists = in_turn(answer(404, {}), answer(404, {}), answer(200, ["10.58.1.1"]))
    server = serve({"/servers": lists, "/10.58.1.1": instance_answer()})
    running = exporter(server.url, "--list-age=0")
    for _ in range(4):
        running.metrics()

    assert running.stop()[1].splitlines() == [
        f"warning: no list of servers at {server.url}/servers: answered 404",
        "warning: the list of servers can be had again",
    ]


class TestOnce:
    def test_writes_a_whole_file(self, monitor, simulator, tmp_path):
        path = tmp_path / "cpx.prom"
        ended = monitor("exporter", "--once", f"--textfile={path}", url=simulator())

        assert (ended.returncode, ended.stderr) == (0, "")
        assert "\ncpx_up 1\n" in path.read_text()
        assert [each.name for each in tmp_path.iterdir() if "prom" in each.name] == ["cpx.prom"]

    def test_says_in_the_file_that_the_api_is_down(self, monitor, closed_port_url, tmp_path):
        path = tmp_path / "cpx.prom"
        path.write_text("cpx_up 1\n")
        ended = monitor("exporter", "--once", f"--textfile={path}", url=closed_port_url)

        assert ended.returncode == 3
        assert "connection refused" in ended.stderr
        assert "\ncpx_up 0\n" in path.read_text()

    def test_warns_where_most_of_the_fleet_is_silent(self, monitor, serve, tmp_path):
        silent = answer(500, {})
        url = serve(fleet_script(_1=instance_answer(), _2=silent, _3=silent)).url
        ended = monitor("exporter", "--once", f"--textfile={tmp_path}/x.prom", url=url)

        assert ended.returncode == 1
        assert "2 of 3 instances are unknown: suspect the API" in ended.stderr

    def test_writes_to_what_is_no_file_and_does_not_replace_it(self, monitor, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "link").symlink_to(tmp_path / "file")
        read = []
        reading = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_text()))
        reading.start()
        monitor("exporter", "--once", "--demo", f"--textfile={tmp_path}/pipe")
        reading.join()
        monitor("exporter", "--once", "--demo", f"--textfile={tmp_path}/link")

        assert "\ncpx_up 1\n" in read[0]
        assert (tmp_path / "pipe").is_fifo()
        assert (tmp_path / "link").is_symlink()
        assert "\ncpx_up 1\n" in (tmp_path / "file").read_text()

    def test_needs_a_file(self, monitor, tmp_path):
        assert monitor("exporter", "--once", "--demo").returncode == 3
        ended = monitor("exporter", "--once", "--demo", f"--textfile={tmp_path}/no/file")
        assert ended.returncode == 3
        assert "cannot be written: no such file or directory" in ended.stderr
