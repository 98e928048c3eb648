import io
import json
from functools import partial

import pytest
from support import SimulatedClock, instance

from cpx_monitor import __version__
from cpx_monitor.adapters.in_memory import InMemoryFleet
from cpx_monitor.adapters.recordings.writer import RecordingFleet
from cpx_monitor.app.ports import FleetUnavailable, Trouble
from cpx_monitor.domain.fleet import Instance, Unknown
from cpx_monitor.entrypoints.bootstrap import connect
from cpx_monitor.entrypoints.cli import run
from cpx_monitor.entrypoints.commands.registry import COMMANDS
from cpx_monitor.entrypoints.process import run_guarded
from cpx_monitor.entrypoints.terminal.console import Console


def call(*words, connect=connect, **environ):
    console = Console(io.StringIO(), io.StringIO(), environ)
    code = run_guarded(partial(run, connect=connect), words, console)
    return code, console.stdout.getvalue(), console.stderr.getvalue()


def test_without_a_command_it_names_the_commands():
    assert call() == (
        3,
        "",
        "error: no command is given\n"
        "hint:  one of list, averages, at-risk, track, top, wait, diff, doctor, plot,"
        " config, expect, exporter, completion; see `cpx-monitor --help`\n",
    )


def test_an_unknown_command_is_met_with_the_nearest():
    assert call("trak") == (3, "", "error: unknown command 'trak'\nhint:  did you mean track?\n")


def test_options_follow_the_command():
    assert call("--url=x", "list")[2].endswith("hint:  options follow the command\n")


@pytest.mark.parametrize(
    "words", [["--help"], ["-h"], ["help"], ["help", "help"], ["help", "--help"]]
)
def test_help_names_every_command(words):
    code, out, err = call(*words)

    assert (code, err) == (0, "")
    assert all(f"  {command} " in out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_has_its_usage_examples_and_options_within_80_columns(command):
    code, out, err = call("help", command)

    assert (code, err) == (0, "")
    assert out == call(command, "--help")[1] == COMMANDS[command].help
    assert all(f"{heading}:\n" in out for heading in ("Usage", "Examples"))
    assert "\nOptions" in out
    assert max(map(len, out.splitlines())) <= 80


def test_the_version_is_told():
    assert call("--version") == (0, f"cpx-monitor {__version__}\n", "")


def test_the_demo_list_is_incomplete_and_says_so():
    code, out, err = call("list", "--demo")

    assert code == 1
    assert "TimeService         Unknown          -       -  cpu is '161%'" in out
    assert err == "11 instances, 7 healthy, 3 unhealthy, 1 unknown in 0.00 s, demo\n"


def test_json_is_one_document_and_stderr_tells_what_it_lacks():
    code, out, err = call("list", "--demo", "-o", "json")

    assert (code, json.loads(out)["source"]) == (1, "demo")
    assert err == "11 instances, 7 healthy, 3 unhealthy, 1 unknown in 0.00 s, demo\n"


def test_at_risk_where_nothing_is_says_so_on_stderr_under_bare_headers():
    code, out, err = call("at-risk", "--demo", "--max-cpu=100", "--max-memory=100", "--threshold=1")

    assert code == 1
    assert out == "Service  Healthy  Verdict  Reason\n---------------------------------\n"
    assert err.startswith(
        "no service is at risk: each of 5 services has 1 healthy instance or more"
    )


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["list", "--json"], "use -o json"),
        (["list", "--watch"], "--every=<s> polls repeatedly"),
        (["averages", "--record=x"], "it is an option of list and track"),
        (["list", "--threshold=3"], "it is an option of at-risk"),
        (["list", "--revers"], "did you mean --reverse?"),
        (["list", "-x"], "see `cpx-monitor list --help`"),
        (["list", "--demo", "-o", "jsno"], "did you mean json?"),
        (["list", "--demo", "--sort-by=mem"], "did you mean memory?"),
        (["list", "--demo", "--sort-by=xyz"], "one of ip, service, status, cpu, memory,"),
        (["list", "--demo", "--service=time"], "did you mean TimeService?"),
    ],
)
def test_what_is_not_there_is_met_with_what_is(words, hint):
    code, out, err = call(*words)

    assert (code, out) == (3, "")
    assert f"\nhint:  {hint}" in err


