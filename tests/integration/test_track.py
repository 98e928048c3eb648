"""``track`` as a process: its stream, its end, and a terminal that it leaves as it was."""

import json
import re
import signal
import subprocess
from collections import Counter

import pytest
from conftest import BIN
from scripted_server import answer, in_turn, instance_answer, late

ENOUGH_S = 20


@pytest.fixture
def track(processes, environ, transport):
    def start(url, *words, **options):
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
        return processes(
            BIN / "cpx-monitor",
            "track",
            *words,
            f"--transport={transport}",
            env={**environ, "CPX_URL": url},
            **streams,
        )

    return start


def round_of(line):
    return int(line.split()[1])


def samples(out):
    """The lines of instances, without those of rounds."""
    return [line for line in map(json.loads, out.splitlines()) if "ip" in line]


class TestPiped:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_stopped_after_two_rounds_it_printed_just_those_and_ends_with_0(
        self, simulator, track, number
    ):
        tracking = track(simulator("--seed=7"), "MLService", "--every=1")
        lines = [tracking.stdout.readline() for _ in range(2 + 2 * 15)]
        tracking.send_signal(number)
        rest, errors = tracking.communicate(timeout=ENOUGH_S)

        assert (rest, tracking.returncode) == ("", 0)
        assert errors.startswith("MLService: 2 rounds from ")
        assert lines[0].split() == ["Time", "Round", "IP", "Service", "Status", "CPU", "Memory"]
        assert Counter(map(round_of, lines[2:])) == {1: 15, 2: 15}
        assert all(line.endswith("\n") and "\x1b" not in line for line in lines)

    def test_jsonl_is_a_sample_a_line(self, simulator, track):
        tracking = track(simulator("--seed=7"), "MLService", "--every=0.2", "-o", "jsonl")
        lines = [json.loads(tracking.stdout.readline()) for _ in range(2 * 16)]
        samples = [line for line in lines if "ip" in line]

        assert [line["kind"] for line in (lines[15], lines[31])] == ["Round", "Round"]
        assert list(samples[0]) == [
            *("round", "observed_at", "ip", "service"),
            *("status", "cpu_percent", "memory_percent", "reason", "flapping"),
        ]
        assert Counter(sample["round"] for sample in samples) == {1: 15, 2: 15}
        assert len({sample["ip"] for sample in samples}) == 15

    def test_a_closed_pipe_ends_it_quietly(self, simulator, track):
        tracking = track(simulator("--seed=7"), "MLService", "--every=0.1")
        tracking.stdout.readline()
        tracking.stdout.close()

        assert tracking.wait(ENOUGH_S) == 0
        assert tracking.stderr.read() == ""

    def test_instances_that_join_or_leave_show(self, serve, track):
        lists = [["10.58.1.1", "10.58.1.2"], ["10.58.1.2", "10.58.1.3"]]
        script = {f"/10.58.1.{last}": instance_answer() for last in (1, 2, 3)}
        server = serve({"/servers": in_turn(*(answer(200, each) for each in lists)), **script})

        tracking = track(server.url, "AuthService", "--every=0.1")
        lines = [tracking.stdout.readline().split() for _ in range(6)][2:]

        assert [(line[1], line[2]) for line in lines] == [
            ("1", "10.58.1.1"),
            ("1", "10.58.1.2"),
            ("2", "10.58.1.2"),
            ("2", "10.58.1.3"),
        ]

    def test_asks_each_round_for_the_list_the_members_and_few_others(self, serve, track):
        services = ["AuthService", *["MLService"] * 9]
        fleet = {f"/10.58.1.{n}": instance_answer(services[n % 10]) for n in range(1, 101)}
        server = serve({"/servers": answer(200, [path[1:] for path in fleet]), **fleet}, keeps=True)

        tracking = track(server.url, "AuthService", "--every=0.1")
        for _ in range(2 + 5 * 10):
            tracking.stdout.readline()
        asked = sum(server.asked.values())
        rounds = server.asked["/servers"]

        assert rounds in (5, 6)
        assert asked <= 101 + (rounds - 1) * (1 + 10 + 100 / 10)

    def test_where_the_list_cannot_be_had_the_last_one_stays_and_is_told_to_be_old(
        self, serve, track
    ):
        lists = in_turn(answer(200, ["10.58.1.1"]), answer(500, {}))
        server = serve({"/servers": lists, "/10.58.1.1": instance_answer()})

        ended = track(server.url, "AuthService", "--every=0.1", "--count=3", "-o", "jsonl")
        out, err = ended.communicate(timeout=ENOUGH_S)

        assert [sample["status"] for sample in samples(out)] == ["Healthy"] * 3
        assert re.search(r"warning: round 3: the list of servers is 0\.[2-9]\d* s old: CPX at", err)
        assert ended.returncode == 0

    def test_a_server_that_names_a_time_is_left_alone_in_that_round(self, serve, track):
        busy = answer(503, {}, "Retry-After: 3600")
        lists = in_turn(answer(200, ["10.58.1.1"]), busy)
        server = serve({"/servers": lists, "/10.58.1.1": instance_answer()})

        ended = track(server.url, "AuthService", "--every=0.1", "--count=3", "-o", "jsonl")
        out, err = ended.communicate(timeout=ENOUGH_S)

        assert [sample["status"] for sample in samples(out)] == ["Healthy", "Unknown", "Unknown"]
        assert "round 3 failed: CPX at" in err
        assert server.asked == {"/servers": 3, "/10.58.1.1": 1}

    def test_a_round_that_fails_is_shown_and_the_next_goes_on(self, serve, track):
        lists = in_turn(answer(200, ["10.58.1.1"]), answer(401, {}), answer(200, ["10.58.1.1"]))
        server = serve({"/servers": lists, "/10.58.1.1": instance_answer()})

        tracking = track(server.url, "AuthService", "--every=0.1", "-o", "jsonl")
        lines = [json.loads(tracking.stdout.readline()) for _ in range(6)]
        (first, _), (failed, round_failed), (after, _) = zip(lines[::2], lines[1::2], strict=True)
        tracking.send_signal(signal.SIGINT)

        reason = f"CPX at {server.url} refused access: it answered 401"
        assert (round_failed["failure"], round_failed["coverage"]) == (reason, None)
        assert (first["status"], failed["status"], after["status"]) == (
            "Healthy",
            "Unknown",
            "Healthy",
        )
        assert failed["reason"] == reason
        assert f"warning: round 2 failed: {reason}\n" in tracking.communicate(timeout=ENOUGH_S)[1]

    def test_a_service_that_is_gone_is_told_on_stderr(self, serve, track):
        fates = in_turn(instance_answer(), instance_answer(service="MLService"))
        server = serve({"/servers": answer(200, ["10.58.1.1"]), "/10.58.1.1": fates})

        tracking = track(server.url, "AuthService", "--every=0.1")

        assert tracking.stderr.readline() == (
            "warning: round 2: no listed instance is known to belong to AuthService\n"
        )

    def test_what_is_listed_but_is_no_address_is_told_once(self, serve, track):
        script = {"/servers": answer(200, ["10.58.1.1", "junk"]), "/10.58.1.1": instance_answer()}

        tracking = track(serve(script).url, "AuthService", "--every=0.1")
        for _ in range(5):
            tracking.stdout.readline()
        tracking.send_signal(signal.SIGINT)

        told = tracking.communicate(timeout=ENOUGH_S)[1]
        assert told.startswith(
            "warning: ignored 1 list entry that is not an IP address: 'junk'\nAuth"
        )
        assert told.count("junk") == 1

    def test_rounds_left_out_by_a_slow_one_are_told(self, serve, track):
        slow = late(instance_answer(), 0.5)
        server = serve({"/servers": answer(200, ["10.58.1.1"]), "/10.58.1.1": slow})

        tracking = track(server.url, "AuthService", "--every=0.2")

        assert tracking.stderr.readline().endswith(
            "before round 2: the previous one took too long\n"
        )
