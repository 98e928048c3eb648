import pytest
from hypothesis import given
from strategies import hostile_text

from cpx_monitor.adapters.expectations import read_expectation, render_expectation
from cpx_monitor.app.expectation import Expected
from cpx_monitor.app.ports import FileUnusable


def read(tmp_path, text):
    path = tmp_path / "services.txt"
    path.write_text(text, encoding="utf-8")
    return read_expectation(str(path), print)


def test_a_line_is_a_service_and_perhaps_a_number(tmp_path):
    text = '# all\nTicketService 8\nUserService # any number\n\nTwo words 3\n"a # b" 2\n'

    assert read(tmp_path, text) == (
        Expected("TicketService", 8),
        Expected("UserService"),
        Expected("Two words", 3),
        Expected("a # b", 2),
    )


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("A 0\n", "line 1: expected at least 1 instance"),
        ('\n"A 1\n', "line 2: the quotes are not closed"),
        ('"A" many\n', "line 1: expected a service, then nothing or a number of instances"),
        ("A 1\nA 2\n", "line 2: A appears twice"),
        ("# nothing\n", "names no service"),
    ],
)
def test_what_cannot_be_used_is_said_with_its_line(tmp_path, text, error):
    with pytest.raises(FileUnusable, match=error):
        read(tmp_path, text)


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(FileUnusable, match="no such file"):
        read_expectation(str(tmp_path / "x"), print)


@given(hostile_text.filter(lambda name: name.strip()))
def test_what_was_written_is_read_back(tmp_path_factory, name):
    expected = (Expected(name.encode("utf-8", "replace").decode(), 3),)
    folder = tmp_path_factory.mktemp("expected")

    assert read(folder, render_expectation(expected)) == expected
