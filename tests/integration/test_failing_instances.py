"""Instances that do not answer, or not as they should."""

import json
import time

import pytest
from scripted_server import (
    answer,
    dripping,
    fleet_script,
    in_turn,
    instance_answer,
    never,
    raw,
)


class TestAnInstanceThatFails:
    @pytest.mark.parametrize(
        ("behaviour", "reason"),
        [
            (answer(500, {}), "answered 500"),
            (
                answer(301, b"", "Location: http://127.0.0.1:1/"),
                "answered 301, go to http://127.0.0.1:1/",
            ),
            (never, "timed out after 0.3 s"),
            (dripping(b"HTTP/1.1 200 OK\r\nX: "), "timed out after 0.3 s"),
            (dripping(b"HTTP/1.0 200 OK\r\n\r\n{"), "timed out after 0.3 s"),
            (raw(b""), "the connection was closed without an answer"),
            (raw(b"SSH-2.0-OpenSSH\r\n"), "the answer is not HTTP"),
            (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}"), "the answer was cut off"),
            (answer(200, b"<html>"), "not valid JSON"),
            (answer(200, b" " * 70_000), "an answer of more than 64 KiB"),
            (instance_answer(cpu="161%"), "cpu is '161%'"),
        ],
    )
    def test_is_a_row_with_its_reason_in_no_average_and_exit_code_1(
        self, serve, monitor, behaviour, reason
    ):
        script = fleet_script(
            _1=instance_answer(cpu="10%"), _2=behaviour, _3=instance_answer(cpu="30%")
        )
        url = serve(script).url

        listed = monitor("list", "--timeout=0.3", url=url)
        document = json.loads(monitor("averages", "--timeout=0.3", "-o", "json", url=url).stdout)

        assert listed.returncode == 1
        row = listed.stdout.splitlines()[3]
        assert row.startswith("10.58.1.2  ")
        assert row.endswith(f"  Unknown          -       -  {reason}")
        assert document["coverage"]["unknown"] == 1
        assert [item["cpu_percent"]["mean"] for item in document["items"]] == [20]

    def test_makes_a_risk_possible_rather_than_certain(self, serve, monitor):
        url = serve(fleet_script(_1=instance_answer(), _2=answer(500, {}))).url

        ended = monitor("at-risk", url=url)

        assert ended.returncode == 1
        assert "AuthService      1/1  PossiblyAtRisk  " in ended.stdout

    def test_that_was_refused_for_now_is_asked_once_more(self, serve, monitor):
        twice = in_turn(answer(503, {}), instance_answer())
        server = serve(fleet_script(_1=instance_answer(), _2=twice, _3=answer(503, {})))

        ended = monitor("list", url=server.url)

        assert ended.returncode == 1
        assert ended.stdout.count("Healthy") == 2
        assert "Unknown          -       -  answered 503\n" in ended.stdout
        assert (server.asked["/10.58.1.2"], server.asked["/10.58.1.3"]) == (2, 2)

    @pytest.mark.parametrize(
        "broken",
        [
            answer(502, {}),
            answer(504, {}),
            raw(b""),
            raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}"),
        ],
        ids=["502", "504", "closed", "cut off"],
    )
    def test_in_a_way_that_may_pass_is_asked_once_more_and_never_twice(
        self, serve, monitor, broken
    ):
        server = serve(fleet_script(_1=in_turn(broken, instance_answer()), _2=broken))

        ended = monitor("list", url=server.url)

        assert ended.returncode == 1
        assert (server.asked["/10.58.1.1"], server.asked["/10.58.1.2"]) == (2, 2)
        assert ended.stdout.count("Healthy") == ended.stdout.count("Unknown") == 1

    @pytest.mark.parametrize(
        "broken",
        [answer(500, {}), answer(404, {}), answer(200, b"<"), raw(b"SSH-2.0\r\n")],
        ids=["500", "404", "no json", "no http"],
    )
    def test_in_a_way_that_will_not_pass_is_asked_no_more(self, serve, monitor, broken):
        server = serve(fleet_script(_1=instance_answer(), _2=broken))

        monitor("list", url=server.url)

        assert server.asked["/10.58.1.2"] == 1

    def test_like_all_the_others_is_not_asked_again_by_more_than_a_fifth(self, serve, monitor):
        fleet = {f"_{n}": answer(502, {}) for n in range(1, 101)}
        server = serve(fleet_script(_200=instance_answer(), **fleet))

        ended = monitor("list", url=server.url)

        assert ended.stdout.count("answered 502") == 100
        assert server.asked.total() == 1 + 101 + 20

    @pytest.mark.parametrize("status", [429, 503])
    def test_of_which_a_third_refuse_without_a_time_costs_the_others_nothing(
        self, serve, monitor, status
    ):
        fleet = {f"_{n}": instance_answer() if n % 3 else answer(status, {}) for n in range(1, 61)}
        server = serve(fleet_script(**fleet), keeps=True)

        ended = monitor("list", "--deadline=8", url=server.url)

        assert ended.stdout.count("Healthy") == 40
        assert ended.stdout.count(f"answered {status}\n") == 20
        assert server.asked.total() == 1 + 60 + 12

    def test_that_names_a_time_to_come_again_is_asked_then(self, serve, monitor):
        refused = answer(503, {}, "Retry-After: 1")
        later = in_turn(refused, instance_answer())
        server = serve(fleet_script(_1=instance_answer(), _2=later))

        ended = monitor("list", url=server.url)

        assert ended.returncode == 0
        assert server.asked["/10.58.1.2"] == 2

    @pytest.mark.parametrize("wait", ["0", "Sat, 01 Jan 2000 00:00:00 GMT"])
    def test_that_wants_to_be_asked_again_at_once_is_asked_once_more(self, serve, monitor, wait):
        refused = answer(503, {}, f"Retry-After: {wait}")
        server = serve(fleet_script(_1=instance_answer(), _2=refused))

        ended = monitor("list", url=server.url)

        assert ended.returncode == 1
        assert server.asked["/10.58.1.2"] == 2

    def test_that_names_a_time_in_a_thousand_years_is_not_asked_again(self, serve, monitor):
        refused = answer(503, {}, "Retry-After: 31556952000")
        server = serve(fleet_script(_1=instance_answer(), _2=refused))

        monitor("list", url=server.url)

        assert server.asked["/10.58.1.2"] == 1

    @pytest.mark.parametrize("wait", ["soon", "-1", "Mon, 99999999999 Jan 2027 00:00:00 GMT", "0"])
    def test_that_names_no_time_that_makes_sense_is_asked_once_more(self, serve, monitor, wait):
        twice = in_turn(answer(429, {}, f"Retry-After: {wait}"), instance_answer())
        server = serve(fleet_script(_1=instance_answer(), _2=twice))

        assert monitor("list", url=server.url).returncode == 0
        assert server.asked["/10.58.1.2"] == 2

    def test_of_which_half_the_fleet_is_stuck_costs_the_other_half_nothing(self, serve, monitor):
        fleet = {f"_{n}": never if n % 2 else instance_answer() for n in range(1, 101)}

        ended = monitor("list", "--timeout=1.5", url=serve(fleet_script(**fleet), keeps=True).url)

        assert ended.returncode == 1
        assert ended.stdout.count("Healthy") == 50
        assert ended.stdout.count("timed out after 1.5 s") == 50

    def test_is_not_waited_for_where_its_time_is_past_the_deadline(self, serve, monitor):
        refused = answer(429, {}, "Retry-After: 3600")
        server = serve(fleet_script(_1=instance_answer(), _2=refused))

        began_s = time.monotonic()
        ended = monitor("list", url=server.url)

        assert time.monotonic() - began_s < 5
        assert ended.returncode == 1
        assert "answered 429 and asks to retry after 3600 s" in ended.stdout

    def test_is_asked_once(self, serve, monitor):
        server = serve(fleet_script(_1=instance_answer(), _2=answer(500, {})))

        monitor("list", url=server.url)

        assert server.asked == {"/servers": 1, "/10.58.1.1": 1, "/10.58.1.2": 1}

    def test_past_the_deadline_is_unknown_and_so_are_those_not_polled_yet(self, serve, monitor):
        script = fleet_script(_1=never, _2=never, _3=never)
        url = serve(script).url

        ended = monitor("list", "--deadline=0.5", "--concurrency=2", url=url)

        assert ended.returncode == 3
        reasons = [line.partition("-       -  ")[2] for line in ended.stdout.splitlines()[2:]]
        assert sorted(reasons) == [
            *["no answer within the deadline of 0.5 s"] * 2,
            "not polled before the deadline of 0.5 s",
        ]

    def test_a_number_of_stuck_instances_does_not_hold_the_others_up(self, serve, monitor):
        script = fleet_script(
            **{f"_{n}": never for n in range(1, 9)},
            **{f"_{n}": instance_answer() for n in (20, 21)},
        )

        ended = monitor("list", "--timeout=0.2", url=serve(script).url)

        assert ended.returncode == 1
        assert ended.stdout.count("timed out after 0.2 s") == 8
        assert ended.stdout.count("Healthy") == 2
