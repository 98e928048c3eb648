"""Who we say we are, and to whom."""

import os

import pytest
from scripted_server import answer, fleet_script, instance_answer


class TestTheToken:
    @pytest.fixture
    def guarded(self, serve):
        return serve(fleet_script(_1=instance_answer()))

    def sent(self, server):
        return {
            line.partition(": ")[2]
            for head in server.heads
            for line in head.split("\r\n")
            if line.lower().startswith("authorization:")
        }

    def test_of_a_file_or_a_variable_is_sent_with_every_request_and_never_shown(
        self, guarded, monitor, tmp_path
    ):
        (tmp_path / "token").write_text("s3cret\n")

        by_file = monitor("list", "-v", f"--token-file={tmp_path}/token", url=guarded.url)
        by_variable = monitor("list", "-v", url=guarded.url, CPX_TOKEN="s3cret")

        assert self.sent(guarded) == {"Bearer s3cret"}
        assert len(guarded.heads) == sum("Bearer" in head for head in guarded.heads) == 4
        for ended in (by_file, by_variable):
            assert ended.returncode == 0
            assert "s3cret" not in ended.stdout + ended.stderr

    def test_wins_over_netrc_and_over_what_is_in_the_url(self, guarded, monitor, tmp_path):
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login ann password other\n")
        url = guarded.url.replace("//", "//bob:third@")

        ended = monitor("list", url=url, CPX_TOKEN="s3cret", NETRC=str(netrc))

        assert ended.returncode == 0
        assert self.sent(guarded) == {"Bearer s3cret"}

    def test_is_not_needed_where_the_url_holds_a_name_and_a_password_which_win_over_netrc_too(
        self, guarded, monitor, tmp_path
    ):
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login ann password other\n")
        url = guarded.url.replace("//", "//b%C3%B6b:third@")

        assert monitor("list", url=url, NETRC=str(netrc)).returncode == 0
        assert self.sent(guarded) == {"Basic YsO2Yjp0aGlyZA=="}

    def test_goes_nowhere_that_the_server_points_at(self, serve, monitor):
        elsewhere = serve({"/servers": answer(200, []), "/10.58.1.2": instance_answer()})
        script = fleet_script(
            _1=instance_answer(), _2=answer(301, b"", f"Location: {elsewhere.url}/10.58.1.2")
        )
        server = serve(script)

        ended = monitor("list", url=server.url, CPX_TOKEN="s3cret")
        server.script["/servers"] = answer(302, b"", f"Location: {elsewhere.url}/servers")
        astray = monitor("list", url=server.url, CPX_TOKEN="s3cret")

        assert "answered 301, go to http://127.0.0.1:" in ended.stdout
        assert (ended.returncode, astray.returncode) == (1, 3)
        assert elsewhere.heads == []


@pytest.mark.parametrize(
    "proxy", ["http://u:SEC/RET@127.0.0.1:1", "http://u:SECRET@", "http://u:SEC#RET@127.0.0.1:1"]
)
def test_a_proxy_s_password_is_not_shown_where_its_address_is_no_good(monitor, proxy):
    ended = monitor("list", url="http://127.0.0.1:2", http_proxy=proxy, no_proxy="")

    assert ended.returncode == 3
    assert "SEC" not in ended.stderr
    assert ended.stderr.startswith("error: cannot reach CPX at http://127.0.0.1:2: ")


@pytest.mark.parametrize(
    "url",
    [
        *("http://u:SECRET@h", "u:SECRET@h", "http:/u:SECRET@h", "http//u:SECRET@h"),
        *("http:u:SECRET@h", "http:\\\\u:SECRET@h", "htp://u:SECRET@h", "http;//u:SECRET@h"),
        *("http://u:SEC/RET@h", "http://u:SEC RET@h", "http://u:SEC@RET@h", "http://h/u:SECRET@h"),
    ],
)
@pytest.mark.parametrize(
    "words",
    ["list {}", "{}", "list --url={}", "list --urll={}", "list --top={}", "config --url={}"],
)
def test_a_url_in_the_wrong_place_or_spelt_wrong_is_shown_without_its_password(monitor, words, url):
    ended = monitor(*(word.format(url) for word in words.split()), "--deadline=1")

    assert "SEC" not in ended.stderr + ended.stdout
    assert "RET" not in ended.stderr + ended.stdout


def test_authorities_that_come_through_a_pipe_are_refused(monitor, tmp_path):
    os.mkfifo(tmp_path / "pipe")

    ended = monitor("list", f"--ca-file={tmp_path}/pipe", url="https://localhost:1")

    assert ended.returncode == 3
    assert ended.stderr == f"error: --ca-file={tmp_path}/pipe: it is not a regular file\n"


def test_a_file_without_a_certificate_is_no_authority(monitor, tmp_path):
    (tmp_path / "empty").touch()

    ended = monitor("list", f"--ca-file={tmp_path}/empty", url="https://localhost:1")

    assert ended.stderr == f"error: {tmp_path}/empty holds no certificate\n"


def test_that_the_certificate_is_not_verified_is_told(monitor):
    ended = monitor("list", "--insecure", url="https://localhost:1")

    assert ended.stderr.startswith("warning: --insecure: the server's certificate")


class TestATokenOfAProfile:
    """It is for the profile's own URL, wherever else the fleet is to be seen."""

    @pytest.fixture
    def profile(self, serve, tmp_path):
        """The server of the profile, another one, and where the profile is."""
        own, other = (serve(fleet_script(_1=instance_answer())) for _ in range(2))
        (tmp_path / "cpx-monitor").mkdir()
        (tmp_path / "token").write_text("s3cret")
        (tmp_path / "cpx-monitor" / "config.toml").write_text(
            f'[p]\nurl = "{own.url}"\ntoken-file = "{tmp_path}/token"\n'
        )
        return own, other, {"XDG_CONFIG_HOME": str(tmp_path)}

    def authorized(self, server):
        """How many requests came with the token, of how many."""
        return sum("Bearer s3cret" in head for head in server.heads), len(server.heads)

    def test_goes_to_the_profile_s_url_which_is_stronger_than_a_variable(self, monitor, profile):
        own, other, environ = profile

        assert monitor("list", "--profile=p", url=other.url, **environ).returncode == 0
        assert self.authorized(own) == (2, 2)
        assert other.heads == []

    def test_goes_to_the_profile_s_url_wherever_that_is_said_again(self, monitor, profile):
        own, _, environ = profile

        monitor("list", "--profile=p", f"--url={own.url}", **environ)
        monitor("list", url=own.url, CPX_PROFILE="p", **environ)

        assert self.authorized(own) == (4, 4)

    @pytest.mark.parametrize("typed", [True, False])
    def test_goes_nowhere_else_and_that_is_told(self, monitor, profile, typed):
        own, other, environ = profile
        words = ("--profile=p", f"--url={other.url}") if typed else ()
        more = {} if typed else {"CPX_URL": other.url, "CPX_PROFILE": "p"}

        ended = monitor("list", *words, **more, **environ)

        assert ended.returncode == 0
        assert self.authorized(other) == (0, 2)
        assert ended.stderr.startswith(
            f"warning: the token of profile p is not sent: {other.url} is not its url\n"
        )
        assert own.heads == []
