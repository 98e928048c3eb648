import json
import os
from itertools import islice

import pytest
from support import SimulatedClock, instance, unknown

from cpx_monitor.adapters.in_memory import InMemoryFleet
from cpx_monitor.adapters.recordings.format import MAX_BRACKETS, MAX_LINE_BYTES
from cpx_monitor.adapters.recordings.reader import Recording
from cpx_monitor.adapters.recordings.replay import MAX_PAUSE_S, RecordedFleet, Replay
from cpx_monitor.adapters.recordings.writer import RecordingFleet
from cpx_monitor.app.history import History
from cpx_monitor.app.pace import every
from cpx_monitor.app.ports import FileUnusable, FleetUnavailable, Trouble
from cpx_monitor.app.tracking import track
from cpx_monitor.domain.fleet import Snapshot, Unknown
from cpx_monitor.domain.health import HealthPolicy

DOWN = FleetUnavailable("cannot reach CPX at test: connection refused", Trouble.UNREACHABLE)
REFUSED = FleetUnavailable("CPX at test refused access: it answered 401", Trouble.REFUSED)


@pytest.fixture
def warnings():
    return []


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "recording.jsonl")


@pytest.fixture
def recorder(path, warnings):
    """A fleet of the rounds given, recorded."""
    clock = SimulatedClock()
    opened = []

    def record(*rounds):
        while opened:
            opened.pop().close()
        opened.append(RecordingFleet(InMemoryFleet(rounds, clock), path, clock, warnings.append))
        return opened[0], clock

    yield record
    for fleet in opened:
        fleet.close()


def recorded(recorder, *rounds, every_s=5.0):
    fleet, clock = recorder(*rounds)
    seen = []
    for _ in rounds:
        try:
            seen.append(fleet.snapshot())
        except FleetUnavailable as error:
            seen.append(error)
        clock.pass_s(every_s)
    return seen


def outcomes(path, warnings):
    return [each.outcome for each in Recording(path, warnings.append).rounds()]


