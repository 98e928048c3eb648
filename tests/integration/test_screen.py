"""What is on a terminal while something is watched, and what is left of it afterwards."""

import re
import signal

import pytest
from conftest import BIN
from scripted_server import answer, in_turn, instance_answer
from terminal import ENOUGH_S, Terminal

ENTER = b"\x1b[?1049h"
CTRL_S = b"\x13"
LEAVE = b"\x1b[?25h\x1b[?1049l"


@pytest.fixture
def on_terminal(environ):
    """Starts cpx-monitor on a terminal of 80 columns, or of another size, without a keyboard."""
    terminals = []

    def start(*arguments, url=None, columns=80, lines=24, words=None, **extra_environ):
        words = words or [BIN / "cpx-monitor", *arguments]
        env = {**environ, **({"CPX_URL": url} if url else {}), "LANG": "C.UTF-8", **extra_environ}
        terminals.append(Terminal(words, env, columns, lines, has_keyboard=False))
        return terminals[-1]

    yield start
    for terminal in terminals:
        terminal.close()


class TestTrack:
    def test_a_frame_has_the_service_the_round_and_a_row_for_each_instance(self, on_terminal):
        terminal = on_terminal("track", "AuthService", "--demo", "--every=0.1")
        terminal.wait_for("round 3 at ")

        assert terminal.is_on_the_other_screen
        assert terminal.screen.cursor.hidden
        assert terminal.lines[0] == "AuthService: 3 of 3 healthy, mean CPU 40.3%, memory 44.0%"
        assert re.fullmatch(
            r"round 3 at 20\S+Z, every 0\.1 s, took 0\.00 s, demo; ctrl-c ends",
            terminal.lines[1],
        )
        assert terminal.lines[3:8] == [
            "IP         Status      CPU Change          Memory Change",
            "----------------------------------------------------------------",
            "10.58.1.1  Healthy     34%      0     ▃▃▃     39%     -1     ▄▄▄",
            "10.58.1.2  Healthy     27%      0     ▂▃▃     35%     -1     ▄▃▃",
            "10.58.1.3  Healthy     60%      0     ▅▅▅     58%     -1     ▅▅▅",
        ]

    def test_a_row_of_a_frame_has_its_status_in_colour(self, on_terminal):
        terminal = on_terminal("track", "MLService", "--demo", "--every=0.1")
        terminal.wait_for("round 2 at ")

        row = next(y for y, line in enumerate(terminal.lines) if "Unhealthy" in line)
        column = terminal.lines[row].index("Unhealthy")
        assert terminal.screen.buffer[row][column].fg == "red"

    def test_ctrl_c_leaves_a_summary_and_the_terminal_as_it_was(self, on_terminal):
        terminal = on_terminal("track", "MLService", "--demo", "--every=0.1")
        terminal.wait_for("round 3 at ")
        terminal.press(b"\x03")

        assert terminal.wait() == 0
        assert not terminal.is_on_the_other_screen
        assert not terminal.screen.cursor.hidden
        assert re.match(r"MLService: [345] rounds from 20\S+Z to 20\S+Z$", terminal.lines[0])
        assert terminal.lines[2].split() == [
            *("IP", "min", "mean", "p95", "max", "min", "mean", "p95", "max"),
            *("Unhealthy", "Unknown", "Flips"),
        ]
        assert terminal.lines[4].split()[0] == "10.58.1.4"
        assert terminal.lines[4].split()[-3:] == ["100%", "0%", "0"]
        assert "Traceback" not in terminal.text
        assert terminal.settings_now() == terminal.settings

    @pytest.mark.parametrize(
        ("number", "code"),
        [(signal.SIGTERM, 0), (signal.SIGHUP, -signal.SIGHUP), (signal.SIGQUIT, -signal.SIGQUIT)],
    )
    def test_the_terminal_is_given_back_however_it_ends(self, on_terminal, number, code):
        terminal = on_terminal("track", "MLService", "--demo", "--every=0.1")
        terminal.wait_for("round 2 at ")
        terminal.process.send_signal(number)

        assert terminal.wait() == code
        assert not terminal.is_on_the_other_screen
        assert not terminal.screen.cursor.hidden

    def test_a_terminal_that_knows_no_size_is_taken_for_one_of_80_by_24(self, on_terminal):
        terminal = on_terminal("track", "MLService", "--demo", "--every=0.1")
        terminal.wait_for("round 1 at ")
        before = len(terminal.lines[0])
        terminal.forget_size()
        for number in (3, 4, 5):
            terminal.wait_for(f"round {number} at ")

        assert len(terminal.lines[0]) == before
        terminal.press(b"\x03")
        assert terminal.wait() == 0

    def test_count_ends_it_with_the_summary(self, on_terminal):
        terminal = on_terminal("track", "MLService", "--demo", "--every=0.05", "--count=4")

        assert terminal.wait() == 0
        assert terminal.lines[0].startswith("MLService: 4 rounds from ")

    def test_a_frame_is_one_write_over_the_one_before(self, on_terminal):
        terminal = on_terminal("track", "MLService", "--demo", "--every=0.05", "--count=5")
        terminal.wait()

        frames = terminal.raw.split(b"\x1b[H")[1:]
        assert len(frames) == 5
        assert all(frame.count(b"\x1b[J") == 1 for frame in frames)
        assert terminal.raw.count(b"\x1b[2J") == 1, "the screen is cleared once, not per frame"

    def test_a_resize_is_followed_at_once(self, on_terminal):
        terminal = on_terminal("track", "AuthService", "--demo", "--every=1h", columns=100)
        wide = terminal.wait_for("round 1 at ")
        terminal.resize(44, 7)
        terminal.wait_for("2 more rows do not fit: 2 healthy")

        assert "; ctrl-c ends" in wide
        assert [line for line in terminal.lines if not line.startswith("round 1 at ")] == [
            "AuthService: 3 of 3 healthy",
            "",
            "IP         Status      CPU  Memory",
            "-" * 34,
            "10.58.1.3  Healthy     57%     61%",
            "2 more rows do not fit: 2 healthy",
        ]

    def test_of_rows_that_do_not_fit_the_worst_stay(self, on_terminal, serve):
        loads = {1: 10, 2: 99, 3: 50, 4: 95, 5: 20}
        script = {f"/10.58.1.{n}": instance_answer(cpu=f"{load}%") for n, load in loads.items()}
        server = serve({"/servers": answer(200, [path[1:] for path in script]), **script})

        terminal = on_terminal("track", "AuthService", "--every=1h", url=server.url, lines=8)
        terminal.wait_for("3 more rows do not fit: 3 healthy")

        assert [line.split()[0] for line in terminal.lines[5:7]] == ["10.58.1.2", "10.58.1.4"]

    def test_instances_that_join_leave_or_change_are_marked(self, on_terminal, serve):
        first, second = ["10.58.1.1", "10.58.1.2"], ["10.58.1.2", "10.58.1.3"]
        lists = in_turn(answer(200, first), answer(200, first), answer(200, second))
        changing = in_turn(*(instance_answer(cpu=f"{cpu}%") for cpu in (10, 99, 10)))
        server = serve(
            {
                "/servers": lists,
                "/10.58.1.1": instance_answer(),
                "/10.58.1.2": changing,
                "/10.58.1.3": instance_answer(),
            }
        )

        terminal = on_terminal("track", "AuthService", "--every=0.2", url=server.url)
        terminal.wait_for("10.58.1.2  Unhealthy   99%    +89 ")
        assert terminal.text.count("was Healthy") == 1
        terminal.wait_for("joined")
        notes = {line.split()[0]: line for line in terminal.lines[5:8]}

        assert notes["10.58.1.1"].endswith("left")
        assert notes["10.58.1.2"].endswith("was Unhealthy")
        assert notes["10.58.1.3"].endswith("joined")

    def test_a_round_that_fails_says_so_in_its_frame(self, on_terminal, serve):
        lists = in_turn(answer(200, ["10.58.1.1"]), answer(401, {}))
        server = serve({"/servers": lists, "/10.58.1.1": instance_answer()})

        terminal = on_terminal("track", "AuthService", "--every=0.1", url=server.url)
        terminal.wait_for(" (2 rounds): it answered 401")

        assert re.fullmatch("AuthService: as last known at [0-9:]{8}", terminal.lines[0])
        assert re.search(
            r"^CPX API failing since \d\d:\d\d:\d\d \(2 rounds\): ", terminal.text, re.M
        )
        assert re.search(r"^10\.58\.1\.1 +Healthy .* old$", terminal.text, re.M)

    def test_an_api_that_is_gone_is_told_in_place_of_every_instance_that_is_silent(
        self, on_terminal, serve
    ):
        server = serve({"/servers": answer(200, ["10.58.1.1"]), "/10.58.1.1": instance_answer()})
        terminal = on_terminal("track", "AuthService", "--every=0.1", url=server.url)
        terminal.wait_for("round 2 at ")
        server.__exit__()
        terminal.wait_for(" rounds): connection refused")

        assert re.search(r"^CPX API unreachable since \d\d:\d\d:\d\d \(", terminal.text, re.M)
        assert re.search(r"^10\.58\.1\.1 +Healthy .* old$", terminal.text, re.M)

    def test_suspended_it_gives_the_terminal_back_and_takes_it_again(self, on_terminal):
        terminal = on_terminal("track", "AuthService", "--demo", "--every=0.1")
        terminal.wait_for("round 2 at ")
        terminal.process.send_signal(signal.SIGTSTP)
        # What it writes next may come in one piece with that, for there is nothing to stop it for.
        terminal.wait_for(lambda: LEAVE in terminal.raw)
        terminal.process.send_signal(signal.SIGCONT)
        terminal.wait_for(
            lambda: terminal.is_on_the_other_screen and "AuthService: 3" in terminal.text
        )
        terminal.press(b"\x03")

        assert terminal.wait() == 0

    def test_a_first_round_that_fails_touches_no_screen(self, on_terminal, closed_port_url):
        terminal = on_terminal("track", "AuthService", url=closed_port_url)

        assert terminal.wait() == 3
        assert terminal.lines[0].startswith("error: cannot reach CPX at ")
        assert b"\x1b[?1049h" not in terminal.raw

    def test_where_the_terminal_understands_no_codes_lines_are_appended(self, on_terminal):
        terminal = on_terminal(
            "track", "MLService", "--demo", "--every=0.05", "--count=2", TERM="dumb"
        )

        assert terminal.wait() == 0
        assert b"\x1b" not in terminal.raw
        assert terminal.lines[0].startswith("Time  ")

    def test_where_only_ascii_can_be_shown_the_history_is_in_ascii(self, on_terminal):
        terminal = on_terminal(
            *("track", "AuthService", "--demo", "--every=0.05", "--count=3"),
            PYTHONIOENCODING="ascii",
        )

        assert terminal.wait() == 0
        assert terminal.raw.isascii()
        assert b" --- " in terminal.raw


