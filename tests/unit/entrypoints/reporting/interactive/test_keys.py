"""From bytes to keys, however they come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpx_monitor.entrypoints.reporting.interactive import keys
from cpx_monitor.entrypoints.reporting.interactive.keys import Key, KeyReader

SEQUENCES = {
    b"\x1b[A": keys.UP,
    b"\x1bOB": keys.DOWN,
    b"\x1b[5~": keys.PAGE_UP,
    b"\x1b[6~": keys.PAGE_DOWN,
    b"\x1b[H": keys.HOME,
    b"\x1b[4~": keys.END,
    b"\r": keys.ENTER,
    b"\x7f": keys.BACKSPACE,
    b"\x15": keys.DELETE_LINE,
    b"q": "q",
    "ü".encode(): "ü",
}


def read(*parts):
    reader = KeyReader()
    return [key for part in parts for key in reader.feed(part)], reader


@pytest.mark.parametrize("data", SEQUENCES)
def test_a_key_has_a_name(data):
    assert read(data)[0] == [Key(SEQUENCES[data])]


@given(st.lists(st.sampled_from(list(SEQUENCES)), max_size=8), st.data())
def test_a_slow_line_may_cut_sequences_anywhere(pressed, data):
    whole = b"".join(pressed)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    parts = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]

    assert read(*parts)[0] == [Key(SEQUENCES[each]) for each in pressed]


def test_an_escape_that_is_alone_is_a_key_once_nothing_more_comes():
    found, reader = read(b"\x1b")

    assert (found, reader.is_waiting) == ([], True)
    assert reader.flush() == [Key(keys.ESCAPE)]
    assert not reader.is_waiting


def test_two_escapes_are_one_that_was_alone_and_one_that_may_be():
    assert read(b"\x1b\x1b")[0] == [Key(keys.ESCAPE)]


@pytest.mark.parametrize("unknown", [b"\x1b[1;5C", b"\x1b[?62;c", b"\x1bOP", b"\x1b[24~", b"\x1bx"])
def test_sequences_that_are_not_known_are_dropped_whole(unknown):
    assert read(unknown + b"q")[0] == [Key("q")]


def test_what_is_pasted_is_one_key():
    assert read(b"\x1b[200~q\x1b[Aw", b"\n\x1b[201~q")[0] == [Key("", "q\x1b[Aw\n"), Key("q")]


def test_a_long_paste_over_a_slow_line_waits_for_its_end():
    found, reader = read(b"\x1b[200~abc")

    assert (found, reader.flush(), reader.is_waiting) == ([], [], True)


@given(st.binary(max_size=40))
def test_whatever_comes_the_next_key_is_found(data):
    found, reader = read(data)
    found += reader.flush()
    for _ in range(3):  # a paste that was begun ends, and an unknown sequence
        found += reader.feed(b"\x1b[201~\x1b[A")

    assert found[-1].name in (keys.UP, "")
