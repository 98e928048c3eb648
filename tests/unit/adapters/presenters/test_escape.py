import pytest

from cpx_monitor.adapters.presenters.escape import printable, unmistakable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("öäü 服务 ✓", "öäü 服务 ✓"),
        ("a\x1b[31m", "a\\x1b[31m"),
        ("a\u202eb", "a\\u202eb"),
        ("a\u200bb", "a\\u200bb"),
        ("a\u2028b", "a\\u2028b"),
        ("a\xa0b", "a\\xa0b"),
        ("a\u3000b", "a\\u3000b"),
        ("a\u3164", "a\\u3164"),
        ("a\u2800", "a\\u2800"),
        ("a\ufe0f", "a\\ufe0f"),
        ("\U000e0101", "\\U000e0101"),
    ],
)
def test_what_a_terminal_acts_on_or_nobody_sees_is_shown_escaped(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize("name", ["AuthService", "two words", "-x", "--", "Unknown2"])
def test_a_name_is_shown_as_it_is(name):
    assert unmistakable(name) == name


@pytest.mark.parametrize("name", ["-", "Unknown", "Healthy", "Unhealthy", " A", "A ", "'A'"])
def test_a_name_that_could_be_taken_for_something_else_is_shown_in_quotes(name):
    assert unmistakable(name) == f"'{name}'"
