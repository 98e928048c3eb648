"""What keys do: from the state of a view and a key to the next state. Nothing is drawn here."""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from typing import NamedTuple

from cpx_monitor.app.ordering import Order
from cpx_monitor.entrypoints.reporting.interactive import keys
from cpx_monitor.entrypoints.reporting.interactive.keys import Key


class Effect(Enum):
    """What a key does beside changing the view."""

    QUIT = auto()
    POLL = auto()
    WRITE = auto()
    PLAY_ON = auto()


class Situation(NamedTuple):
    """What is on the screen when a key comes.

    ``rows`` are the keys of all rows, in their order, of which ``height`` fit; ``rounds`` the
    numbers of those held, in their order; ``orders`` what the keys that sort sort by, ``columns``
    what `s` steps through. With ``can_enter`` a row can be looked into.
    """

    rows: Sequence[str]
    height: int
    rounds: Sequence[int]
    orders: Mapping[str, Order]
    columns: Sequence[str]
    can_enter: bool = False


NOTHING_YET = Situation((), 0, (), {}, ())


class ViewState(NamedTuple):
    """``inside`` is the row that was looked into, ``outside`` the view before that. ``selected`` is
    the key of a row and ``place`` its number when it was last there, ``first`` the number of the
    first row on the screen. ``typed`` is the filter while it is typed, ``round`` the number of the
    round that is looked at; both are None otherwise.
    """

    inside: str | None = None
    outside: "ViewState | None" = None
    selected: str | None = None
    place: int = 0
    first: int = 0
    filter: str = ""
    typed: str | None = None
    order: Order | None = None
    round: int | None = None
    is_frozen: bool = False
    shows_help: bool = False

    @property
    def filter_in_force(self) -> str:
        return self.filter if self.typed is None else self.typed


def press(state: ViewState, key: Key, situation: Situation) -> tuple[ViewState, Effect | None]:
    """Cases: help is shown; a filter is typed; what ends, polls or writes; beyond the newest round;
    what changes the view; no key of ours.
    """
    state = settled(state, situation)
    if state.shows_help:
        return state._replace(shows_help=False), None
    if state.typed is not None and key.name not in _MOVES:
        return _type(state, state.typed, key), None
    if key.name in _EFFECTS:
        return state, _EFFECTS[key.name]
    if key.name == "]" and _is_at_newest(state, situation):
        return state, Effect.PLAY_ON
    if key.name in _MOVES:
        state = _MOVES[key.name](state, situation)
    elif key.name in situation.orders:
        state = state._replace(order=_order_by(state.order, situation.orders[key.name]))
    elif key.name in _CHANGES:
        state = _CHANGES[key.name](state, situation)
    return settled(state, situation), None


def settled(state: ViewState, situation: Situation) -> ViewState:
    """With a row selected that is there, and on the screen; the one in its place where it is gone,
    or where it was the first.
    Of rounds that are no longer held the oldest is looked at.
    """
    rows, height = situation.rows, max(1, situation.height)
    index = min(state.place, max(0, len(rows) - 1))
    # At the top one stays there, whatever comes to be the first.
    if index and rows[index] != state.selected and state.selected in rows:
        index = rows.index(state.selected)
    first = min(state.first, index, max(0, len(rows) - height))
    first = max(first, index - height + 1)
    number = state.round
    if number is not None and situation.rounds:
        number = max(number, situation.rounds[0])
    selected = rows[index] if rows else None
    return state._replace(selected=selected, place=index, first=max(0, first), round=number)


_EFFECTS = {"q": Effect.QUIT, "r": Effect.POLL, "w": Effect.WRITE}


def _type(state: ViewState, typed: str, key: Key) -> ViewState:
    """Cases: done; given up; a character less, or all; more of them; a key without a character."""
    match key.name:
        case keys.ENTER:
            return state._replace(filter=typed, typed=None)
        case keys.ESCAPE:
            return state._replace(typed=None)
        case keys.BACKSPACE:
            return state._replace(typed=typed[:-1])
        case keys.DELETE_LINE:
            return state._replace(typed="")
    more = key.name if len(key.name) == 1 else key.pasted
    return state._replace(typed=typed + "".join(filter(str.isprintable, more)))


def _order_by(before: Order | None, wanted: Order) -> Order:
    """The same key again reverses."""
    if before is not None and before.sort_by == wanted.sort_by:
        return before._replace(reverse=not before.reverse)
    return wanted


