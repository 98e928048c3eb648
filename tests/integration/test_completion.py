"""The tab key in real shells."""

import shutil
import subprocess

import pytest
from conftest import BIN
from scripted_server import answer, instance_answer, late
from terminal import Terminal

PROMPT = "ready> "
START = {
    "bash": (
        ["bash", "--norc", "--noprofile", "-i"],
        f"PS1='{PROMPT}'; source <(cpx-monitor completion bash)",
    ),
    "zsh": (
        ["zsh", "-f", "-i"],
        f"PS1='{PROMPT}'; autoload -U compinit; compinit -u -D; "
        "source <(cpx-monitor completion zsh)",
    ),
    "fish": (
        ["fish", "--no-config", "-i"],
        f"function fish_prompt; echo '{PROMPT}'; end; function fish_greeting; end; "
        "set -g fish_autosuggestion_enabled 0; cpx-monitor completion fish | source",
    ),
}


def answers(environ, *words):
    ended = subprocess.run(
        [BIN / "cpx-monitor", "__complete", *words], env=environ, capture_output=True, text=True
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return [line.split("\t")[0] for line in ended.stdout.splitlines()]


@pytest.fixture(params=["bash", "zsh", "fish"])
def shell(request, environ, simulator):
    """A shell on a terminal, with the completion sourced."""
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed, so its completion was not tried")
    words, setup = START[request.param]
    url = simulator("--instances=30", "--seed=7")
    terminal = Terminal(words, {**environ, "CPX_URL": url, "LANG": "C.UTF-8"}, 100, 30)
    terminal.press(f" {setup}; clear\r".encode())
    terminal.wait_for(lambda: terminal.lines[0].strip() == PROMPT.strip())
    yield terminal
    terminal.close()


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("cpx-monitor tr", "cpx-monitor track "),
        ("cpx-monitor track Au", "cpx-monitor track AuthService "),
        ("cpx-monitor list --outp", "cpx-monitor list --output="),
        ("cpx-monitor list --output=w", "cpx-monitor list --output=wide "),
        ("cpx-monitor at-risk --sort-by=ver", "cpx-monitor at-risk --sort-by=verdict "),
        (
            "cpx-monitor list --from=recorded-inc",
            "cpx-monitor list --from=recorded-incident.jsonl ",
        ),
    ],
)
def test_tab_completes(shell, environ, tmp_path, typed, completed):
    (tmp_path / "recorded-incident.jsonl").touch()
    shell.press(f" cd {tmp_path}; clear; echo there\r".encode())
    shell.wait_for(lambda: shell.lines[:2] == ["there", PROMPT.strip()])
    shell.press(f"{typed}\t".encode())
    # One more character shows whether a space was put behind the word.
    shell.wait_for(lambda: f"{PROMPT}{completed.strip()}" in shell.text)
    shell.press(b"#")

    shell.wait_for(lambda: f"{PROMPT}{completed}#" in shell.text)


class TestCandidates:
    def test_are_the_commands_first(self, environ):
        assert answers(environ, "") == [
            *("list", "averages", "at-risk", "track", "plot", "config", "completion"),
            *("help", "--help", "--version"),
        ]
        assert answers(environ, "help", "a") == ["averages", "at-risk"]

    def test_are_options_that_were_not_given_yet(self, environ):
        assert "--top=" in answers(environ, "list", "--")
        assert "--top=" not in answers(environ, "list", "--top=3", "--")
        assert "--service=" in answers(environ, "list", "--service=x", "--service")

    def test_of_services_come_from_where_the_words_say(self, environ, simulator):
        url = simulator("--instances=30", "--seed=7")

        assert answers(environ, "track", "--demo", "m") == ["MLService"]
        assert answers({**environ, "CPX_URL": url}, "track", "user") == ["UserService"]
        assert answers(environ, "list", f"--url={url}", "--service", "geo") == ["GeoService"]

    @pytest.mark.parametrize(
        "words", [["track", ""], ["nonsense", ""], ["list", "--nonsense=", ""], ["track", "x", ""]]
    )
    def test_are_none_where_nothing_can_be_said(self, environ, closed_port_url, words):
        assert answers({**environ, "CPX_URL": closed_port_url}, *words) == []

    def test_of_a_server_that_does_not_answer_are_given_up_after_a_second(self, environ, serve):
        server = serve({"/servers": late(answer(200, []), 30)})

        assert answers({**environ, "CPX_URL": server.url}, "track", "") == []

    def test_of_profiles_are_the_sections(self, environ, tmp_path):
        folder = tmp_path / ".config" / "cpx-monitor"
        folder.mkdir(parents=True)
        (folder / "config.toml").write_text('[production]\nurl = "x"\n[staging]\n')

        assert answers(environ, "list", "--profile=p") == ["--profile=production"]

    def test_of_columns_are_those_of_the_command(self, environ):
        assert answers(environ, "averages", "--sort-by=cpu_m") == [
            "--sort-by=cpu_min",
            "--sort-by=cpu_max",
        ]


class TestWhatComesFromTheServer:
    """A name is data: a shell must not act on it."""

    @pytest.fixture
    def hostile(self, shell, environ, serve, tmp_path):
        names = ["zz$(touch pwned)", "it's", "two words"]
        fleet = {f"/10.58.1.{n}": instance_answer(name) for n, name in enumerate(names, start=1)}
        server = serve({"/servers": answer(200, [path[1:] for path in fleet]), **fleet})
        shell.press(f" cd {tmp_path}; export CPX_URL={server.url}; clear; echo there\r".encode())
        if "fish" in str(shell.process.args):
            shell.press(f" set -gx CPX_URL {server.url}; clear; echo there\r".encode())
        shell.wait_for(lambda: shell.lines[:2] == ["there", PROMPT.strip()])
        return shell

    def test_is_quoted_where_it_is_inserted(self, hostile, tmp_path):
        hostile.press(b"cpx-monitor track zz\t")
        hostile.wait_for("pwned")
        hostile.press(b"--count=1 > /dev/null && echo well || echo ill\r")
        hostile.wait_for(lambda: {"well", "ill"} & set(hostile.lines))

        assert "well" in hostile.lines
        assert not (tmp_path / "pwned").exists()