class TestARecording:
    def test_names_its_format_and_version_first(self, recorder, path):
        recorded(recorder, [instance(1)])

        with open(path) as file:
            assert json.loads(file.readline()) == {"format": "cpx-monitor-recording", "version": 1}

    def test_is_a_line_for_each_observation_and_one_for_the_round(self, recorder, path):
        recorded(recorder, [instance(1), unknown(2)])

        with open(path) as file:
            seen, silent, mark = (json.loads(line) for line in list(file)[1:])
        assert (seen["round"], seen["ip"], seen["cpu_percent"]) == (1, "10.58.1.1", 10)
        assert silent["reason"] == "timed out after 5 s"
        assert mark["complete"] is True

    def test_gives_back_what_was_seen(self, recorder, path, warnings):
        seen = recorded(
            recorder, [instance(1), unknown(2, "MLService")], [], [instance(3, cpu=0.5)]
        )

        assert outcomes(path, warnings) == seen
        assert warnings == []

    def test_gives_back_rounds_that_failed(self, recorder, path, warnings):
        recorded(recorder, [instance(1)], REFUSED, [instance(1)])
        _, failed, _ = outcomes(path, warnings)

        assert (str(failed), failed.trouble) == (str(REFUSED), Trouble.REFUSED)

    def test_is_appended_to_and_its_rounds_go_on(self, recorder, path, warnings):
        first = recorded(recorder, [instance(1)])
        second = recorded(recorder, [instance(2)])

        assert outcomes(path, warnings) == [*first, *second]
        with open(path) as file:
            rounds = [json.loads(line)["round"] for line in list(file)[1:]]
        assert rounds == [1, 1, 2, 2]

    def test_that_was_cut_off_is_read_up_to_there_with_a_warning(self, recorder, path, warnings):
        first, _ = recorded(recorder, [instance(1)], [instance(1), instance(2)])
        with open(path, "rb+") as file:
            file.truncate(len(file.read()) - 20)

        assert outcomes(path, warnings) == [first]
        assert warnings == [
            f"{path} ends in the middle of a line: read up to there",
            f"{path}: an unfinished round was ignored",
        ]

    def test_that_was_cut_off_can_be_appended_to(self, recorder, path, warnings):
        recorded(recorder, [instance(1)])
        with open(path, "ab") as file:
            file.write(b'{"round": 2, "ip"')
        (second,) = recorded(recorder, [instance(2)])

        assert outcomes(path, warnings)[1] == second
        assert warnings == [f"{path} ended in the middle of a line, which was dropped"]

    @pytest.mark.parametrize(
        "damage",
        [
            b"nonsense\n",
            b"[]\n",
            b'{"round": 1}\n',
            b'{"observed_at": "2026-11-22T12:00:00Z", "ip": "x", "service": "A"}\n',
            b'{"observed_at": "2026-11-22T12:00:00Z", "ip": "1.1.1.1", "service": "A",'
            b' "cpu_percent": 101, "memory_percent": 1}\n',
            b"\xff\xfe\n",
            b'"format"\n',
            b'{"round": NaN}\n',
        ],
    )
    def test_with_a_damaged_line_tells_its_number_and_goes_on(
        self, recorder, path, warnings, damage
    ):
        seen = recorded(recorder, [instance(1)])
        with open(path, "rb") as file:
            header, *rest = file.readlines()
        with open(path, "wb") as file:
            file.write(header + damage + b"".join(rest))

        assert outcomes(path, warnings) == seen
        assert warnings == [f"{path}, line 2: ignored, it cannot be read"]

    def test_of_which_only_the_header_was_written_halfway_can_be_recorded_to(
        self, recorder, path, warnings
    ):
        with open(path, "wb") as file:
            file.write(b'{"format": "cpx-monitor-recording", "version": 1}')

        assert recorded(recorder, [instance(1)]) == outcomes(path, warnings)

    def test_that_was_broken_off_within_a_round_loses_no_other(self, recorder, path, warnings):
        first, _ = recorded(recorder, [instance(1)], [instance(1), instance(2)])
        with open(path, "rb") as file:
            lines = file.readlines()
        with open(path, "wb") as file:
            file.writelines(lines[:-2])
        (third,) = recorded(recorder, [instance(3)])

        assert outcomes(path, warnings) == [first, third]
        assert warnings == [f"{path}: an unfinished round was ignored"]

    def test_with_a_time_of_another_zone_is_read_in_utc_and_of_none_not_at_all(
        self, recorder, path, warnings
    ):
        recorded(recorder, [instance(1)])
        with open(path) as file:
            text = file.read()
        for zone, read in (("+02:00", 10), ("", None)):
            with open(path, "w") as file:
                file.write(text.replace("+00:00", zone))
            times = [seen.observed_at.hour for seen in outcomes(path, warnings)]
            assert times == ([] if read is None else [read])

    def test_leaves_out_a_round_that_lacks_an_observation_and_no_other(
        self, recorder, path, warnings
    ):
        _, second = recorded(recorder, [instance(1), instance(2)], [instance(1), instance(2)])
        with open(path, "rb") as file:
            lines = file.readlines()
        with open(path, "wb") as file:
            file.writelines([lines[0], *lines[2:]])

        assert outcomes(path, warnings) == [second]
        assert warnings == [f"{path}: the round that ends in line 3 is incomplete"]

    def test_names_a_few_damaged_lines_and_counts_the_others(self, recorder, path, warnings):
        recorded(recorder, [instance(1)])
        with open(path, "a") as file:
            file.write("nonsense\n" * 8)

        assert len(outcomes(path, warnings)) == 1
        assert len(warnings) == 6
        assert warnings[-1] == f"{path}: 3 more lines are damaged"

    def test_may_be_several_put_one_behind_the_other(self, recorder, path, warnings):
        seen = recorded(recorder, [instance(1)])
        with open(path, "rb") as file:
            content = file.read()
        with open(path, "ab") as file:
            file.write(content)

        assert outcomes(path, warnings) == [*seen, *seen]
        assert warnings == []

    @pytest.mark.parametrize("content", [b"", b"IP  Service\n", b"[1]\n", b'{"format": "x"}\n'])
    def test_is_not_just_any_file(self, path, content, recorder):
        with open(path, "wb") as file:
            file.write(content)

        with pytest.raises(FileUnusable, match="is not a cpx-monitor recording"):
            list(Recording(path, print).rounds())
        if content:
            with pytest.raises(FileUnusable, match="is not a cpx-monitor recording"):
                recorder([instance(1)])

    def test_of_a_later_version_is_refused(self, path):
        with open(path, "w") as file:
            file.write('{"format": "cpx-monitor-recording", "version": 2}\n')

        with pytest.raises(FileUnusable, match="of version 2; this program reads 1"):
            list(Recording(path, print).rounds())

    def test_is_written_by_one_at_a_time(self, recorder, path):
        fleet, clock = recorder([instance(1)])

        with pytest.raises(FileUnusable, match="another cpx-monitor is recording"):
            RecordingFleet(fleet, path, clock, print)

    @pytest.mark.parametrize(
        "change",
        [
            {"observations": 10**400},
            {"took_seconds": 10**400},
            {"took_seconds": "1e400"},
            {"took_seconds": -1},
            {"observations": True},
            {"observations": 1.0},
            {"everybody_asked": "no"},
            {"complete": 1},
            {"observed_at": "9999-12-31T23:59:59+00:00"},
            {"observed_at": "0001-01-01T00:00:00+14:00"},
            {"observed_at": "2026-11-22T25:00:00+00:00"},
            {"stale_list": {"age_s": 10**400, "reason": "x"}},
            {"rejected": [[]] * (MAX_BRACKETS + 1)},
            {"source": "x" * MAX_LINE_BYTES},
        ],
        ids=lambda change: "".join(change),
    )
    def test_whose_mark_cannot_be_used_loses_that_round_only(
        self, recorder, path, warnings, change
    ):
        first, _, third = recorded(recorder, *[[instance(n)] for n in (1, 2, 3)])
        with open(path) as file:
            lines = file.readlines()
        lines[4] = json.dumps({**json.loads(lines[4]), **change}).replace('"1e400"', "1e400")
        with open(path, "w") as file:
            file.writelines([*lines[:4], lines[4].rstrip("\n") + "\n", *lines[5:]])

        kept = outcomes(path, warnings)
        assert [each.observations for each in kept] == [first.observations, third.observations]
        assert "line 5" in warnings[0]

    def test_of_deep_nesting_loses_that_line_only(self, recorder, path, warnings):
        recorded(recorder, [instance(1)])
        with open(path, "a") as file:
            file.write('{"round":' + "[" * 200_000 + "\n")

        assert len(outcomes(path, warnings)) == 1
        assert warnings == [f"{path}, line 4: ignored, it cannot be read"]

    @pytest.mark.parametrize(
        "last_line", ['{"round": 1e400}', '{"round": "x"}', "[" * 9999, "x" * (MAX_LINE_BYTES + 1)]
    )
    def test_whose_last_line_cannot_be_used_can_be_appended_to(
        self, recorder, path, warnings, last_line
    ):
        recorded(recorder, [instance(1)])
        with open(path, "a") as file:
            file.write(f"{last_line}\n")
        recorded(recorder, [instance(2)])

        assert [len(each.observations) for each in outcomes(path, warnings)] == [1, 1]
        assert warnings == [f"{path}, line 4: ignored, it cannot be read"]

    @pytest.mark.parametrize("moved", [True, False])
    def test_that_is_moved_or_removed_is_begun_anew(self, recorder, path, warnings, moved):
        fleet, _ = recorder([instance(1)], [instance(2)])
        fleet.snapshot()
        if moved:
            os.rename(path, f"{path}.1")
        else:
            os.remove(path)
        fleet.snapshot()

        (kept,) = outcomes(path, warnings)
        assert kept.observations == (instance(2),)
        assert warnings == [f"{path} was moved or removed: recording continues in a new file"]
        if moved:
            assert outcomes(f"{path}.1", warnings)[0].observations == (instance(1),)

    @pytest.mark.parametrize("left_bytes", [0, 1, 60, 300])
    def test_that_is_cut_off_meanwhile_loses_what_was_cut_off_only(
        self, recorder, path, warnings, left_bytes
    ):
        fleet, _ = recorder([instance(1)], [instance(2)], [instance(3)])
        fleet.snapshot()
        os.truncate(path, left_bytes)
        fleet.snapshot()
        fleet.snapshot()

        kept = [each.observations for each in outcomes(path, warnings)]
        assert kept == [(instance(2),), (instance(3),)]
        assert warnings[0].startswith(f"{path} was truncated by another process")

    def test_that_was_begun_anew_hides_none_whom_its_first_round_did_not_poll(
        self, recorder, path, warnings
    ):
        fleet, _ = recorder(*[[instance(1), instance(2, "B"), instance(3, "B")]] * 3)
        fleet.snapshot()
        os.remove(path)
        fleet.snapshot(lambda listed: {"10.58.1.1"})
        begun = RecordedFleet(Recording(path, warnings.append)).snapshot()
        fleet.snapshot(lambda listed: {"10.58.1.1"})
        whole = RecordedFleet(Recording(path, warnings.append)).snapshot()

        assert [isinstance(seen, Unknown) for seen in begun.observations] == [False, True, True]
        assert [isinstance(seen, Unknown) for seen in whole.observations] == [False] * 3

    def test_into_a_pipe_that_nobody_reads_is_refused(self, tmp_path, recorder):
        os.mkfifo(tmp_path / "pipe")

        with pytest.raises(FileUnusable, match="no such device or address"):
            RecordingFleet(InMemoryFleet([], SimulatedClock()), str(tmp_path / "pipe"), None, print)

    def test_that_cannot_be_written_says_why(self, tmp_path, recorder):
        clock = SimulatedClock()
        with pytest.raises(FileUnusable, match="is a directory"):
            RecordingFleet(InMemoryFleet([], clock), str(tmp_path), clock, print)

    def test_on_a_full_disk_says_so(self, recorder):
        clock = SimulatedClock()
        with pytest.raises(FileUnusable, match="no space left on device"):
            RecordingFleet(
                InMemoryFleet([[instance(1)]], clock), "/dev/full", clock, print
            ).snapshot()


