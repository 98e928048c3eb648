"""An incident, recorded from the simulator, played back, looked at afterwards, and drawn."""

import builtins
import io
import json
import re
import shutil
import struct
from pathlib import Path

import pytest
from scripted_server import answer, fleet_script, in_turn, instance_answer

from cpx_monitor.entrypoints.cli import run
from cpx_monitor.entrypoints.process import run_guarded
from cpx_monitor.entrypoints.terminal.console import Console


@pytest.fixture(scope="module")
def recorded(zygote, clean_environ, tmp_path_factory):
    """Six rounds of a service some of whose instances are slow, refuse, or send nonsense."""
    path = tmp_path_factory.mktemp("recorded") / "incident.jsonl"
    faults = ("--fault=http-503*2@10.58.1.10", "--fault=cpu-over@10.58.1.20")
    server = ("0", "--seed=7", "--instances=60", *faults)
    words = ("track", "UserService", "--every=0.1", "--count=6", f"--record={path}")
    with zygote.server(*server, environ=clean_environ) as (listening,):
        url = listening.removeprefix("listening on ")
        ended = zygote.monitor(*words, environ={**clean_environ, "CPX_URL": url})
    assert ended.returncode == 0
    return path, ended


@pytest.fixture
def incident(recorded, tmp_path):
    """The recording, in a folder of the test's own, and the track that made it."""
    path, ended = recorded
    return Path(shutil.copy(path, tmp_path)), ended


def summary_of(ended):
    """What is said at the end, from the line that names the service."""
    return ended.stderr[ended.stderr.index("UserService: 6 rounds") :]


def test_an_incident_plays_back_to_the_same_records_and_summary(incident, monitor):
    path, lived = incident
    replayed = monitor("track", "userservice", f"--from={path}")

    assert replayed.returncode == 0
    assert replayed.stdout == lived.stdout
    # On a busy machine a round may have been missed, and that is not recorded.
    assert summary_of(replayed) == re.sub(r", \d+ more missed", "", summary_of(lived))
    assert re.search(r"^10\.58\.1\.20 +- +- .* 0% +100% +0$", summary_of(lived), re.MULTILINE)


def test_of_another_service_than_the_tracked_one_only_what_was_polled_is_shown(
    monitor, tmp_path, simulator
):
    path = tmp_path / "f.jsonl"
    monitor(
        "track", "AuthService", "--every=0.05", "--count=12", f"--record={path}", url=simulator()
    )
    with path.open() as file:
        polled = [json.loads(line) for line in file if '"UserService"' in line]

    replayed = monitor("track", "UserService", f"--from={path}", "-o", "jsonl")

    shown = [line for line in map(json.loads, replayed.stdout.splitlines()) if "ip" in line]
    assert 15 < len(polled) < 12 * 15 / 2
    assert [each["cpu_percent"] for each in shown] == [each["cpu_percent"] for each in polled]
    assert f"warning: {path} tracked AuthService: UserService was polled only in" in replayed.stderr
    rounds = re.findall(r"(\d+) of 12 rounds", replayed.stderr)
    assert sum(map(int, rounds)) == len(polled)


def test_every_command_reads_its_last_round(incident, monitor):
    path, _ = incident
    listed = monitor("list", f"--from={path}", "-o", "json")
    averaged = monitor("averages", f"--from={path}", "-o", "json")
    endangered = monitor("at-risk", f"--from={path}", "-o", "json", "--threshold=99")

    assert (listed.returncode, averaged.returncode, endangered.returncode) == (1, 1, 2)
    documents = [json.loads(each.stdout) for each in (listed, averaged, endangered)]
    assert {str(document["coverage"]) for document in documents} == {
        str({"listed": 60, "answered": 59, "unknown": 1, "rejected": 0})
    }
    assert len(documents[0]["items"]) == 60
    assert len(documents[1]["items"]) == 10
    assert "were not polled in the last round" in listed.stderr


def test_list_records_too_and_goes_on_where_it_was(monitor, tmp_path):
    path = tmp_path / "fleet.jsonl"
    for _ in range(2):
        monitor("list", "--demo", f"--record={path}")

    marks = [line for line in path.read_text().splitlines() if '"complete"' in line]
    assert [json.loads(mark)["round"] for mark in marks] == [1, 2]
    again = monitor("list", f"--from={path}")
    assert again.stdout == monitor("list", "--demo").stdout