@pytest.mark.parametrize("words", [["list"], ["averages"], ["at-risk"]])
def test_what_repeats_says_after_each_round_how_the_whole_fleet_is(words):
    code, out, err = call(*words, "--demo", "--every=0.3", "--count=2")

    assert out
    assert code == (2 if words == ["at-risk"] else 1)
    # On a busy machine a round may be missed, which is told as well.
    footers = [line for line in err.splitlines() if not line.startswith("warning: ")]
    assert footers == ["11 instances, 7 healthy, 3 unhealthy, 1 unknown in 0.00 s, demo"] * 2


def test_json_of_several_looks_is_refused_and_of_one_is_not():
    assert call("list", "--demo", "--every=1", "-o", "json")[2] == (
        "error: json is one document, and this prints several\nhint:  use -o jsonl\n"
    )
    assert (
        json.loads(call("list", "--demo", "--count=1", "-o", "json")[1])["kind"] == "InstanceList"
    )


def test_track_refuses_json_with_a_hint_at_jsonl():
    assert call("track", "AuthService", "--demo", "-o", "json") == (
        3,
        "",
        "error: json is one document, and track prints several rounds\nhint:  use -o jsonl\n",
    )


def test_track_of_an_unknown_service_suggests_the_nearest():
    assert call("track", "AuthServce", "--demo") == (
        3,
        "",
        "error: no service 'AuthServce' among 5 services\nhint:  did you mean AuthService?\n",
    )


def test_a_fault_of_our_own_is_no_verdict_and_shows_no_traceback():
    def faulty(fleet_options, console, is_verbose):
        raise KeyError("x")

    assert call("at-risk", connect=faulty) == (
        3,
        "",
        "error: internal error: KeyError: 'x'\n"
        "hint:  CPX_TRACEBACK=1 shows where; please report it\n",
    )
    with pytest.raises(KeyError):
        call("at-risk", connect=faulty, CPX_TRACEBACK="1")


def in_memory(*rounds):
    """Connects to a fleet of these rounds, on a clock that only sleeping winds."""
    clock = SimulatedClock()
    return lambda fleet_options, console, is_verbose: (InMemoryFleet(rounds, clock), clock)


class TestWait:
    def test_ends_with_0_once_the_service_is_healthy_and_tells_each_change(self):
        fleet = in_memory([instance(1, cpu=99)], [instance(1, cpu=99)], [instance(1)])

        assert call("wait", "authservice", connect=fleet) == (
            0,
            "authservice: at least 1 healthy\n",
            "authservice: 0 healthy, 1 needed; not healthy: 10.58.1.1 (CPU 99%)\n"
            "authservice: 1 healthy, 1 needed\n",
        )

    def test_ends_with_2_when_time_is_up_and_says_what_is_missing(self):
        code, out, err = call("wait", "AuthService", "X", connect=in_memory([instance(1)]))

        assert (code, out) == (2, "")
        assert err.endswith("error: not within 300 s: X: 0 healthy, 1 needed\n")

    def test_ends_with_3_only_where_the_api_never_answered(self):
        down = FleetUnavailable("cannot reach CPX at test: refused", Trouble.UNREACHABLE)
        code, _, err = call("wait", "X", connect=in_memory(down))
        assert code == 3
        assert err == (
            "warning: cannot reach CPX at test: refused\n"
            "error: not within 300 s: cannot reach CPX at test: refused\n"
        )

        assert call("wait", "X", connect=in_memory([instance(1)], down))[0] == 2


