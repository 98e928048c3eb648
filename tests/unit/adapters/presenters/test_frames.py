"""What is on the screen, as lines: they fit, and they are those that matter."""

import pytest
from support import instance, round_of, snapshot, track_round, unknown
from wcwidth import wcswidth

from cpx_monitor.adapters.presenters.frames import (
    Heading,
    Height,
    report_frame,
    spark,
    track_frame,
)
from cpx_monitor.adapters.presenters.layout import Style, without_color
from cpx_monitor.adapters.presenters.summary import summary_text
from cpx_monitor.app.history import History
from cpx_monitor.app.use_cases import at_risk, averages, list_instances
from cpx_monitor.domain.health import HealthPolicy

POLICY = HealthPolicy()
HEADING = Heading("round 3 at 2026-11-22T12:00:10Z, every 5 s")


def tracked(*rounds, columns=80, lines=24, color=False, ascii_only=False, **heading):
    """The frame of the last round."""
    history = History()
    for number, observations in enumerate(rounds, start=1):
        shown = track_round(number, *observations)
        instances = history.learn(shown)
    look = Style(color=color, width=columns, ascii_only=ascii_only)
    return track_frame(shown, instances, HEADING._replace(**heading), look, Height(lines))


def reported(report, columns=80, lines=24, keeps_worst=True, wide=False):
    return report_frame(
        round_of(report), HEADING, Style(width=columns), Height(lines, keeps_worst), wide=wide
    )


def ips(frame):
    return [line.split()[0] for line in frame if line.startswith("10.")]


FLEET = [instance(n, cpu=n * 7 % 101, memory=n * 13 % 101) for n in range(1, 21)]


class TestATrackedFrame:
    @pytest.mark.parametrize("columns", [20, 37, 50, 60, 80, 120, 200])
    @pytest.mark.parametrize("lines", [1, 2, 4, 6, 8, 15, 24, 60])
    @pytest.mark.parametrize("color", [False, True])
    def test_fits_every_terminal(self, columns, lines, color):
        moved = [seen._replace(cpu_percent=95) for seen in FLEET[:-1]]
        named = unknown(
            40, "AuthService", "an answer of 認証サービス, which is a long reason to give"
        )
        frame = tracked(
            FLEET, [*moved, named], columns=columns, lines=lines, color=color, warnings=["late"]
        )

        assert len(frame) <= lines
        assert all(wcswidth(without_color(line)) <= columns for line in frame)

    def test_counts_what_does_not_fit_and_keeps_the_worst_in_the_order_of_addresses(self):
        frame = tracked([instance(n, cpu=cpu) for n, cpu in enumerate([10, 99, 50, 95, 20], 1)],
                        lines=8)  # fmt: skip

        assert ips(frame) == ["10.58.1.2", "10.58.1.4"]
        assert frame[-1] == "3 more rows do not fit: 3 healthy"

    def test_holds_the_unknown_worse_than_any_load_and_who_left_least_of_all(self):
        first = [instance(n) for n in (1, 2, 3, 4)]
        second = [instance(1, cpu=99), unknown(2, "AuthService", "cut off"), instance(3)]

        for lines, kept in ((7, [2]), (8, [1, 2]), (9, [1, 2, 3, 4])):
            frame = tracked(first, second, lines=lines, columns=120)
            assert ips(frame) == [f"10.58.1.{last}" for last in kept]

    def test_of_few_lines_gives_up_its_headings_before_its_rows(self):
        assert ips(tracked(FLEET, lines=4)) == ["10.58.1.14", "10.58.1.15"]
        assert len(ips(tracked(FLEET, lines=6))) == 2

    def test_of_few_columns_has_no_history(self):
        assert "▂" in "".join(tracked(FLEET, columns=80))
        assert "▂" not in "".join(tracked(FLEET, columns=60))

    def test_says_what_is_wrong_above_the_rows_and_lets_it_do_nothing_to_the_terminal(self):
        frame = tracked(FLEET, warnings=["round 3 failed: \x1b[2J"])

        assert frame[2] == "round 3 failed: \\x1b[2J"

    def test_marks_a_load_over_its_limit_in_red(self):
        frame = tracked([instance(1, cpu=99)], color=True)

        assert "\x1b[31m99%\x1b[0m" in frame[-1]
        assert "\x1b[31mUnhealthy\x1b[0m" in frame[-1]

    def test_wraps_a_reason_where_there_is_room_for_it(self):
        frame = tracked([unknown(1, "AuthService", "timed out after 5 s and more")], columns=60)

        assert "    timed out after 5 s and more" in frame