class TestTheOthers:
    @pytest.mark.parametrize("command", ["list", "averages", "at-risk"])
    def test_are_watched_in_the_same_way_and_leave_the_last_report(self, on_terminal, command):
        terminal = on_terminal(command, "--demo", "--every=0.1", lines=30)
        terminal.wait_for("round 3 at ")
        assert terminal.lines[0] == "11 instances, 7 healthy, 3 unhealthy, 1 unknown in 0.00 s"
        assert "AuthService" in terminal.text or command == "at-risk"
        terminal.press(b"\x03")

        assert terminal.wait() == 0
        assert not terminal.is_on_the_other_screen
        assert "MLService" in terminal.text
        assert terminal.lines[len(terminal.text.splitlines()) - 1].startswith(
            "11 instances, 7 healthy"
        )

    def test_end_by_count_with_the_code_of_the_last_round(self, on_terminal):
        assert on_terminal("at-risk", "--demo", "--every=0.05", "--count=2").wait() == 2

    def test_rows_that_do_not_fit_are_counted_and_the_worst_stay(self, on_terminal):
        terminal = on_terminal("list", "--demo", "--every=1h", lines=10)
        terminal.wait_for("7 more rows do not fit: 7 healthy")

        assert [line.split()[0] for line in terminal.lines[5:9]] == [
            *("10.58.1.4", "10.58.1.8", "10.58.1.9", "10.58.1.11")
        ]

    def test_a_round_that_fails_leaves_the_last_report_standing(self, on_terminal, serve):
        lists = in_turn(answer(200, ["10.58.1.1"]), answer(401, {}))
        server = serve({"/servers": lists, "/10.58.1.1": instance_answer()})

        terminal = on_terminal("list", "--every=0.1", url=server.url)
        terminal.wait_for(" (2 rounds): it answered 401")

        assert "10.58.1.1  AuthService  Healthy" in terminal.text
        terminal.press(b"\x03")
        assert terminal.wait() == 0
        assert "error:" not in terminal.text
        assert "warning: CPX API failing since " in terminal.text


