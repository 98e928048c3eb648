"""The screen with keys, on a terminal that is looked at."""

import json
import random
import re
import signal
import stat
import termios
import threading

import pytest
from conftest import BIN
from scripted_server import answer, in_turn, instance_answer
from scripted_server import never as hangs
from terminal import Terminal

UP, DOWN, ENTER, ESCAPE = b"\x1b[A", b"\x1b[B", b"\r", b"\x1b"
SIZES = [(60, 20), (80, 24), (120, 40), (200, 60)]
COMMANDS = {
    "top": ("top", "--demo", "--every=0.2"),
    "track": ("track", "AuthService", "--demo", "--every=0.2"),
    "list": ("list", "--demo", "--every=0.2"),
    "averages": ("averages", "--demo", "--every=0.2"),
    "at-risk": ("at-risk", "--demo", "--every=0.2"),
}


@pytest.fixture
def start(environ, tmp_path):
    """Starts cpx-monitor on a terminal with a keyboard, in a folder of its own."""
    terminals = []

    def on_terminal(*words, url=None, columns=100, lines=24, **more):
        env = {**environ, **({"CPX_URL": url} if url else {}), "LANG": "C.UTF-8", **more}
        shell = ["sh", "-c", f'cd {tmp_path}; exec "$@"', "sh", str(BIN / "cpx-monitor"), *words]
        terminals.append(Terminal(shell, env, columns, lines))
        return terminals[-1]

    yield on_terminal
    for terminal in terminals:
        terminal.close()


def selected(terminal):
    """The row that is marked, or shown in reverse."""
    for line in terminal.lines:
        if line.startswith("> "):
            return line[2:].split()[0]
    raise AssertionError(terminal.text)


def addresses(terminal):
    return re.findall(r"10\.58\.1\.\d+", terminal.text)


class TestTop:
    def test_shows_the_fleet_in_three_lines_and_the_worst_service_first(self, start):
        terminal = start("top", "--demo", "--every=0.2")
        terminal.wait_for("round 3 at ")

        assert terminal.lines[0].startswith("11 instances: 7 healthy, 3 unhealthy, 1 unknown ████")
        assert terminal.lines[1] == (
            "at risk: StorageService, MLService; possibly at risk: TimeService"
        )
        assert [line.split()[0] for line in terminal.lines[6:8]] == [">", "MLService"]
        assert selected(terminal) == "StorageService"

    def test_enter_opens_a_service_and_escape_goes_back_to_it(self, start):
        terminal = start("top", "--demo", "--every=0.2")
        terminal.wait_for("round 2 at ")

        terminal.press(b"j" + ENTER)
        terminal.wait_for("MLService: 1 of 2 healthy")
        assert selected(terminal) == "10.58.1.4"
        terminal.press(ESCAPE)
        terminal.wait_for("at risk: Storage")
        assert selected(terminal) == "MLService"

    def test_without_a_terminal_is_averages(self, monitor):
        ended = monitor("top", "--demo", "--every=0.01", "--count=2")

        assert ended.stdout.splitlines()[0].split()[:4] == ["Time", "Round", "Service", "Instances"]
        assert len(ended.stdout.splitlines()) == 2 + 2 * 5

    def test_plays_a_recording_to_its_end_and_goes_through_it(self, start):
        recorder = start("list", "--demo", "--every=0.1", "--count=3", "--record=x.jsonl")
        recorder.wait()
        terminal = start("top", "--from=x.jsonl", "--speed=max")
        terminal.wait_for("the recording has ended")

        terminal.press(b"[[")
        terminal.wait_for("[round 1 of 3]")
        terminal.press(b"]")
        terminal.wait_for("[round 2 of 3]")
        terminal.press(b"r")
        terminal.wait_for("there is nothing to poll")
        terminal.press(b"q")
        assert terminal.wait() == 0

    def test_steps_through_a_recording_without_waiting_as_long_as_it_took(self, start):
        recorder = start("list", "--demo", "--every=0.1", "--count=5", "--record=x.jsonl")
        recorder.wait()
        terminal = start("top", "--from=x.jsonl", "--speed=0.001")
        terminal.wait_for("round 1 at ")

        terminal.press(b" ]")
        terminal.wait_for("[frozen at round 2, now 2]")
        terminal.press(b"]]")
        terminal.wait_for("[frozen at round 4, now 4]")
        terminal.press(b"[")
        terminal.wait_for("[frozen at round 3, now 4]")
        terminal.press(b".]")
        terminal.wait_for("round 5 at ")