class TestAFrameOfAReport:
    def test_keeps_the_worst_services_of_averages(self):
        fleet = snapshot(
            instance(1, "AuthService"),
            instance(2, "MLService", cpu=99),
            instance(3, "TimeService", cpu=50),
        )
        frame = reported(averages(fleet, POLICY), lines=7)

        assert [line.split()[0] for line in frame[5:7]] == ["MLService", "2"]
        assert frame[-1] == "2 more rows do not fit"

    def test_keeps_the_first_rows_of_an_order_that_was_asked_for(self):
        frame = reported(list_instances(snapshot(*FLEET), POLICY), lines=9, keeps_worst=False)

        assert ips(frame) == ["10.58.1.1", "10.58.1.2", "10.58.1.3"]

    def test_cuts_a_reason_rather_than_showing_no_row(self):
        many = [instance(n, cpu=99) for n in range(1, 21)]
        frame = reported(at_risk(snapshot(*many), POLICY, 2), columns=60, lines=9)

        assert frame[5].startswith("AuthService     0/20  AtRisk   no healthy instance;")
        assert frame[-1].endswith(" …")

    def test_says_that_nothing_is_at_risk(self):
        frame = reported(at_risk(snapshot(instance(1)), POLICY, 1))

        assert "no service is at risk: the only service has 1 healthy instance or more" in frame

    def test_says_that_nothing_can_be_said(self):
        frame = reported(at_risk(snapshot(unknown(1)), POLICY, 1))

        assert any(
            line.startswith("the only listed instance gave no usable answer") for line in frame
        )


class TestASpark:
    def test_has_a_fixed_scale_the_newest_to_the_right_and_gaps(self):
        assert spark([0, 12, 13, 50, 99, 100, None, 75], 9) == " ▁▁▂▅██ ▇"

    def test_shows_the_last_that_fit(self):
        assert spark(list(range(101)), 3) == "███"
        assert spark([1, 2], 0) == ""

    def test_can_be_of_ascii_alone(self):
        assert spark([0, 50, 100], 3, ascii_only=True) == "_=#"


class TestASummary:
    def of(self, *rounds, width=None):
        history = History()
        for number, observations in enumerate(rounds, start=1):
            history.learn(track_round(number, *observations))
        return summary_text(history.summary(), Style(width=width))

    def test_has_a_row_for_each_instance(self):
        assert self.of([instance(1, cpu=10)], [instance(1, cpu=95)], [unknown(1)]) == (
            "AuthService: 3 rounds from 2026-11-22T12:00:00Z to 2026-11-22T12:00:00Z\n"
            "           CPU %              Memory %\n"
            "IP         min  mean p95 max  min  mean p95 max  Unhealthy  Unknown  Flips\n"
            "--------------------------------------------------------------------------\n"
            "10.58.1.1   10  52.5  95  95   20  20.0  20  20        33%      33%      1\n"
        )

    def test_says_when_an_instance_came_or_went_and_in_how_many_rounds_it_was_there(self):
        one, two = instance(1), instance(2)
        text = self.of([one], [one, two], [two], [two])

        stayed, joined = text.splitlines()[-2:]
        assert stayed.endswith("  2 of 4 rounds, left 12:00:00")
        assert joined.endswith("  3 of 4 rounds, joined 12:00:00")

    def test_of_a_narrow_terminal_has_a_table_for_each_load(self):
        text = self.of([instance(1)], width=60)

        assert max(map(len, text.splitlines())) <= 60
        assert text.count("10.58.1.1") == 2

    def test_has_no_number_where_nothing_was_seen(self):
        assert self.of([unknown(1)]).splitlines()[-1].split() == [
            *("10.58.1.1", *"--------", "0%", "100%", "0")
        ]

    @pytest.mark.parametrize(
        ("sick", "rounds", "shown"), [(0, 300, "0%"), (1, 300, "<1%"), (299, 300, ">99%")]
    )
    def test_rounds_no_share_to_nothing_or_all(self, sick, rounds, shown):
        seen = [[instance(1, cpu=99 if n < sick else 1)] for n in range(rounds)]

        assert self.of(*seen).splitlines()[-1].split()[-3] == shown


class TestWhatMattersLeast:
    """On a narrow terminal it goes first; names are cut only where nothing else helps."""

    def headers(self, report, width, *, wide=True):
        frame = report_frame(
            round_of(report), Heading("now"), Style(width=width), Height(40), wide=wide
        )
        return next(line for line in frame if line.startswith("Service"))

    def test_is_what_memory_and_then_cpu_came_to_at_the_rims(self):
        report = averages(snapshot(instance(1, "A" * 20)), POLICY)

        assert "Memory max" in self.headers(report, 140)
        assert "CPU max" in self.headers(report, 115)
        assert "Memory max" not in self.headers(report, 115)
        assert self.headers(report, 72).split() == [
            *("Service", "Instances", "Healthy", "CPU", "Memory", "Survives", "loss")
        ]

    def test_is_how_many_instances_there_are_of_which_so_many_are_healthy(self):
        report = averages(snapshot(instance(1)), POLICY)

        assert self.headers(report, 40, wide=False).split() == [
            *("Service", "Healthy", "CPU", "Memory")
        ]


def test_in_forty_columns_the_address_the_status_and_both_numbers_are_whole():
    seen = snapshot(instance(1, "PermissionsService", 100, 100), unknown(9))
    frame = reported(list_instances(seen, POLICY), columns=40)

    (row,) = (line for line in frame if line.startswith("10.58.1.1 "))
    assert row == "10.58.1.1 Permiss… Unhealthy 100%   100%"
