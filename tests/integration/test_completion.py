"""The tab key in real shells."""

import os
import re
import shutil
import signal
import subprocess
from types import SimpleNamespace

import pytest
from conftest import BIN
from scripted_server import answer, late
from support import SimulatedClock, snapshot
from terminal import Terminal

from cpx_monitor.adapters.recordings.writer import RecordingFleet
from cpx_monitor.domain.fleet import Instance

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


def completed(environ, *words, command="__complete"):
    ended = subprocess.run(
        [BIN / "cpx-monitor", command, *words], env=environ, capture_output=True, text=True
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def answers(environ, *words):
    return [line.split("\t")[1] for line in completed(environ, *words).splitlines()]


def recorded(path, *names):
    """A recording of one round, in which each instance is of another service."""
    seen = [Instance(f"10.58.{n // 256}.{n % 256}", name, 1, 2) for n, name in enumerate(names)]
    fleet = SimpleNamespace(snapshot=lambda select: snapshot(*seen))
    recording = RecordingFleet(fleet, str(path), SimulatedClock(), print)
    recording.snapshot()
    recording.close()
    return path


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
            *(
                "list",
                "averages",
                "at-risk",
                "track",
                "top",
                "wait",
                "diff",
                "doctor",
                "plot",
                "config",
                "expect",
                "exporter",
                "completion",
            ),
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

        ended = subprocess.run(
            [BIN / "cpx-monitor", "__complete", "track", ""],
            env={**environ, "CPX_URL": server.url},
            capture_output=True,
        )
        # On a busy machine the alarm may come first.
        assert ended.returncode in (0, -signal.SIGALRM)
        assert (ended.stdout, ended.stderr) == (b"", b"")

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


OFFERED = (
    "a$(touch pwned)=",
    "b`touch pwned`",
    "c'; touch pwned; '",
    'd"; touch pwned; "',
    "e two  words",
    "f*?[a-z]",
    "g!!$HOME ${HOME}",
    "h;touch pwned",
    "i|touch pwned&",
    "j>pwned<x",
    "k{1,2}~#x",
    "l\\",
    "m:a=b:c",
    "n(x)^y%z@q",
    "öäü 服务",
    "~",
    "p=touch",
    ":files",
)
NOT_OFFERED = (
    "--url=http://evil/",
    "-o",
    "s\ntouch pwned",
    "t\ttab",
    "u\x1b[31mred",
    "v\x07",
    "w\u202egnp",
    "x\u200bzero",
    "y\x9b31m",
    "z\xa0",
)


class TestWhatComesFromTheServer:
    """A name is data: no shell acts on it, and no terminal."""

    @pytest.fixture
    def hostile(self, shell, tmp_path):
        recorded(tmp_path / "hostile.jsonl", *OFFERED, *NOT_OFFERED)
        show = tmp_path / "show"
        show.write_text("#!/bin/sh\nprintf '[%s]\\n' \"$4\"\n")
        show.chmod(0o755)
        shell.press(f" cd {tmp_path}; clear; echo there\r".encode())
        shell.wait_for(lambda: shell.lines[:2] == ["there", PROMPT.strip()])
        return shell

    def becomes(self, shell, typed):
        """The word as a program gets it after the tab key."""
        shell.press(b" clear; echo next\r")
        shell.wait_for(lambda: shell.lines[:2] == ["next", PROMPT.strip()])
        # The command is put before it afterwards, so that what it gets is shown, and not polled.
        shell.press(f"cpx-monitor track --from=hostile.jsonl {typed}\t\x01./show \r".encode())
        shell.wait_for(lambda: any(line.startswith("[") for line in shell.lines))
        return next(line[1:-1] for line in shell.lines if line.startswith("["))

    def test_is_quoted_where_it_is_inserted(self, hostile, tmp_path):
        typed_of = {name: "\\~" if name == "~" else name[0] for name in OFFERED}

        got = {name: self.becomes(hostile, typed) for name, typed in typed_of.items()}

        assert got == {name: name for name in OFFERED}
        assert not (tmp_path / "pwned").exists()

    def test_is_not_offered_where_it_is_not_safe_to_show_or_would_be_an_option(self, hostile):
        typed = ("--u", "-o", "s", "t", "u", "v", "w", "x", "y", "z")

        assert [self.becomes(hostile, each) for each in typed] == ["--url=", *typed[1:]]

    @pytest.mark.parametrize("shell", ["bash"], indirect=True)
    def test_of_a_file_is_completed_where_no_sign_breaks_words(self, hostile, tmp_path):
        (tmp_path / "recorded-incident.jsonl").touch()
        hostile.press(b" COMP_WORDBREAKS=${COMP_WORDBREAKS//[:=]}; clear; echo there\r")
        hostile.wait_for(lambda: hostile.lines[:2] == ["there", PROMPT.strip()])

        hostile.press(b"cpx-monitor list --from=recorded-inc\t#")

        hostile.wait_for("cpx-monitor list --from=recorded-incident.jsonl #")

    @pytest.mark.parametrize("shell", ["bash"], indirect=True)
    @pytest.mark.parametrize("breaks", ["", "COMP_WORDBREAKS=${COMP_WORDBREAKS//[:=]}"])
    def test_becomes_no_option_wherever_words_break(self, hostile, tmp_path, breaks):
        names = [f"{first}--url=http://evil/" for first in ("x:", "y=", "z@", "")]
        (tmp_path / "hostile.jsonl").unlink()
        recorded(tmp_path / "hostile.jsonl", *names)
        hostile.press(f" {breaks}; clear; echo there\r".encode())
        hostile.wait_for(lambda: hostile.lines[:2] == ["there", PROMPT.strip()])

        typed = (
            "x",
            "x:",
            "x\\:",
            "y=",
            "y\\=",
            "z@",
            "--service=x",
            "--service\\=y",
            "--service=-",
        )
        got = {word: self.becomes(hostile, word) for word in typed}

        assert not [word for word in got.values() if word.startswith("--url")]
        assert (got["x"], got["x:"], got["y="], got["z@"]) == (names[0], *names[:3])

    def test_is_found_among_ten_thousand(self, hostile, tmp_path):
        (tmp_path / "hostile.jsonl").unlink()
        recorded(tmp_path / "hostile.jsonl", *(f"service {n}" for n in range(10_000)))

        assert self.becomes(hostile, "service\\ 999") == "service 999"
        assert self.becomes(hostile, "service\\ 9998") == "service 9998"

    def test_may_begin_with_a_dash_behind_two_of_them(self, environ, tmp_path):
        path = recorded(tmp_path / "f.jsonl", "-x", "--url=http://evil/")

        assert answers(environ, "track", f"--from={path}", "") == []
        assert answers(environ, "track", f"--from={path}", "--", "") == ["--url=http://evil/", "-x"]
        assert answers(environ, "list", f"--from={path}", "--service", "") == []
        assert answers(environ, "list", f"--from={path}", "--service=-") == [
            "--service=--url=http://evil/",
            "--service=-x",
        ]


class TestALineOfBash:
    """bash inserts what it gets, and replaces no more than what follows the last ``=`` or ``:``."""

    @pytest.fixture
    def after(self, environ, tmp_path):
        path = recorded(tmp_path / "f.jsonl", "a b:c d", "a$x=")

        def completed_line(line, replaced=None):
            line = f"cpx-monitor {line.replace('FILE', str(path))}"
            if replaced is None:
                replaced = re.search(r"(?:\\.|[^=:\s\\])*$", line)[0]
            return completed(environ, line, replaced, command="__complete_in_bash").splitlines()

        return completed_line

    def test_gets_names_quoted(self, after):
        assert after("track --from=FILE a") == ["word\ta\\ b:c\\ d", "word\ta\\$x="]
        assert after("track --from=FILE a\\ ") == ["word\ta\\ b:c\\ d"]
        assert after("track --from=FILE a\\ b:") == ["word\tc\\ d"]
        assert after("list --from=FILE --service=a\\ ") == ["word\ta\\ b:c\\ d"]

    def test_is_replaced_as_far_as_bash_says(self, after):
        assert after("track --from=FILE a\\ b\\:", "a\\ b\\:") == ["word\ta\\ b:c\\ d"]
        assert after("list --from=FILE --service=a\\ ", "--service=a\\ ") == [
            "word\t--service=a\\ b:c\\ d"
        ]
        assert after("track --from=FILE a", "nothing of it") == []

    def test_is_not_completed_within_quotes(self, after):
        assert after("track --from=FILE 'a") == []
        assert after('track --from=FILE "a') == []
        assert after("track '--from=FILE a") == []

    def test_is_read_with_the_quotes_before_the_word(self, after):
        assert after("track '--from=FILE' a\\$") == ["word\ta\\$x="]

    def test_tells_files_from_names_and_options_that_want_a_value_from_others(self, after):
        assert after("list --from=rec") == ["files\trec"]
        assert after("list --from=rec", "--from=rec") == ["files_of\t--from=\trec"]
        assert after("list --top") == ["open\t--top="]
        assert after("list --rev") == ["word\t--reverse"]


class TestAKey:
    def test_is_not_waited_for_longer_than_a_second_whatever_hangs(self, environ, tmp_path):
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)

        ended = subprocess.run(
            [BIN / "cpx-monitor", "__complete", "track", f"--from={fifo}", ""],
            env=environ,
            capture_output=True,
            timeout=20,
        )

        assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGALRM, b"", b"")

    def test_writes_nothing_whatever_the_profile_records(self, environ, tmp_path, simulator):
        folder = tmp_path / ".config" / "cpx-monitor"
        folder.mkdir(parents=True)
        record = tmp_path / "record.jsonl"
        url = simulator("--instances=30", "--seed=7")
        (folder / "config.toml").write_text(f'[p]\nurl = "{url}"\nrecord = "{record}"\n')

        assert answers({**environ, "CPX_PROFILE": "p"}, "track", "user") == ["UserService"]
        assert not record.exists()