class TestKeys:
    def test_select_filter_and_sort(self, start):
        terminal = start("list", "--demo", "--every=0.2")
        terminal.wait_for("> 10.58.1.1 ")

        terminal.press(DOWN + DOWN + UP)
        terminal.wait_for("> 10.58.1.2 ")
        terminal.press(b"G")
        terminal.wait_for("> 10.58.1.11 ")
        terminal.press(b"cg")
        terminal.wait_for("> 10.58.1.9 ")
        terminal.press(b"/cpu>90")
        terminal.wait_for("/cpu>90_")
        assert len([line for line in terminal.lines if "10.58.1." in line]) == 3
        terminal.press(ENTER)
        terminal.wait_for("[filter: cpu>90]")
        terminal.press(ESCAPE)
        terminal.wait_for(lambda: "[filter" not in terminal.text)

    def test_track_begins_in_the_order_it_was_given(self, start):
        words = ("--sort-by=cpu", "--reverse", "--top=2")
        terminal = start("track", "AuthService", "--demo", "--every=0.2", *words)
        terminal.wait_for(lambda: addresses(terminal) == ["10.58.1.3", "10.58.1.1"])

        terminal.press(b"n")
        terminal.wait_for(lambda: addresses(terminal) == ["10.58.1.1", "10.58.1.2"])

    def test_help_names_every_key_and_any_key_closes_it(self, start):
        terminal = start("averages", "--demo", "--every=0.2")
        terminal.wait_for("> AuthService")

        terminal.press(b"?")
        terminal.wait_for("any key closes this")
        assert "write the rounds held as a recording" in terminal.text
        terminal.press(b"q")
        terminal.wait_for("> AuthService")

    def test_frozen_and_back_and_now_while_rounds_go_on(self, start):
        terminal = start("top", "--demo", "--every=0.1")
        terminal.wait_for("round 4 at ")

        terminal.press(b" ")
        terminal.wait_for("[frozen at round ")
        (number,) = re.findall(r"frozen at round (\d+)", terminal.text)
        terminal.wait_for(lambda: f"now {int(number) + 3}]" in terminal.text)
        assert f"round {number} at " in terminal.text
        terminal.press(b"[" * 30 + b".")
        terminal.wait_for(lambda: "[" not in terminal.lines[-1].partition("q quit")[0])

    def test_r_polls_now(self, start):
        terminal = start("top", "--demo", "--every=3600")
        terminal.wait_for("round 1 at ")

        terminal.press(b"r")
        terminal.wait_for("round 2 at ")
        terminal.press(b"r")
        terminal.wait_for("round 3 at ")

    def test_w_writes_the_rounds_held_which_replayed_are_the_same(self, start, tmp_path, monitor):
        terminal = start("track", "TimeService", "--demo", "--every=0.1")
        terminal.wait_for("round 4 at ")
        terminal.press(b" w")
        terminal.wait_for("wrote ")
        (written,) = tmp_path.glob("cpx-*.jsonl")
        (rounds,) = re.findall(r"wrote (\d+) rounds", terminal.text)

        assert stat.S_IMODE(written.stat().st_mode) == 0o600
        ended = monitor("track", "TimeService", f"--from={written}", "-o", "jsonl")
        lines = [json.loads(line) for line in ended.stdout.splitlines()]
        shown = [line for line in lines if line.get("kind") != "Round"]
        assert {line["round"] for line in shown} == set(range(1, int(rounds) + 1))
        assert {line["reason"] for line in shown} == {None, "cpu is '161%'"}

    def test_a_second_w_is_never_over_a_file(self, start, tmp_path):
        terminal = start("top", "--demo", "--every=3600")
        terminal.wait_for("round 1 at ")
        for number in (1, 2, 3):
            terminal.press(b"w")
            terminal.wait_for(lambda n=number: len(list(tmp_path.glob("cpx-*"))) == n)

    def test_act_while_a_round_is_under_way(self, start, serve):
        lists = in_turn(answer(200, ["10.58.1.1"]), hangs)
        server = serve({"/servers": lists, "/10.58.1.1": instance_answer()})
        terminal = start("top", "--every=0.1", url=server.url)
        terminal.wait_for("round 1 at ")
        server.wait_for("/servers", times=2)  # which hangs

        terminal.press(b"/auth")
        terminal.wait_for("/auth_")
        terminal.press(ESCAPE)
        terminal.wait_for("q quit")
        terminal.press(b"q")
        assert terminal.wait() == 0

    def test_a_round_that_takes_too_long_is_told_while_it_does(self, start, serve):
        lists = in_turn(answer(200, ["10.58.1.1"]), hangs)
        server = serve({"/servers": lists, "/10.58.1.1": instance_answer()})
        terminal = start("top", "--every=0.1", url=server.url)

        terminal.wait_for("[polling for ")

    def test_sort_and_filter_what_was_last_known_while_the_api_is_gone(self, start, serve):
        loads = {f"/10.58.1.{n}": instance_answer(cpu=f"{n}0%") for n in (1, 2, 3)}
        server = serve({"/servers": answer(200, [path[1:] for path in loads]), **loads})
        terminal = start("track", "AuthService", "--every=0.1", url=server.url)
        terminal.wait_for("round 2 at ")
        server.__exit__()
        terminal.wait_for("connection refused")

        terminal.press(b"c")
        terminal.wait_for("> 10.58.1.3 ")
        terminal.press(b"/cpu>15 cpu<25")
        terminal.wait_for("> 10.58.1.2 ")

    def test_q_ends_before_the_first_round_as_well(self, start, serve):
        server = serve({"/servers": hangs})
        terminal = start("top", url=server.url)
        terminal.wait_for("polling ")

        terminal.press(b"q")
        assert terminal.wait() == 0
        assert not terminal.is_on_the_other_screen

    def test_help_is_there_before_the_first_round_and_other_keys_wait_for_it(self, start, serve):
        goes_on = threading.Event()

        def held_back(connection, stopped):
            goes_on.wait()
            answer(200, ["10.58.1.1"])(connection, stopped)

        server = serve({"/servers": held_back, "/10.58.1.1": instance_answer()})
        terminal = start("list", "--every=5", url=server.url)
        terminal.wait_for("polling ")

        terminal.press(b"?")
        terminal.wait_for("freeze the screen")
        terminal.press(b"x/auth")
        goes_on.set()
        terminal.wait_for("/auth_")

    @pytest.mark.parametrize("command", ["averages", "at-risk"])
    def test_enter_opens_a_service_wherever_services_are_shown(self, start, command):
        terminal = start(command, "--demo", "--every=0.2")
        terminal.wait_for("StorageService")

        terminal.press(b"/storage\r\r")
        terminal.wait_for("StorageService: 0 of 2")
        terminal.press(ESCAPE)
        terminal.wait_for("[filter: storage]")

    def test_that_sort_by_what_is_not_there_say_so(self, start):
        terminal = start("at-risk", "--demo", "--every=0.2")
        terminal.wait_for("StorageService")

        terminal.press(b"c")
        terminal.wait_for("there is no CPU here to sort by")