class TestACheckForNagios:
    def test_is_a_status_line_on_stdout(self):
        code, out, _ = call("at-risk", "-o", "nagios", connect=in_memory([instance(1)]))

        assert code == 2
        assert out.startswith("CPX CRITICAL - 1 service at risk: AuthService 1/1 | healthy=1 ")

    def test_says_on_stdout_why_there_is_none(self):
        down = FleetUnavailable("cannot reach CPX at test: refused", Trouble.UNREACHABLE)

        code, out, _ = call("at-risk", "-o", "nagios", connect=in_memory(down))
        assert (code, out) == (3, "CPX UNKNOWN - cannot reach CPX at test: refused\n")
        code, out, _ = call("at-risk", "-o", "nagios", "--threshold=x")
        assert (code, out[:14]) == (3, "CPX UNKNOWN - ")

    def test_is_one_document_and_of_at_risk_only(self):
        assert "nagios is one document" in call("at-risk", "--demo", "-o", "nagios", "--every=1")[2]
        assert call("list", "--demo", "-o", "nagios")[0] == 3


LATER = [Instance("10.58.1.1", "AuthService", 97, 20), Instance("10.58.1.3", "AuthService", 30, 40)]
EARLIER = [Instance("10.58.1.1", "AuthService", 10, 20), Instance("10.58.1.2", "AuthService", 5, 9)]


@pytest.fixture
def recording_of(tmp_path):
    """Makes a recording of these rounds, the given time apart."""

    def record(*rounds, apart_s=5):
        path, clock = str(tmp_path / "recording.jsonl"), SimulatedClock()
        fleet = RecordingFleet(InMemoryFleet(rounds, clock), path, clock, print)
        for _ in rounds:
            fleet.snapshot()
            clock.pass_s(apart_s)
        fleet.close()
        return path

    return record


class TestDiff:
    @pytest.fixture
    def before(self, recording_of):
        return recording_of(EARLIER)

    def test_begins_with_what_it_comes_to(self, before):
        code, out, _ = call("diff", before, "--by=100", connect=in_memory(LATER))

        assert code == 2
        first, _, _, *rows = out.splitlines()
        assert first.startswith("1 gone, 1 new, 1 status change, all of AuthService, since ")
        assert [row.split()[:2] for row in rows] == [
            ["gone", "10.58.1.2"],
            ["new", "10.58.1.3"],
            ["status", "10.58.1.1"],
        ]

    def test_without_a_difference_ends_with_0(self, before):
        code, out, _ = call("diff", before, connect=in_memory(EARLIER))

        assert code == 0
        assert out.startswith("no difference since ")

    def test_where_something_is_unknown_without_a_difference_ends_with_1(self, recording_of):
        silent = [*EARLIER, Unknown("10.58.1.9", "timed out after 5 s")]

        assert call("diff", recording_of(silent), connect=in_memory(silent))[0] == 1

    def test_of_two_recordings_polls_nothing(self, before):
        nowhere = {"CPX_URL": "http://127.0.0.1:1"}

        assert call("diff", before, **nowhere)[0] == 3
        assert call("diff", before, before, **nowhere)[0] == 0

    def test_of_two_recordings_refuses_an_api_beside_them(self, before):
        code, _, err = call("diff", before, before, "--demo")

        assert code == 3
        assert err.endswith("hint:  leave one of them out\n")

    def test_with_ago_compares_with_the_round_nearest_to_it(self, recording_of):
        path = recording_of(EARLIER, LATER, LATER, apart_s=60)

        code, out, _ = call("diff", path, path, "--ago=110s")

        assert code == 2
        assert "(2 min earlier)" in out.splitlines()[0]

    def test_names_a_service_that_neither_has(self, before):
        code, _, err = call("diff", before, "--service=AuthServce", connect=in_memory(LATER))

        assert (code, "did you mean AuthService?" in err) == (3, True)

    def test_escapes_what_a_terminal_could_act_on(self, recording_of):
        hostile = [
            Instance("10.58.1.1", "\x1b[31mRed", 1, 2),
            Instance("10.58.1.2", "\x1b[31mRed", 1, 2),
        ]

        out = call("diff", recording_of(hostile), connect=in_memory([]))[1]

        assert "\x1b" not in out
        assert "all of \\x1b[31mRed" in out

    def test_takes_no_longer_than_ten_years(self, before):
        assert "ten years at most" in call("diff", before, "--ago=999999d")[2]

    def test_warns_of_two_different_fleets(self, before):
        _, _, err = call("diff", before, "--demo")

        assert "warning: two different fleets? before: memory, after: demo" in err