class TestTheLastRound:
    def test_is_the_last_complete_one(self, recorder, path, warnings):
        _, second, _ = recorded(recorder, [instance(1)], [instance(2)], REFUSED)

        assert RecordedFleet(Recording(path, warnings.append)).snapshot() == second

    def test_there_is_none_where_all_failed(self, recorder, path):
        recorded(recorder, DOWN)

        with pytest.raises(FileUnusable, match="holds no complete round"):
            RecordedFleet(Recording(path, print))

    def test_is_filled_up_with_what_was_last_seen_of_those_it_did_not_ask(
        self, recorder, path, warnings
    ):
        others = [instance(n, "MLService", cpu=n) for n in range(3, 60)]
        first = [instance(1), instance(2, "MLService"), *others]
        second = [instance(1, cpu=99), *others]  # the second instance has left
        fleet, clock = recorder(first, second)
        list(islice(track(fleet, clock, "AuthService", HealthPolicy(), every(clock, 5)), 2))

        last = RecordedFleet(Recording(path, warnings.append)).snapshot()

        assert [seen.ip for seen in last.observations] == [seen.ip for seen in second]
        assert last.observations[0].cpu_percent == 99
        assert warnings == [
            "54 of 58 instances were not polled in the last round:"
            " what is shown of them is up to 5 s older"
        ]

    def test_says_that_rounds_after_it_failed(self, recorder, path, warnings):
        recorded(recorder, [instance(1)], REFUSED, REFUSED)
        RecordedFleet(Recording(path, warnings.append))

        (warning,) = warnings
        assert warning.startswith(f"{path}: the last 2 rounds failed, from 12:00:")
        assert warning.endswith(f": {REFUSED}")