class TestTheTerminal:
    @pytest.mark.parametrize("command", COMMANDS)
    @pytest.mark.parametrize("end", ["q", "ctrl-c", "SIGTERM", "SIGHUP"])
    def test_is_given_back_on_every_way_out(self, start, command, end):
        terminal = start(*COMMANDS[command])
        terminal.wait_for("round 2 at ")
        during = terminal.settings_now()

        match end:
            case "q":
                terminal.press(b"q")
            case "ctrl-c":
                terminal.press(b"\x03")
            case _:
                terminal.process.send_signal(getattr(signal, end))
        terminal.wait()

        assert not during[3] & (termios.ECHO | termios.ICANON)
        assert terminal.settings_now() == terminal.settings
        assert not terminal.is_on_the_other_screen
        assert terminal.raw.count(b"\x1b[?2004h") == terminal.raw.count(b"\x1b[?2004l") == 1

    def test_is_given_back_for_ctrl_z_and_taken_again(self, start):
        terminal = start("top", "--demo", "--every=0.2")
        terminal.wait_for("round 2 at ")

        terminal.press(b"\x1a")
        # What it writes next may come in one piece with that, for there is nothing to stop it for.
        terminal.wait_for(lambda: b"\x1b[?2004l" in terminal.raw)
        terminal.process.send_signal(signal.SIGCONT)
        terminal.wait_for(lambda: terminal.raw.count(b"\x1b[?2004h") == 2)
        terminal.press(b"j" + ENTER)
        terminal.wait_for("MLService: 1 of 2 healthy")

    @pytest.mark.parametrize(("columns", "lines"), SIZES)
    @pytest.mark.parametrize("command", COMMANDS)
    def test_shows_every_view_at_every_size(self, start, command, columns, lines):
        terminal = start(*COMMANDS[command], columns=columns, lines=lines)
        terminal.wait_for("q quit")

        for pressed in (b"j", b"c", b"i", b"s", b" ", b"[", b".", b"?", b"x", ENTER):
            terminal.press(pressed)
        terminal.press(b"/seen")
        terminal.wait_for("/seen_")

        assert len(terminal.lines) == lines
        assert max(map(len, terminal.lines)) <= columns

    @pytest.mark.parametrize("seed", range(4))
    def test_stands_random_keys_and_sizes(self, start, seed):
        chooser = random.Random(seed)
        pressed = [UP, DOWN, b"\x1b[5~", b"\x1b[6~", b"\x1b[200~a\x1b[201~", b"\x1b[9;9x"]
        pressed += [bytes([each]) for each in b"jkgGcmins/?[]. hx1>\r\x7f\x1b"]
        terminal = start("top", "--demo", "--every=0.1")
        terminal.wait_for("round 1 at ")

        for _ in range(25):
            terminal.press(b"".join(chooser.choices(pressed, k=10)))
            terminal.resize(*chooser.choice([*SIZES, (20, 5), (1, 1), (300, 3)]))
        terminal.press(b"\x03")  # whatever is shown or typed

        assert terminal.wait() == 0
        assert terminal.settings_now() == terminal.settings
        assert b"Traceback" not in terminal.raw
        assert "error" not in terminal.text
