"""Which rows a filter leaves: ``10.58.1``, ``cpu>80``, ``memory>=70``, ``status=unknown``."""

import operator
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

_COMPARISON = re.compile(r"([A-Za-z0-9_]+)(>=|<=|!=|==|=|>|<)(\S*)")
_SPACED = re.compile(r"\s*(>=|<=|!=|==|=|>|<)\s*")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
}
# What people type, and how the fields are called.
_FIELDS = {
    "cpu": ("cpu_percent",),
    "memory": ("memory_percent",),
    "mem": ("memory_percent",),
    "name": ("service",),
}


def matcher(text: str) -> Callable[[Any], bool]:
    """Whether a row is left by a filter: by all of its words, between which there is space.

    Cases of a word: a comparison with a field; one that is not whole yet, which leaves every row; a
    text that any column contains, in any case. A comparison with what is no field is a text. A
    value that is not known fits no comparison, and a number is compared with numbers only.
    """
    words = [_word(word) for word in _SPACED.sub(r"\1", text).split()]
    if len(words) == 1:
        return words[0]
    return lambda row: all(fits(row) for fits in words)


def _word(text: str) -> Callable[[Any], bool]:
    wanted = text.casefold()

    def contains(row: Any) -> bool:
        return wanted in _texts_of(row)

    comparison = _COMPARISON.fullmatch(text)
    if comparison is None:
        return contains
    name, sign, given = comparison.groups()
    names = _FIELDS.get(name.casefold(), (name.casefold(),))
    number = _number(given)

    def compares(row: Any) -> bool:
        if not any(hasattr(row, each) for each in names):
            return contains(row)
        if not given:
            return True
        value = next(getattr(row, each) for each in names if hasattr(row, each))
        value = getattr(value, "mean", value)  # of a service's loads
        if value is None:
            return False
        if isinstance(value, int | float):
            return number is not None and _COMPARE[sign](value, number)
        return _compare_texts(str(value).casefold(), sign, given.casefold())

    return compares


def _compare_texts(value: str, sign: str, given: str) -> bool:
    """The beginning of a text is enough to be equal: ``status=un``."""
    if sign in ("=", "=="):
        return value.startswith(given)
    return not value.startswith(given) if sign == "!=" else _COMPARE[sign](value, given)


def _number(text: str) -> float | None:
    try:
        return float(text.removesuffix("%"))
    except ValueError:
        return None


@lru_cache(20_000)
def _texts_of(row: Any) -> str:
    """One column a line. It is asked of the same rows for every letter of a filter."""
    return "\n".join(_texts(row))


@lru_cache(20_000)
def _percent(value: float) -> str:
    return f"{value:g}%"


def _texts(value: Any) -> list[str]:
    """The texts of a row's columns, as they are shown: ``61%``, ``2/3``."""
    shown: list[str] = []
    for field in value:
        if isinstance(field, str):
            shown.append(field.casefold())
        elif field is None or isinstance(field, bool):
            continue
        elif isinstance(field, tuple):
            shown += _texts(field)
        else:
            shown.append(_percent(field))
    return shown