class TestReplay:
    ROUNDS = (
        [instance(1, cpu=10), instance(2, "MLService")],
        [instance(1, cpu=95), instance(2, "MLService")],
        REFUSED,
        [instance(1, cpu=20), instance(3)],
    )

    def tracked(self, fleet, clock, pace):
        history = History()
        rounds = track(fleet, clock, "AuthService", HealthPolicy(), islice(pace, 4))
        return [
            (shown.report.items, shown.failure, history.learn(shown)) for shown in rounds
        ], history

    def test_shows_what_was_shown_and_comes_to_the_same_summary(self, recorder, path, warnings):
        fleet, clock = recorder(*self.ROUNDS)
        lived, history = self.tracked(fleet, clock, every(clock, 5))

        replay = Replay(Recording(path, warnings.append).rounds(), lambda _: None, 1)
        replayed, again = self.tracked(replay, replay, replay.pace())

        assert replayed == lived
        assert again.summary() == history.summary()

    @pytest.mark.parametrize("speed", [1, 10, float("inf")])
    def test_takes_as_long_as_it_took_divided_by_the_speed(self, recorder, path, speed):
        recorded(recorder, *self.ROUNDS)
        slept = []
        replay = Replay(Recording(path, print).rounds(), slept.append, speed)
        list(replay.pace())

        assert slept == [5 / speed] * 3

    def test_passes_over_long_pauses(self, recorder, path):
        recorded(recorder, [instance(1)], [instance(1)], every_s=3600)
        slept = []
        list(Replay(Recording(path, print).rounds(), slept.append, 1).pace())

        assert slept == [MAX_PAUSE_S]

    def test_of_a_recording_without_a_round_is_a_mistake(self, recorder, path):
        recorded(recorder, DOWN)

        with pytest.raises(FileUnusable, match="holds no round in which anything was seen"):
            list(Replay(Recording(path, print).rounds(), print, 1).pace())

    def test_begins_with_the_first_round_in_which_something_was_seen(self, recorder, path):
        recorded(recorder, DOWN, [instance(1)])
        replay = Replay(Recording(path, print).rounds(), print, float("inf"))

        assert next(replay.pace()) == 0
        assert isinstance(replay.snapshot(), Snapshot)
