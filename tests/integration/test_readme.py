"""Every command line in the README runs, and what it is shown to print is what it prints."""

import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLE_URLS = re.compile(r"http://cpx\.internal:8080|localhost:8080")


def examples():
    """Command lines and what is shown below each, in their order."""
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL):
        for example in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = example.partition("\n")
            yield command, shown


EXAMPLES = dict(examples())
MAKE = [command for command in EXAMPLES if command.startswith("make ")]
INSTALL = [command for command in EXAMPLES if re.match(r"python3 -m venv|env/bin/", command)]
# What installs with them is the wheel that pip installs below; neither is needed for the tests.
TOOLS = ["pipx install .", "uv tool install ."]
SERVER = [command for command in EXAMPLES if command.startswith("cpx-server ")]
TRACK = [command for command in EXAMPLES if command.startswith("cpx-monitor track ")]
ONCE = [
    command
    for command in EXAMPLES
    if command.startswith(("cpx-monitor ", "export ")) and command not in TRACK
]


@pytest.fixture
def environ_of_readme(environ, simulator):
    return {**environ, "CPX_URL": simulator("--seed=7")}


def as_here(command, environ):
    return EXAMPLE_URLS.sub(environ["CPX_URL"], command)


def test_no_example_is_left_out():
    assert sorted(EXAMPLES) == sorted([*MAKE, *TOOLS, *INSTALL, *SERVER, *TRACK, *ONCE])


@pytest.mark.parametrize("command", ONCE)
def test_a_command_that_ends_runs_as_shown(environ_of_readme, command):
    ended = subprocess.run(
        ["bash", "-c", as_here(command, environ_of_readme)],
        env=environ_of_readme,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )

    if shown := EXAMPLES[command]:
        assert ended.stdout == shown
    else:
        assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize("command", TRACK)
def test_a_command_that_goes_on_runs_until_ctrl_c(environ_of_readme, processes, command):
    running = processes(
        *as_here(command, environ_of_readme).split(),
        env=environ_of_readme,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stdout.readline().startswith("Time ")
    running.send_signal(signal.SIGINT)

    assert running.wait(10) == 0


@pytest.mark.parametrize("command", SERVER)
def test_the_simulator_starts(environ, processes, command):
    # On a free port: the one in the README may be in use.
    words = command.replace("8080", "0").split()
    server = processes(*words, env=environ, stdout=subprocess.PIPE, text=True)

    assert server.stdout.readline().startswith("listening on http://localhost:")


@pytest.mark.parametrize("command", MAKE)
def test_make_knows_the_target(command):
    assert (
        subprocess.run([*command.split(), "--dry-run"], cwd=ROOT, capture_output=True).returncode
        == 0
    )


def test_make_demo_s_script_shows_the_four_commands_and_three_rounds(environ):
    ended = subprocess.run(
        ["python", ROOT / "scripts" / "demo.py"],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    shown = re.findall(r"^\$ cpx-monitor (\S+)", ended.stdout, re.MULTILINE)
    assert shown == ["list", "averages", "at-risk", "track"]
    rounds = re.findall(r"^20\S+Z +(\d) ", ended.stdout, re.MULTILINE)
    assert rounds == ["1"] * 15 + ["2"] * 15 + ["3"] * 15


def test_it_installs_by_hand_as_shown(environ, tmp_path):
    for name in ("cpx_monitor", "man", "README.md", "LICENSE", "pyproject.toml", "setup.py"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)

    for command in INSTALL:
        ended = subprocess.run(
            command.split(), cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.startswith("cpx-monitor ")
    assert (tmp_path / "env/share/man/man1/cpx-monitor.1").is_file()
