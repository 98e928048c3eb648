"""A list of servers that cannot be had: how often it is asked for, and what is said."""

import re

import pytest
from scripted_server import answer, fleet_script, in_turn, instance_answer, raw

LONG_AGO = "Sun Nov  6 08:49:37 1994"  # the form that HTTP once had for dates


class TestTheList:
    @pytest.mark.parametrize(
        "broken",
        [
            *(answer(status, {}) for status in (502, 503, 504)),
            *(answer(429, {}, f"Retry-After: {at_once}") for at_once in ("0", LONG_AGO)),
            raw(b""),
            raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n[]"),
        ],
        ids=["502", "503", "504", "429 at once", "429 long ago", "closed", "cut off"],
    )
    def test_that_fails_in_a_way_that_may_pass_is_asked_for_three_times(
        self, serve, monitor, broken
    ):
        server = serve({"/servers": broken})

        ended = monitor("at-risk", url=server.url)

        assert (ended.returncode, server.asked.total()) == (3, 3)
        assert re.search("temporary: try again", ended.stderr)

    def test_that_comes_at_the_third_time_will_do(self, serve, monitor):
        script = fleet_script(_1=instance_answer())
        script["/servers"] = in_turn(answer(503, {}), raw(b""), script["/servers"])

        assert monitor("list", url=serve(script).url).returncode == 0

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
    def test_that_is_refused_for_good_is_asked_for_once(self, serve, monitor, status):
        server = serve({"/servers": answer(status, {})})

        assert monitor("list", url=server.url).returncode == 3
        assert server.asked.total() == 1

    @pytest.mark.parametrize("status", [401, 403])
    def test_that_is_refused_to_us_comes_with_a_hint_about_the_token(self, serve, monitor, status):
        ended = monitor("list", url=serve({"/servers": answer(status, {})}).url)

        assert ended.stderr.splitlines()[1] == (
            "hint:  a token is read from --token-file, CPX_TOKEN_FILE or CPX_TOKEN,"
            " a name and password from --url"
        )

    def test_whose_server_wants_peace_past_the_deadline_is_not_waited_for(self, serve, monitor):
        server = serve({"/servers": answer(503, {}, "Retry-After: 3600")})

        ended = monitor("list", url=server.url)

        assert (ended.returncode, server.asked.total()) == (3, 1)
        assert "it answered 503 and asks to retry after 3600 s\n" in ended.stderr

    def test_of_a_host_that_is_none_comes_with_a_hint_about_its_name(self, monitor):
        ended = monitor("list", url="http://no.such.host.invalid")

        assert ended.returncode == 3
        assert ended.stderr.splitlines()[1] == "hint:  check the host in --url or CPX_URL"


class TestAnOldList:
    @pytest.fixture
    def url(self, serve):
        """Of a server whose list can be had once."""
        script = fleet_script(_1=instance_answer(), _2=instance_answer())
        script["/servers"] = in_turn(script["/servers"], answer(500, {}))
        return serve(script).url

    @pytest.mark.parametrize("command", ["list", "averages", "at-risk"])
    def test_makes_a_run_incomplete(self, url, monitor, command):
        assert monitor(command, "--every=0.1", "--count=2", url=url).returncode == 1

    def test_never_says_that_no_service_is_at_risk_without_its_age(self, url, monitor):
        ended = monitor("at-risk", "--every=0.1", "--count=2", url=url)

        of_new, of_old = re.findall("no service is at risk.*", ended.stderr)
        assert of_new.startswith("no service is at risk: ")
        assert re.match(r"no service is at risk according to a server list 0\.\d+ s old: ", of_old)
