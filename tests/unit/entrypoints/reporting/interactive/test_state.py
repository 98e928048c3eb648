"""What each key does to what is looked at."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpx_monitor.app.ordering import Order
from cpx_monitor.entrypoints.reporting.interactive import keys
from cpx_monitor.entrypoints.reporting.interactive.keys import Key
from cpx_monitor.entrypoints.reporting.interactive.state import (
    Effect,
    Situation,
    ViewState,
    press,
    settled,
)

ROWS = tuple("abcdefghij")
HERE = Situation(
    rows=ROWS,
    height=4,
    rounds=(3, 4, 5),
    orders={"c": Order("cpu", reverse=True), "i": Order("status")},
    columns=("ip", "cpu"),
    can_enter=True,
)


def after(*names, state=None, situation=HERE):
    state = settled(state or ViewState(), situation)
    for name in names:
        state, _ = press(state, Key(name), situation)
    return state


class TestSelecting:
    def test_begins_with_the_first_row(self):
        assert after().selected == "a"

    @pytest.mark.parametrize(
        ("pressed", "selected", "first"),
        [
            (["j"], "b", 0),
            ([keys.DOWN] * 4, "e", 1),
            (["k"], "a", 0),
            (["G"], "j", 6),
            (["G", "k"], "i", 6),
            ([keys.PAGE_DOWN], "d", 0),
            ([keys.PAGE_DOWN] * 2, "g", 3),
            (["G", keys.PAGE_UP], "g", 6),
            (["G", "g"], "a", 0),
        ],
    )
    def test_moves_and_keeps_the_row_on_the_screen(self, pressed, selected, first):
        state = after(*pressed)

        assert (state.selected, state.first) == (selected, first)

    def test_follows_its_row_where_others_come_and_go(self):
        state = after("j", "j")

        assert settled(state, HERE._replace(rows=("x", *ROWS))).selected == "c"

    def test_stays_at_the_top_whatever_comes_to_be_there(self):
        assert settled(after(), HERE._replace(rows=("x", *ROWS))).selected == "x"

    def test_takes_the_row_in_its_place_where_its_own_is_gone(self):
        state = after("j", "j")

        assert settled(state, HERE._replace(rows=("a", "b", "d"))).selected == "d"
        assert settled(state, HERE._replace(rows=("a",))).selected == "a"
        assert settled(state, HERE._replace(rows=())).selected is None


class TestLookingInto:
    def test_a_row_and_back_comes_to_the_same_row(self):
        inside = after("j", keys.ENTER)
        assert (inside.inside, inside.selected) == ("b", "a")

        for back in ("h", keys.ESCAPE):
            assert after(back, state=inside).selected == "b"

    def test_is_not_everywhere(self):
        assert after(keys.ENTER, situation=HERE._replace(can_enter=False)).inside is None

    def test_keeps_the_round_that_is_looked_at(self):
        assert after("[", keys.ENTER).round == 4
        assert after("[", keys.ENTER, "[", "h").round == 3


class TestFiltering:
    def test_acts_while_it_is_typed(self):
        assert after("/", "c", "p", "u").filter_in_force == "cpu"

    def test_is_kept_by_enter_and_cleared_by_escape(self):
        kept = after("/", "c", "j", keys.ENTER)

        assert (kept.filter, kept.typed) == ("cj", None)
        assert after(keys.ESCAPE, state=kept).filter == ""

    def test_that_is_given_up_leaves_the_one_before(self):
        kept = after("/", "c", keys.ENTER)

        assert after("/", "x", keys.ESCAPE, state=kept).filter_in_force == "c"

    def test_can_be_corrected(self):
        assert after("/", "a", "b", keys.BACKSPACE, "c").typed == "ac"
        assert after("/", "a", "b", keys.DELETE_LINE, "c").typed == "c"

    def test_takes_what_is_pasted_without_control_characters(self):
        state, _ = press(after("/"), Key("", "10.58\n.1\x1b"), HERE)

        assert state.typed == "10.58.1"

    def test_goes_on_while_rows_are_selected(self):
        assert after("/", "a", keys.DOWN).selected == "b"

    def test_escape_closes_first_the_typing_then_the_filter_then_the_view(self):
        state = after(keys.ENTER, "/", "x", keys.ENTER, "/", "y")

        state = after(keys.ESCAPE, state=state)
        assert (state.typed, state.filter, state.inside) == (None, "x", "a")
        state = after(keys.ESCAPE, state=state)
        assert (state.filter, state.inside) == ("", "a")
        assert after(keys.ESCAPE, state=state).inside is None


class TestSorting:
    def test_by_the_same_key_again_reverses(self):
        assert after("c").order == Order("cpu", reverse=True)
        assert after("c", "c").order == Order("cpu", reverse=False)
        assert after("c", "i").order == Order("status")

    def test_steps_through_all_columns(self):
        assert [after(*"s" * times).order.sort_by for times in (1, 2, 3)] == ["ip", "cpu", "ip"]


class TestRounds:
    def test_are_gone_through_back_and_forth_as_far_as_they_are_held(self):
        assert after("[").round == 4
        assert after("[", "[", "[", "[").round == 3
        assert after("[", "[", "]").round == 4
        assert after("[", "]").round is None

    def test_beyond_the_newest_are_yet_to_be_played(self):
        assert press(after(), Key("]"), HERE)[1] is Effect.PLAY_ON
        assert press(after(" "), Key("]"), HERE)[1] is Effect.PLAY_ON
        assert press(after("["), Key("]"), HERE)[1] is None

    def test_lead_back_to_now_from_wherever(self):
        state = after("[", "[", " ", ".")

        assert (state.round, state.is_frozen) == (None, False)

    def test_that_are_held_no_longer_are_left_for_the_oldest(self):
        state = after("[", "[")

        assert settled(state, HERE._replace(rounds=(7, 8, 9))).round == 7

    def test_that_come_do_not_move_a_view_that_is_frozen(self):
        frozen = after(" ")
        later = HERE._replace(rounds=(3, 4, 5, 6, 7))

        assert settled(frozen, later).round == 5
        assert after("r", state=frozen, situation=later).round == 5
        assert after(" ", state=frozen, situation=later).round is None


class TestEffects:
    @pytest.mark.parametrize(
        ("name", "effect"), [("q", Effect.QUIT), ("r", Effect.POLL), ("w", Effect.WRITE)]
    )
    def test_have_a_key_each(self, name, effect):
        assert press(after(), Key(name), HERE)[1] is effect

    def test_are_characters_while_a_filter_is_typed(self):
        state, effect = press(after("/"), Key("q"), HERE)

        assert (state.typed, effect) == ("q", None)

    def test_are_none_while_help_is_shown_which_any_key_closes(self):
        state, effect = press(after("?"), Key("q"), HERE)

        assert (state.shows_help, effect) == (False, None)


NAMED = (
    *(keys.UP, keys.DOWN, keys.PAGE_UP, keys.PAGE_DOWN, keys.HOME, keys.END),
    *(keys.ENTER, keys.ESCAPE, keys.BACKSPACE, keys.DELETE_LINE),
)
KEYS = st.sampled_from([*"qrwjkgGhcin s/?[].x", *NAMED])


@given(st.lists(KEYS, max_size=60), st.lists(st.sampled_from(ROWS), unique=True), st.integers(1, 9))
def test_whatever_is_pressed_the_selected_row_is_there_and_on_the_screen(pressed, rows, height):
    situation = HERE._replace(rows=rows, height=height)
    state = ViewState()
    for name in pressed:
        state, _ = press(state, Key(name), situation)

        assert state.selected in rows if rows else state.selected is None
        assert state.first <= state.place < state.first + height
        assert state.round is None or state.round in situation.rounds