def test_a_terminal_gets_nothing_of_the_screen_from_a_single_look(on_terminal):
    terminal = on_terminal("list", "--demo")

    assert terminal.wait() == 1
    assert b"\x1b[?" not in terminal.raw
    assert LEAVE not in terminal.raw


class TestProgress:
    def test_of_a_long_collection_shows_after_a_while_and_leaves_nothing_behind(
        self, on_terminal, simulator
    ):
        url = simulator("--instances=4", "--latency=250ms", "--seed=7")
        terminal = on_terminal("list", "--concurrency=1", url=url)
        terminal.wait_for(" of 4 instances polled, ")

        assert terminal.wait() == 0
        assert "asked" not in terminal.text
        assert terminal.lines[0].startswith("IP ")

    def test_is_not_shown_for_a_short_one_nor_where_stderr_is_no_terminal(
        self, on_terminal, simulator
    ):
        terminal = on_terminal("list", url=simulator("--instances=6"))

        assert terminal.wait() == 0
        assert b"\r\x1b[K" not in terminal.raw


def test_warnings_of_a_frame_are_kept_where_stderr_leads_elsewhere(on_terminal, serve, tmp_path):
    lists = in_turn(answer(200, ["10.58.1.1"]), answer(401, {}))
    server = serve({"/servers": lists, "/10.58.1.1": instance_answer()})
    command = f"cpx-monitor track AuthService --every=0.1 2> {tmp_path / 'log'}"

    terminal = on_terminal(url=server.url, words=["bash", "-c", f"exec {command}"])
    terminal.wait_for(" (2 rounds): it answered 401")

    assert (tmp_path / "log").read_text().startswith("warning: round 2 failed: CPX at ")


class TestATerminalThatTakesNothing:
    """After ctrl-s, say, or where an ssh hangs: what writes to it waits for ever."""

    @pytest.fixture
    def stopped(self, on_terminal, simulator):
        """A command that waits to be read."""
        url = simulator("--behaviour=fleet", "--instances=400")

        def start(*words):
            terminal = on_terminal(*words, url=url)
            terminal.press(CTRL_S)
            terminal.wait_until_it_waits()
            return terminal

        return start

    @pytest.mark.parametrize(
        ("number", "code_watching", "code"),
        [(signal.SIGINT, 0, 130), (signal.SIGTERM, 0, 143), (signal.SIGHUP, -1, -1)],
    )
    def test_keeps_nobody_from_ending(self, stopped, number, code_watching, code):
        watching = (("list", "--every=0.1"), ("track", "AuthService", "--every=0.1"))
        ended = {}
        for words in (*watching, ("at-risk", "--every=0.1"), ("list",)):
            terminal = stopped(*words)
            terminal.process.send_signal(number)
            ended[words] = terminal.process.wait(ENOUGH_S)

        assert ended == {
            **dict.fromkeys((*watching, ("at-risk", "--every=0.1")), code_watching),
            ("list",): code,
        }
