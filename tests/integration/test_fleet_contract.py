"""What every Fleet promises, whatever is behind it."""

import io
from contextlib import ExitStack, suppress
from types import SimpleNamespace
from typing import ClassVar

import gevent
import pytest
from scripted_server import answer, in_turn, instance_answer, raw

from cpx_monitor.adapters.clock import SystemClock
from cpx_monitor.adapters.cpx_api.fleet import CpxHttpFleet
from cpx_monitor.adapters.cpx_api.polling.concurrency import AdaptiveLimit
from cpx_monitor.adapters.cpx_api.url import parse_url
from cpx_monitor.adapters.in_memory import InMemoryFleet
from cpx_monitor.adapters.recordings.reader import Recording
from cpx_monitor.adapters.recordings.replay import RecordedFleet, Replay
from cpx_monitor.adapters.recordings.writer import RecordingFleet
from cpx_monitor.adapters.transports.direct import DirectTransport
from cpx_monitor.adapters.transports.via_requests import RequestsTransport
from cpx_monitor.app.ports import FleetUnavailable, Trouble
from cpx_monitor.domain.fleet import Instance, Unknown, address_order
from cpx_monitor.entrypoints.terminal.console import Console
from cpx_monitor.entrypoints.terminal.progress import FleetWithProgress


def http_fleet(url, transport="direct"):
    return CpxHttpFleet(
        parse_url(url),
        DirectTransport(url) if transport == "direct" else RequestsTransport(url, 4),
        SystemClock(gevent.sleep),
        AdaptiveLimit(50),
        timeout_s=5,
        deadline_s=30,
        tell=lambda line: None,
    )


class InMemory:
    """Makes an InMemoryFleet of rounds; a round is a list of instances, or why there is none."""

    def fleet(self, *rounds):
        outcomes = [
            FleetUnavailable("cannot be listed", each) if isinstance(each, Trouble) else each
            for each in rounds
        ]
        return InMemoryFleet(outcomes, SystemClock())


class WithProgress:
    """Makes a fleet whose progress is shown."""

    def fleet(self, *rounds):
        console = Console(io.StringIO(), io.StringIO(), {})
        return FleetWithProgress(InMemory().fleet(*rounds), lambda: None, console)


class WhileRecording:
    """Makes a fleet that is recorded while it is polled."""

    def __init__(self, opened):
        self.opened = opened

    def fleet(self, *rounds, path="/dev/null"):
        fleet = RecordingFleet(InMemory().fleet(*rounds), str(path), SystemClock(), print)
        self.opened.callback(fleet.close)
        return fleet


class FromARecording:
    """Makes a fleet of the last round of a recording of these rounds."""

    def __init__(self, folder):
        self.path = folder / "recording.jsonl"

    def recording(self, *rounds):
        with ExitStack() as opened:
            fleet = WhileRecording(opened).fleet(*rounds, path=self.path)
            for _ in rounds:
                with suppress(FleetUnavailable):
                    fleet.snapshot()
        return Recording(str(self.path), print)

    def fleet(self, *rounds):
        return RecordedFleet(self.recording(*rounds))


class Replayed(FromARecording):
    """Makes a fleet that plays such a recording back, a round for each snapshot."""

    def fleet(self, *rounds):
        replay = Replay(self.recording(*rounds).rounds(), lambda seconds: None, speed=1)
        pace = replay.pace()
        return SimpleNamespace(snapshot=lambda *select: (next(pace), replay.snapshot(*select))[1])


class OverHttp:
    """Makes a server that behaves as the rounds have it, and a CpxHttpFleet that polls it."""

    NO_LIST: ClassVar = {
        Trouble.UNWELL: answer(500, b""),
        Trouble.REFUSED: answer(401, b""),
        Trouble.BUSY: answer(503, b"", "Retry-After: 3600"),
    }

    def __init__(self, serve, transport):
        self.serve = serve
        self.transport = transport

    def fleet(self, *rounds):
        lists = [each for each in rounds if not isinstance(each, Trouble)]
        listings = [
            self.NO_LIST[each]
            if isinstance(each, Trouble)
            else answer(200, [seen.ip for seen in each])
            for each in rounds
        ]
        answers = {}
        for each in lists:
            for seen in each:
                answers.setdefault(f"/{seen.ip}", []).append(self.answer_of(seen))
        script = {path: in_turn(*turns) for path, turns in answers.items()}
        return http_fleet(
            self.serve({"/servers": in_turn(*listings), **script}).url, self.transport
        )

    @staticmethod
    def answer_of(seen):
        if isinstance(seen, Unknown):
            return raw(b"")
        return instance_answer(seen.service, f"{seen.cpu_percent}%", f"{seen.memory_percent}%")


POLLED = ["in memory", "with progress", "while recording", "direct", "requests"]


@pytest.fixture
def make(request, serve, tmp_path):
    with ExitStack() as opened:
        match request.param:
            case "in memory":
                yield InMemory()
            case "with progress":
                yield WithProgress()
            case "while recording":
                yield WhileRecording(opened)
            case "from a recording":
                yield FromARecording(tmp_path)
            case "replayed":
                yield Replayed(tmp_path)
            case transport:
                yield OverHttp(serve, transport)


