import io

import pytest

from cpx_monitor.entrypoints.terminal.console import Console


class Terminal(io.StringIO):
    def isatty(self):
        return True


def console(stdout=None, environ=None):
    return Console(stdout or io.StringIO(), io.StringIO(), environ or {})


def test_an_error_is_two_lines_one_of_them_what_to_do():
    talking = console()

    talking.error("it is broken", "mend it")

    assert talking.stderr.getvalue() == "error: it is broken\nhint:  mend it\n"


def test_an_error_text_from_outside_is_escaped():
    talking = console()

    talking.error("answered \x1b[2J\nerror: all is lost")

    assert talking.stderr.getvalue() == "error: answered \\x1b[2J\\nerror: all is lost\n"


@pytest.mark.parametrize(
    ("when", "environ", "stdout", "wanted"),
    [
        ("auto", {}, Terminal, True),
        ("auto", {}, io.StringIO, False),
        ("auto", {"TERM": "dumb"}, Terminal, False),
        ("always", {"TERM": "dumb"}, io.StringIO, True),
        ("never", {}, Terminal, False),
    ],
)
def test_colour_is_as_told_else_for_terminals(when, environ, stdout, wanted):
    assert console(stdout(), environ).wants_color(when) is wanted
