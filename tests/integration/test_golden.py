"""What each command prints in each format: on terminals, in a pipe, without colour.

The files of ``tests/golden`` are the pages of a picture book: one for each command and format, with
the colours and the doings of a screen as words between « and ». ``make golden`` writes them anew.
"""

import gc
import io
import os
import re
from pathlib import Path

import pytest

from cpx_monitor.entrypoints.cli import run
from cpx_monitor.entrypoints.process import run_guarded
from cpx_monitor.entrypoints.terminal.console import Console

GOLDEN = Path(__file__).parents[1] / "golden"
RECORDING = "tests/golden/recording.jsonl"
FORMATS = ("table", "wide", "json", "jsonl", "csv")
COMMANDS = {
    "list": ["list", f"--from={RECORDING}"],
    "averages": ["averages", f"--from={RECORDING}"],
    "at-risk": ["at-risk", f"--from={RECORDING}", "--threshold=3"],
    "track": ["track", "AuthService", f"--from={RECORDING}", "--speed=max"],
    "diff": ["diff", RECORDING, RECORDING, "--ago=5s"],
    "doctor": ["doctor", "--demo"],
    "config": ["config", "--max-cpu=80"],
}
PLACES = {
    "a terminal of 120 columns": (120, {}),
    "a terminal of 80 columns": (80, {}),
    "a terminal of 60 columns": (60, {}),
    "a pipe": (None, {}),
    "a terminal of 80 columns, with NO_COLOR": (80, {"NO_COLOR": "1"}),
}
WORDS_FOR = {
    "\x1b[?1049h\x1b[?25l\x1b[2J": "«takes the screen»\n",
    "\x1b[?25h\x1b[?1049l": "«gives the screen back»\n",
    "\x1b[H": "«frame»\n",
    "\x1b[J": "\n",
    "\x1b[K": "",
    "\r\n": "\n",
    "\x1b[31m": "«red»",
    "\x1b[32m": "«green»",
    "\x1b[33m": "«yellow»",
    "\x1b[0m": "«»",
}


@pytest.fixture(autouse=True)
def _nothing_but_new_garbage():
    """track looks for garbage each round, and there is much of the tests' own to look through."""
    gc.freeze()
    yield
    gc.unfreeze()


class Stream(io.StringIO):
    def __init__(self, is_terminal):
        super().__init__()
        self.is_terminal = is_terminal

    def isatty(self):
        return self.is_terminal


def printed(words, columns, environ):
    """Both streams, as one would see them one after the other."""
    stdout, stderr = Stream(columns is not None), Stream(columns is not None)
    size = os.terminal_size((columns or 80, 14))
    environ = {"TERM": "xterm", **environ}
    code = run_guarded(run, words, Console(stdout, stderr, environ, lambda stream: size))
    text = stdout.getvalue()
    for codes, said in WORDS_FOR.items():
        text = text.replace(codes, said)
    assert "\x1b" not in text
    told = "".join(f"(stderr) {line}\n" for line in stderr.getvalue().splitlines())
    return f"{text}{told}(exit code {code})\n"


def page(command, chosen):
    words = [*COMMANDS[command], *([] if chosen == "table" else ["-o", chosen])]
    sections = [
        f"$ cpx-monitor {' '.join(words)}    # {place}\n{printed(words, columns, environ)}"
        for place, (columns, environ) in PLACES.items()
    ]
    return "\n".join(sections)


@pytest.mark.parametrize("chosen", FORMATS)
@pytest.mark.parametrize("command", COMMANDS)
def test_is_as_the_page_shows(command, chosen, monkeypatch):
    monkeypatch.chdir(GOLDEN.parents[1])
    path = GOLDEN / f"{command}-{chosen}.txt"
    if os.environ.get("CPX_WRITE_GOLDEN"):
        path.write_text(page(command, chosen), encoding="utf-8")

    assert page(command, chosen) == path.read_text(encoding="utf-8")


def test_there_is_no_page_of_anything_else():
    pages = {f"{command}-{chosen}.txt" for command in COMMANDS for chosen in FORMATS}

    assert {path.name for path in GOLDEN.glob("*.txt")} == pages


def test_no_page_shows_a_recording_that_cannot_be_read():
    assert not [
        path.name for path in GOLDEN.glob("*.txt") if "(stderr) warning" in path.read_text()
    ]


@pytest.mark.parametrize("command", ["list", "averages", "at-risk", "track"])
@pytest.mark.parametrize("columns", [60, 80])
def test_no_line_of_a_table_is_wider_than_the_terminal(command, columns):
    text = (GOLDEN / f"{command}-table.txt").read_text(encoding="utf-8")
    (section,) = re.findall(
        rf"^\$ .*    # a terminal of {columns} columns\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE
    )
    from wcwidth import wcswidth

    for line in section.splitlines():
        if not line.startswith(("(stderr)", "(exit")):
            assert wcswidth(re.sub("«.*?»", "", line)) <= columns, line