every_fleet = pytest.mark.parametrize(
    "make", [*POLLED, "from a recording", "replayed"], indirect=True
)
every_fleet_over_time = pytest.mark.parametrize("make", [*POLLED, "replayed"], indirect=True)
every_fleet_polled = pytest.mark.parametrize("make", POLLED, indirect=True)


def healthy(last, cpu=10):
    return Instance(f"10.58.1.{last}", "AuthService", cpu, 20)


def silent(last):
    return Unknown(f"10.58.1.{last}", "does not answer")


class TestASnapshot:
    @every_fleet
    def test_holds_every_listed_address_once_in_address_order(self, make):
        seen = make.fleet([healthy(10), healthy(9), healthy(10), healthy(100)]).snapshot()

        assert seen.observations == (healthy(9), healthy(10), healthy(100))

    @every_fleet
    def test_holds_a_silent_instance_with_a_reason_beside_those_that_answered(self, make):
        first, second = make.fleet([silent(1), healthy(2)]).snapshot().observations

        assert isinstance(first, Unknown)
        assert first.reason
        assert second == healthy(2)

    @every_fleet_polled
    def test_of_an_empty_list_is_empty(self, make):
        assert make.fleet([]).snapshot().observations == ()

    @every_fleet_polled
    def test_holds_only_those_that_were_selected_and_names_the_others(self, make):
        fleet = make.fleet([healthy(1), healthy(2), healthy(3)])

        seen = fleet.snapshot(lambda listed: {listed[1]})

        assert seen.observations == (healthy(2),)
        assert seen.not_polled == ("10.58.1.1", "10.58.1.3")

    @every_fleet
    def test_holds_at_least_those_that_were_selected(self, make):
        fleet = make.fleet([healthy(1), healthy(2), healthy(3)])

        assert healthy(2) in fleet.snapshot(lambda listed: {listed[1]}).observations

    @every_fleet
    def test_says_where_when_and_how_long_it_looked(self, make):
        seen = make.fleet([healthy(1)]).snapshot()

        assert seen.source
        assert seen.observed_at.utcoffset().total_seconds() == 0
        assert seen.took_s >= 0

    @every_fleet_over_time
    def test_is_taken_anew_each_time(self, make):
        fleet = make.fleet([healthy(1, cpu=1), healthy(2)], [healthy(1, cpu=2), healthy(3)])

        assert fleet.snapshot().observations == (healthy(1, cpu=1), healthy(2))
        assert fleet.snapshot().observations == (healthy(1, cpu=2), healthy(3))

    @every_fleet_polled
    def test_cannot_be_taken_without_a_list_but_the_next_one_can(self, make):
        fleet = make.fleet(Trouble.UNWELL, [healthy(1)])

        with pytest.raises(FleetUnavailable) as caught:
            fleet.snapshot()
        assert str(caught.value)
        assert fleet.snapshot().observations == (healthy(1),)

    @pytest.mark.parametrize("trouble", [Trouble.REFUSED, Trouble.BUSY])
    @every_fleet_over_time
    def test_cannot_be_taken_of_the_last_list_where_the_server_is_to_be_left_alone(
        self, make, trouble
    ):
        fleet = make.fleet([healthy(1)], trouble)

        fleet.snapshot()
        with pytest.raises(FleetUnavailable) as caught:
            fleet.snapshot()
        assert caught.value.trouble is trouble

    @every_fleet_polled
    def test_of_a_stale_list_is_of_the_last_one_that_was_not_empty(self, make):
        fleet = make.fleet([healthy(1)], [], Trouble.UNWELL)

        *_, last = (fleet.snapshot() for _ in range(3))

        assert [seen.ip for seen in last.observations] == ["10.58.1.1"]
        assert last.stale_list

    @every_fleet_over_time
    def test_is_of_the_last_list_where_there_is_no_new_one_and_says_so(self, make):
        fleet = make.fleet([healthy(1), healthy(2)], Trouble.UNWELL, [healthy(3)])

        first, second, third = (fleet.snapshot() for _ in range(3))

        assert [seen.ip for seen in second.observations] == [seen.ip for seen in first.observations]
        assert second.stale_list.age_s >= 0
        assert second.stale_list.reason
        assert (first.stale_list, third.stale_list) == (None, None)
        assert third.observations == (healthy(3),)


@pytest.mark.parametrize("behaviour", ["reference", "fleet"])
def test_a_fleet_behind_the_simulator_answers_whole(simulator, transport, behaviour):
    url = simulator(f"--behaviour={behaviour}", "--instances=300")
    seen = http_fleet(url, transport).snapshot()

    addresses = [instance.ip for instance in seen.answered]
    assert len(set(addresses)) == 300
    assert addresses == sorted(addresses, key=address_order)


def test_a_kept_connection_that_the_server_has_closed_costs_no_instance_its_answer(
    serve, transport
):
    script = {f"/10.58.1.{n}": instance_answer() for n in (1, 2, 3)}
    listing = answer(200, [path[1:] for path in script])
    server = serve({"/servers": listing, **script}, drops_kept=True)
    fleet = http_fleet(server.url, transport)

    for _ in range(3):
        assert len(fleet.snapshot().answered) == 3
    assert set(server.asked.values()) == {3}