class TestChanges:
    def test_of_the_first_round_says_on_stderr_how_the_fleet_is_and_then_prints_events(self):
        fleet = in_memory(EARLIER, LATER)
        code, out, err = call("list", "--changes", "--every=0.01", "--count=2", connect=fleet)

        assert code == 0
        assert [line.split()[2:4] for line in out.splitlines()[2:]] == [
            ["gone", "10.58.1.2"],
            ["new", "10.58.1.3"],
            ["status", "10.58.1.1"],
        ]
        assert err.startswith("2 instances, 2 healthy")

    def test_of_a_status_prints_what_turns_into_it_or_away_from_it(self):
        words = ("list", "--changes", "--status=unhealthy", "--every=0.01", "--count=3")
        fleet = in_memory(EARLIER, LATER, EARLIER)
        out = call(*words, "-o", "csv", "--no-headers", connect=fleet)[1]

        assert [line.split(",")[2:7] for line in out.splitlines()] == [
            ["status", "10.58.1.1", "AuthService", "Healthy", "Unhealthy"],
            ["status", "10.58.1.1", "AuthService", "Unhealthy", "Healthy"],
        ]

    def test_tells_an_outage_when_it_begins_and_when_it_is_over(self):
        down = FleetUnavailable("cannot reach CPX: refused", Trouble.UNREACHABLE)
        fleet = in_memory(EARLIER, down, down, down, EARLIER)
        words = ("averages", "--changes", "--every=0.05", "--count=5")
        _, out, err = call(*words, connect=fleet)

        told = [line for line in err.splitlines() if "missed" not in line]
        assert out == ""
        assert told[1:] == [
            "warning: round 2 failed: cannot reach CPX: refused",
            "warning: round 5: CPX answers again after 3 failed rounds",
        ]

    def test_of_some_services_are_judged_by_those(self):
        sick = [Instance("10.58.1.8", "MLService", 99, 20)]
        words = ("at-risk", "--changes", "--service=authservice", "--every=0.01", "--count=2")
        fleet = in_memory([*EARLIER, *sick], [*EARLIER, *sick])

        code, out, _ = call(*words, "-o", "jsonl", connect=fleet)

        assert code == 0
        assert {json.loads(line)["verdict"] for line in out.splitlines()} == {"OK"}

    def test_of_a_service_that_vanishes_are_told_and_no_failure(self):
        words = ("list", "--changes", "--service=AuthService", "--every=0.01", "--count=2")
        fleet = in_memory(EARLIER, [Instance("10.58.1.8", "MLService", 9, 20)])

        code, out, err = call(*words, "-o", "csv", "--no-headers", connect=fleet)

        assert (code, err.count("failed")) == (0, 0)
        assert [line.split(",")[2] for line in out.splitlines()] == ["gone", "gone"]

    def test_by_is_refused_without_them(self):
        assert call("averages", "--demo", "--by=3")[2].startswith("error: --by is for --changes")

    def test_without_every_is_refused(self):
        assert call("at-risk", "--demo", "--changes")[2] == (
            "error: --changes compares rounds, and this polls once\nhint:  add --every=<s>\n"
        )

    @pytest.mark.parametrize("words", [["list", "--every=1"], ["track", "AuthService"]])
    def test_with_an_order_of_rows_is_refused(self, words):
        code, _, err = call(*words, "--demo", "--changes", "--top=3")

        assert code == 3
        assert err.startswith("error: --top arranges rows, and --changes prints events")

    def test_of_track_prints_events_and_no_summary(self):
        words = ("track", "AuthService", "--changes", "--every=0.01", "--count=2")
        code, out, err = call(*words, connect=in_memory(EARLIER, LATER))

        assert code == 0
        assert len(out.splitlines()) == 5
        assert "round" not in err
