"""From the bytes that a terminal sends to keys.

A character is a key of its own; the others have names. A slow line may cut a sequence in two, so
what may still become one is kept until more comes, or ``flush`` says that nothing does. Sequences
that are not known are dropped whole, and what is pasted is one key, however long.

https://invisible-island.net/xterm/ctlseqs/ctlseqs.html
"""

import codecs
import re
from typing import NamedTuple

UP, DOWN, PAGE_UP, PAGE_DOWN, HOME, END = "up", "down", "page up", "page down", "home", "end"
ENTER, ESCAPE, BACKSPACE, DELETE_LINE = "enter", "escape", "backspace", "delete line"

_NAMES = {
    "\r": ENTER,
    "\n": ENTER,
    "\x7f": BACKSPACE,
    "\x08": BACKSPACE,
    "\x15": DELETE_LINE,
    "\x02": PAGE_UP,
    "\x04": PAGE_DOWN,
    "\x06": PAGE_DOWN,  # ctrl-b, ctrl-d, ctrl-f
}
_SEQUENCES = {
    **{f"\x1b{lead}A": UP for lead in "[O"},
    **{f"\x1b{lead}B": DOWN for lead in "[O"},
    **{f"\x1b{lead}H": HOME for lead in "[O"},
    **{f"\x1b{lead}F": END for lead in "[O"},
    "\x1b[1~": HOME,
    "\x1b[4~": END,
    "\x1b[5~": PAGE_UP,
    "\x1b[6~": PAGE_DOWN,
    "\x1b[7~": HOME,
    "\x1b[8~": END,
}
PASTE_ON, PASTE_OFF = "\x1b[?2004h", "\x1b[?2004l"
_PASTE_BEGINS, _PASTE_ENDS = "\x1b[200~", "\x1b[201~"
_MAX_PENDING = 65_536
# ESC [ … and ESC O …, to their last character; and their beginnings.
_WHOLE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O[ -~]|[^\[O\x1b])")
_BEGUN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|O)?")


class Key(NamedTuple):
    """``name`` is a character, or one of the names above; of what was pasted it is empty."""

    name: str
    pasted: str = ""


class KeyReader:
    """Bytes go in as they come; keys come out."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._pending = ""

    @property
    def is_waiting(self) -> bool:
        """Whether what came last may be the beginning of more."""
        return bool(self._pending)

    def feed(self, data: bytes) -> list[Key]:
        self._pending += self._decoder.decode(data)
        keys: list[Key] = []
        while self._pending:
            found = self._next()
            if found is None:
                break
            taken, key = found
            self._pending = self._pending[taken:]
            if key is not None:
                keys.append(key)
        return keys

    def flush(self) -> list[Key]:
        """Nothing more has come for a while: an escape that was alone was the key."""
        text, self._pending = self._pending, ""
        if text.startswith(_PASTE_BEGINS):
            self._pending = text  # a long paste over a slow line
            return []
        return [Key(ESCAPE)] if text == "\x1b" else []

    def _next(self) -> tuple[int, Key | None] | None:
        """How much the next key takes, and what it is; None where more has to come first."""
        text = self._pending
        if text.startswith(_PASTE_BEGINS):
            return self._pasted(text)
        if text[0] != "\x1b":
            name = _NAMES.get(text[0], text[0])
            is_key = name in _NAMES.values() or text[0].isprintable()
            return 1, Key(name) if is_key else None
        if text.startswith("\x1b\x1b"):
            return 1, Key(ESCAPE)
        if whole := _WHOLE.match(text):
            name = _SEQUENCES.get(whole[0], "")
            return whole.end(), Key(name) if name else None
        if _BEGUN.fullmatch(text) and len(text) < _MAX_PENDING:
            return None
        return 1, Key(ESCAPE)

    def _pasted(self, text: str) -> tuple[int, Key | None] | None:
        end = text.find(_PASTE_ENDS)
        if end < 0:
            return (len(text), None) if len(text) > _MAX_PENDING else None
        pasted = text[len(_PASTE_BEGINS) : end]
        return end + len(_PASTE_ENDS), Key("", pasted)