Step = Callable[[ViewState, Situation], ViewState]


def _move(by: Callable[[Situation], int]) -> Step:
    def move(state: ViewState, situation: Situation) -> ViewState:
        index = min(max(0, state.place + by(situation)), max(0, len(situation.rows) - 1))
        selected = situation.rows[index] if situation.rows else None
        return state._replace(place=index, selected=selected)

    return move


_UP, _DOWN = _move(lambda _: -1), _move(lambda _: 1)
_MOVES: dict[str, Step] = {
    keys.UP: _UP,
    keys.DOWN: _DOWN,
    keys.PAGE_UP: _move(lambda situation: -max(1, situation.height - 1)),
    keys.PAGE_DOWN: _move(lambda situation: max(1, situation.height - 1)),
    keys.HOME: _move(lambda situation: -len(situation.rows)),
    keys.END: _move(lambda situation: len(situation.rows)),
}


def _enter(state: ViewState, situation: Situation) -> ViewState:
    if not situation.can_enter or state.selected is None:
        return state
    return ViewState(
        inside=state.selected, outside=state, round=state.round, is_frozen=state.is_frozen
    )


def _leave(state: ViewState, situation: Situation) -> ViewState:
    if state.outside is None:
        return state
    return state.outside._replace(round=state.round, is_frozen=state.is_frozen)


def _escape(state: ViewState, situation: Situation) -> ViewState:
    return state._replace(filter="") if state.filter else _leave(state, situation)


def _freeze(state: ViewState, situation: Situation) -> ViewState:
    if state.is_frozen:
        return state._replace(is_frozen=False, round=None)
    newest = situation.rounds[-1] if situation.rounds else None
    return state._replace(is_frozen=True, round=newest if state.round is None else state.round)


def _go_back(state: ViewState, situation: Situation) -> ViewState:
    before = [number for number in situation.rounds if number < _looked_at(state, situation)]
    return state._replace(round=before[-1]) if before else state


def _go_forth(state: ViewState, situation: Situation) -> ViewState:
    after = [number for number in situation.rounds if number > _looked_at(state, situation)]
    if len(after) > 1 or (after and state.is_frozen):
        return state._replace(round=after[0])
    return state if state.is_frozen else state._replace(round=None)


def _is_at_newest(state: ViewState, situation: Situation) -> bool:
    """With nothing to go forth to."""
    return state.round is None or (state.is_frozen and state.round == situation.rounds[-1])


def _looked_at(state: ViewState, situation: Situation) -> int:
    if state.round is not None:
        return state.round
    return situation.rounds[-1] if situation.rounds else 0


def _step_order(state: ViewState, situation: Situation) -> ViewState:
    columns = situation.columns
    if not columns:
        return state
    now = state.order.sort_by if state.order else None
    place = columns.index(now) + 1 if now in columns else 0
    return state._replace(order=Order(columns[place % len(columns)]))


_CHANGES: dict[str, Step] = {
    "k": _UP,
    "j": _DOWN,
    keys.DELETE_LINE: _MOVES[keys.PAGE_UP],  # ctrl-u, where no filter is typed
    "g": _MOVES[keys.HOME],
    "G": _MOVES[keys.END],
    keys.ENTER: _enter,
    "h": _leave,
    keys.ESCAPE: _escape,
    "/": lambda state, _: state._replace(typed=state.filter),
    "?": lambda state, _: state._replace(shows_help=True),
    "s": _step_order,
    " ": _freeze,
    "[": _go_back,
    "]": _go_forth,
    ".": lambda state, _: state._replace(round=None, is_frozen=False),
}
HELP = (
    ("↑ ↓ k j", "select a row"),
    ("PgUp PgDn g G", "scroll, to the first row, to the last"),
    ("Enter", "into the selected service; Esc or h: back"),
    ("/", "filter: a text in any column, or cpu>80, memory>=70, status=unknown"),
    ("c m i n s", "sort by CPU, memory, status, name or address, the next column"),
    ("space", "freeze the screen; rounds go on"),
    ("r", "poll now"),
    ("[ ] .", "one round back, one forth, back to now; a recording: ] plays the next"),
    ("w", "write the rounds held as a recording"),
    ("q ctrl-c", "end"),
)
KEY_LINE = "q quit  ? help  / filter  c m i n sort  [ ] rounds  space freeze  w write"