def test_a_round_that_fails_is_recorded_and_played_back(monitor, serve, tmp_path):
    lists = in_turn(answer(200, ["10.58.1.1"]), answer(401, {}), answer(200, ["10.58.1.1"]))
    server = serve({"/servers": lists, "/10.58.1.1": instance_answer()})
    path = tmp_path / "failing.jsonl"
    words = ("track", "AuthService", "--every=0.1", "--count=3")

    lived = monitor(*words, f"--record={path}", url=server.url)
    replayed = monitor("track", "AuthService", f"--from={path}")

    assert replayed.stdout == lived.stdout
    assert replayed.stderr == lived.stderr
    assert "warning: round 2 failed: " in replayed.stderr


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (
            ["list", "--from=x", "--every=1"],
            "--every polls repeatedly, but --from=x does not change",
        ),
        (["track", "A", "--from=x", "--every=1"], "--every does not apply to a recording"),
        (["track", "A", "--speed=2"], "--speed is for a recording"),
        (
            ["track", "A", "--from=x", "--speed=0"],
            "--speed=0: expected a factor such as 1, 0.5 or 60",
        ),
        (["list", "--from=x", "--record=y"], "--from reads a recording, --record makes one"),
        (["list", "--from=x", "--url=y"], "--from reads a recording, --url names a server"),
        (["list", "--from=x"], "cannot read x: no such file or directory"),
        (["list", "--from=/"], "cannot read /: is a directory"),
        (["list", "--demo", "--record=/nowhere/x"], "cannot write /nowhere/x: no such file"),
        (["list", "--demo", "--record=/dev/full"], "cannot write /dev/full: no space left on"),
        (["plot", "x"], "cannot read x: no such file or directory"),
        (["plot", "x", "--output=x.gif"], "--output=x.gif: expected a file name that ends with"),
    ],
)
def test_what_cannot_be_is_said(words, error):
    console = Console(io.StringIO(), io.StringIO(), {})

    assert run_guarded(run, words, console) == 3
    assert console.stderr.getvalue().startswith(f"error: {error}")
    assert console.stderr.getvalue().count("\n") <= 2


class TestPlot:
    def plot(self, *words):
        console = Console(io.StringIO(), io.StringIO(), {})
        return run_guarded(run, ["plot", *map(str, words)], console), console

    def test_draws_the_tracked_service_beside_the_recording(self, incident):
        path, _ = incident
        code, console = self.plot(path)

        assert code == 0, console.stderr.getvalue()
        assert console.stdout.getvalue() == f"{path.with_suffix('.svg')}\n"
        drawn = path.with_suffix(".svg").read_text()
        assert ">UserService: 6 instances, 20" in drawn
        assert {f">10.58.1.{n}<" in drawn for n in range(10, 61, 10)} == {True}
        assert ">limit 90 %<" in drawn

    def test_draws_the_same_twice_and_another_service_where_asked(self, incident, tmp_path):
        path, _ = incident
        first, second, other = (tmp_path / f"{name}.svg" for name in "abc")
        self.plot(path, f"--output={first}")
        self.plot(path, f"--output={second}")
        self.plot(path, f"--output={other}", "--service=idservice")

        assert first.read_text() == second.read_text()
        assert ">IdService: " in other.read_text()

    def test_of_more_than_ten_instances_names_the_worst(self, serve, monitor, tmp_path):
        instances = {f"_{n}": instance_answer(cpu=f"{n}%", memory="0%") for n in range(1, 14)}
        instances["_1"] = instance_answer(cpu="99%")
        path = tmp_path / "many.jsonl"
        monitor("list", f"--record={path}", url=serve(fleet_script(**instances)).url)
        code, console = self.plot(path)

        assert code == 0, console.stderr.getvalue()
        drawn = path.with_suffix(".svg").read_text()
        named = [n for n in range(1, 14) if f">10.58.1.{n}<" in drawn]
        assert named == [1, *range(5, 14)]
        assert ">the 10 worst<" in drawn

    def test_draws_a_png_of_some_size(self, incident, tmp_path):
        path, _ = incident
        self.plot(path, f"--output={tmp_path / 'x.png'}")

        header = (tmp_path / "x.png").read_bytes()[:24]
        assert header.startswith(b"\x89PNG")
        assert struct.unpack(">II", header[16:24]) == (1320, 780)

    def test_asks_which_where_several_were_recorded_and_none_tracked(self, monitor, tmp_path):
        path = tmp_path / "fleet.jsonl"
        monitor("list", "--demo", f"--record={path}")
        code, console = self.plot(path)

        assert code == 3
        assert "holds several services: AuthService, MLService, " in console.stderr.getvalue()

    def test_says_how_to_get_the_library_it_draws_with(self, incident, monkeypatch):
        path, _ = incident
        original = builtins.__import__

        def without_matplotlib(name, *rest, **more):
            if name.startswith("matplotlib"):
                raise ImportError(name)
            return original(name, *rest, **more)

        monkeypatch.setattr(builtins, "__import__", without_matplotlib)
        code, console = self.plot(path)

        assert code == 3
        assert console.stderr.getvalue().endswith(
            "error: plot draws with matplotlib, which is not installed\n"
            "hint:  python -m pip install matplotlib, or this program with its extra: '.[plot]'\n"
        )
