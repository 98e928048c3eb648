"""The pictures of the documentation; `make pictures` writes docs/pictures anew.

An incident is made up, recorded, and played back on a terminal, whose screen is drawn; the plot is
that of the same recording.
"""

import contextlib
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from terminal import Terminal  # noqa: E402 - it is the tests'

from cpx_monitor.adapters.in_memory import InMemoryFleet  # noqa: E402
from cpx_monitor.adapters.recordings.writer import RecordingFleet  # noqa: E402
from cpx_monitor.domain.fleet import Instance, Observation, Unknown  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
BIN = Path(sys.executable).parent
SERVICE = "AuthService"
ROUNDS = 60
EVERY_S = 5
COLUMNS, LINES = 100, 16

_COLORS = {"default": "#d0d0d0", "red": "#ff6b68", "green": "#6cc26c", "brown": "#e0b84c"}
_BACKGROUND = "#1c1c1c"
_CELL_WIDTH, _LINE_HEIGHT, _MARGIN = 8.4, 18, 12


class RecordedTime:
    """A clock that goes on by a round at a time."""

    def __init__(self) -> None:
        self.round = 0

    def now(self) -> datetime:
        begin = datetime(2026, 11, 22, 2, 58, tzinfo=UTC)
        return begin + timedelta(seconds=self.round * EVERY_S)

    def monotonic_s(self) -> float:
        return float(self.round * EVERY_S)

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing waits here")


def incident() -> Iterator[list[Observation]]:
    """Nine instances; one runs away and falls silent, and the others carry its load."""
    for number in range(ROUNDS):
        yield [seen for place in range(1, 10) if (seen := instance(place, number))]


def instance(place: int, number: int) -> Observation | None:
    ip = f"10.58.1.{place * 7}"
    ripple = 6 * math.sin(number / 3 + place * 2) + 3 * math.sin(number * 1.7 + place)
    cpu, memory = 48 + 3 * (place % 4) + ripple, 55 + place + ripple / 3
    ran_away, silent = 18, 38
    if place == 4 and number > ran_away:
        cpu += 2.4 * (number - ran_away)
        memory += 1.6 * (number - ran_away)
        if number > silent:
            return Unknown(ip, "timed out after 5 s", SERVICE)
    elif number > silent:
        cpu += 22 * min(1, (number - silent) / 8)
    if place == 6 and number > 44:
        cpu += 14 if number % 4 < 2 else -6
    if place == 9 and number < ROUNDS - 2:
        return None
    return Instance(ip, SERVICE, min(100, round(cpu)), min(100, round(memory)))


def record(path: Path) -> None:
    clock = RecordedTime()
    recorder = RecordingFleet(
        InMemoryFleet(incident(), clock, source="CPX"), str(path), clock, print
    )
    for clock.round in range(ROUNDS):
        recorder.snapshot()
    recorder.close()


def draw_track(recording: Path, picture: Path) -> None:
    words = ["track", SERVICE, f"--from={recording.name}", "--speed=60"]
    with contextlib.chdir(recording.parent):  # whose name is not to show
        draw_screen(words, f"round {ROUNDS - 1} at ", picture)


def draw_screen(words: Sequence[str], shown: str, picture: Path) -> None:
    """What a terminal shows once that is on it."""
    env = {**os.environ, "TERM": "xterm", "LANG": "C.UTF-8"}
    terminal = Terminal([str(BIN / "cpx-monitor"), *words], env, COLUMNS, LINES)
    try:
        terminal.wait_for(shown)
        rows = [[terminal.screen.buffer[y][x] for x in range(COLUMNS)] for y in range(LINES)]
    finally:
        terminal.close()
    picture.write_text(svg_of(rows), encoding="utf-8")


def svg_of(rows: Sequence[Sequence[Any]]) -> str:
    """The characters of a screen, those of one colour together."""
    width = COLUMNS * _CELL_WIDTH + 2 * _MARGIN
    height = len(rows) * _LINE_HEIGHT + 2 * _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}"'
        ' font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14">',
        f'<rect width="100%" height="100%" rx="6" fill="{_BACKGROUND}"/>',
    ]
    for y, row in enumerate(rows):
        baseline = _MARGIN + (y + 0.75) * _LINE_HEIGHT
        drawn = groupby(enumerate(row), key=lambda cell: (cell[1].fg, cell[1].reverse))
        for (color, is_reversed), group in drawn:
            cells = list(group)
            text = "".join(cell.data for _, cell in cells)
            if text.strip():
                left = _MARGIN + cells[0][0] * _CELL_WIDTH
                ink = _COLORS[color]
                if is_reversed:
                    parts.append(
                        f'<rect x="{left:.1f}" y="{_MARGIN + y * _LINE_HEIGHT:.1f}"'
                        f' width="{len(text) * _CELL_WIDTH:.1f}" height="{_LINE_HEIGHT}"'
                        f' fill="{ink}"/>'
                    )
                    ink = _BACKGROUND
                parts.append(
                    f'<text x="{left:.1f}" y="{baseline:.1f}" fill="{ink}"'
                    f' textLength="{len(text) * _CELL_WIDTH:.1f}" xml:space="preserve">'
                    f"{escape(text)}</text>"
                )
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "incident.jsonl"
        record(recording)
        draw_track(recording, PICTURES / "track.svg")
        draw_screen(["top", "--demo", "--every=0.1"], "round 12 at ", PICTURES / "top.svg")
        plot = [BIN / "cpx-monitor", "plot", recording, f"--output={PICTURES / 'plot.svg'}"]
        subprocess.run(plot, check=True)
    print(PICTURES)


if __name__ == "__main__":
    main()
